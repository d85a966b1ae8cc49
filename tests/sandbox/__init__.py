"""The stand-in for DX: what it accepts, what it keeps, and how it fails when told to."""
