"""A strict stand-in for DX's Data Cloud API, with faults to switch on: for demo, tests and trying out.

It also lists a software catalog as DX's Web API does, at `/catalog.entities.list`: the entities that
`PUT /sandbox/catalog` gave it.
"""

from app.sandbox.app import create_sandbox
from app.sandbox.server import running, serve

__all__ = ["create_sandbox", "running", "serve"]
