"""The proxies in front: whose word counts for where a request came from, and whether by TLS."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix


def init(app: Flask, hops: int) -> None:
    """Take the client's address and scheme from what the last `hops` proxies have written; 0 believes none.

    Each proxy adds an address to X-Forwarded-For, so the last ones are theirs. X-Forwarded-Proto has the word of
    the nearest alone, which sets it anew. Host, port and prefix are not taken: routers pass on a client's own.
    """
    if hops:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=1, x_host=0, x_port=0, x_prefix=0
        )
