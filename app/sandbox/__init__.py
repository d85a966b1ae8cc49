"""A strict stand-in for DX's Data Cloud API, with faults to switch on: for demo, tests and trying out."""

from app.sandbox.app import create_sandbox
from app.sandbox.server import running, serve

__all__ = ["create_sandbox", "running", "serve"]
