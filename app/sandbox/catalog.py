"""DX's software catalog and its pages, by docs.getdx.com/webapi."""

import secrets
from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from app.sandbox.schema import Refusal

Entities = list[dict[str, Any]]
_text = validate.Regexp(r".*\S", error="Must not be empty.")


class AliasSchema(Schema):
    """What another tool calls an entity."""

    class Meta:
        """As for entities."""

        unknown = INCLUDE

    identifier = fields.String(required=True, validate=_text)
    name = fields.String(allow_none=True)


class EntitySchema(Schema):
    """An entity as PUT /sandbox/catalog takes it; keys that it does not name are kept."""

    class Meta:
        """Whatever else DX shows may be put, too."""

        unknown = INCLUDE

    identifier = fields.String(required=True, validate=_text)
    name = fields.String(allow_none=True)
    type = fields.String(load_default="service", validate=_text)
    aliases = fields.Dict(keys=fields.String(), values=fields.List(fields.Nested(AliasSchema)))


class ListSchema(Schema):
    """The query of catalog.entities.list."""

    cursor = fields.String()
    limit = fields.Integer(validate=validate.Range(1, 100))
    kind = fields.String(data_key="type", validate=_text)
    search_term = fields.String()


LIST = ListSchema()
_ENTITIES = EntitySchema(many=True)


def load_entities(definitions: Any) -> Entities:
    """Return the entities that a list of definitions names; ValidationError if any is bad."""
    entities: Entities = _ENTITIES.load(definitions)
    return entities


class Catalog:
    """The entities, in the order in which they were put, and the cursors given out; for any thread."""

    def __init__(self, entities: Entities | None = None) -> None:
        self.entities = entities or []
        self._rests: dict[str, Entities] = {}

    def page(
        self,
        *,
        cursor: str = "",
        limit: int = 50,
        kind: str = "",
        search_term: str = "",
    ) -> dict[str, Any]:
        """Return one page as DX writes it; Refusal for a cursor that was not given out for these entities."""
        if cursor and cursor not in self._rests:
            raise Refusal("invalid_arguments", "cursor: Unknown, or of an earlier catalog.")
        rest = self._rests[cursor] if cursor else _matching(self.entities, kind, search_term.lower())
        return {
            "ok": True,
            "entities": rest[:limit],
            "response_metadata": {"next_cursor": self._cursor(rest[limit:])},
        }

    def _cursor(self, rest: Entities) -> str | None:
        if not rest:
            return None
        cursor = secrets.token_urlsafe(12)
        self._rests[cursor] = rest
        return cursor


def _matching(entities: Entities, kind: str, term: str) -> Entities:
    return [each for each in entities if kind in ("", each["type"]) and _has(each, term)]


def _has(entity: dict[str, Any], term: str) -> bool:
    return any(term in (entity.get(key) or "").lower() for key in ("identifier", "name"))
