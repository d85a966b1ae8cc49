"""The dashboard in Debian's Chromium, on a bridge of real processes."""
