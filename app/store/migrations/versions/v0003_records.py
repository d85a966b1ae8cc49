"""Records of the vendors' APIs among the events; what reconciling looks for, and how far reading has come."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_UNFOLDED, _UNFOLDED_PG = sa.text("folded = 0"), sa.text("NOT folded")
_INFERRED, _INFERRED_PG = sa.text("inferred = 1"), sa.text("inferred")


def upgrade() -> None:
    op.add_column("events", _flag("record", "not a webhook: read from the vendor's API"))
    op.add_column("incidents", _flag("inferred", "its resolution was only shown in passing"))
    op.add_column(
        "incidents", sa.Column("asked_at", sa.BigInteger(), comment="when the vendor was last asked")
    )
    op.drop_index("ix_events_unfolded", "events")
    op.create_index(
        "ix_events_unfolded",
        "events",
        ["record", "id"],
        sqlite_where=_UNFOLDED,
        postgresql_where=_UNFOLDED_PG,
    )
    op.drop_index("ix_events_source_received_at", "events")
    op.create_index("ix_events_source_received_at", "events", ["source", "record", "received_at"])
    op.create_index(
        "ix_incidents_inferred",
        "incidents",
        ["source"],
        sqlite_where=_INFERRED,
        postgresql_where=_INFERRED_PG,
    )
    op.create_table(
        "readings",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False, comment="a backfill's window, or `changes`"),
        sa.Column("cursor", sa.Text(), nullable=False, server_default=""),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "what"),
    )


def _flag(name: str, comment: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false(), comment=comment)
