"""What the bridge is compared with: a view that only answers, and one with one INSERT and commit a request."""

import os
import sqlite3
import threading
from typing import Any

from flask import Flask, request
from flask.typing import ResponseReturnValue

_ANSWER = {"status": "accepted", "event_id": "01BENCH0000000000000000000"}


def bare() -> Flask:
    """Return an application that reads the body and answers 202 with the bridge's JSON."""
    app = Flask(__name__)

    @app.post("/webhooks/<source>")
    def webhook(source: str) -> ResponseReturnValue:
        request.get_data()
        return _ANSWER, 202

    return app


def inserting() -> Flask:
    """Return an application that writes each body into a table and commits; no check, no redaction."""
    app, own = Flask(__name__), threading.local()

    @app.post("/webhooks/<source>")
    def webhook(source: str) -> ResponseReturnValue:
        if not hasattr(own, "connection"):
            own.connection = _connect(os.environ["BENCH_DATABASE"])
        own.connection.execute(*_insert(own.connection, source, request.get_data()))
        own.connection.commit()
        return _ANSWER, 202

    return app


def _insert(connection: Any, source: str, body: bytes) -> tuple[str, tuple[str, bytes]]:
    mark = "?" if isinstance(connection, sqlite3.Connection) else "%s"
    return f"INSERT INTO bench (source, body) VALUES ({mark}, {mark})", (source, body)


def _connect(database: str) -> Any:
    if database.startswith("postgresql"):
        import psycopg  # noqa: PLC0415

        connection: Any = psycopg.connect(database)
        connection.execute(
            "CREATE TABLE IF NOT EXISTS bench (id bigserial PRIMARY KEY, source text, body bytea)"
        )
        connection.commit()
        return connection
    connection = sqlite3.connect(database, timeout=5)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS bench (id integer PRIMARY KEY, source text, body blob)")
    return connection
