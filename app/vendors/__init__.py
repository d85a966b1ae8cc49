"""Readers of the vendors' REST APIs: one module each, listed in `app.vendors.readers`."""
