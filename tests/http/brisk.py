"""The application with little patience for bodies, for gunicorn to serve."""

from app import body
from app.wsgi import create

__all__ = ["create"]

body.SLOWEST_BODY = 0.4
