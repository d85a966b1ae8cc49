"""The program's version, the only place of it: a deploy from the checkout has no package's metadata."""

VERSION = "0.1.0"
