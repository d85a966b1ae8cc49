"""One statement about many rows: SQLite runs it for each, PostgreSQL once, reading them from one JSON text.

There each run costs a message each way, on both sides; and arrays of texts, unlike JSON, are slow to quote.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Executable, Text, bindparam, cast, column, func
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.types import TypeEngine

Row = Mapping[str, ColumnElement[Any]]
"""A row's values in a statement, by their names."""


class Many:
    """A statement built for each dialect from the types of a row's values."""

    def __init__(self, types: Mapping[str, TypeEngine[Any]], build: Callable[[str, Row], Executable]) -> None:
        # what a row is compared with may have its name
        marks = {name: bindparam(f"given_{name}", type_=kind) for name, kind in types.items()}
        rows = cast(bindparam("given", type_=Text), JSON)
        named = [column(name, kind) for name, kind in types.items()]
        given = (
            func.json_to_recordset(rows).table_valued(*named, name="given").render_derived(with_types=True)
        )
        self._each = build("sqlite", marks)
        self._all = build("postgresql", dict(given.c))

    def execute(self, connection: Connection, rows: Sequence[Mapping[str, object]]) -> None:
        """Run the statement for these rows, no two of them about the same."""
        if not rows:
            return
        if connection.dialect.name == "postgresql":
            connection.execute(self._all, {"given": orjson.dumps(rows).decode()})
        else:
            named = [{f"given_{name}": value for name, value in row.items()} for row in rows]
            connection.execute(self._each, named)
