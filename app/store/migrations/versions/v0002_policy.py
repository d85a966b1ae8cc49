"""Policies, why an incident is left out, its times; the operator's acts, refused webhooks; indexes to browse by."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_OPEN = sa.text("resolved_at IS NULL AND action = 'upsert'")
_LEFT_OUT = sa.text("action != 'upsert'")
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OVERRIDDEN = sa.text("override IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "policies",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False, comment="JSON in the shape of `bridge.toml`"),
        sa.Column("applied_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    for column in (
        sa.Column("reason", sa.Text(), comment="why DX is not to hold it, or holds it all the same"),
        sa.Column(
            "kept",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="in DX only as it is there already",
        ),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("resolved_at", sa.BigInteger()),
        sa.Column(
            "events_purged",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="no re-fold any more",
        ),
    ):
        op.add_column("incidents", column)
    op.add_column("calls", sa.Column("method", sa.Text(), nullable=False, server_default="incidents.upsert"))
    _tables_of_the_operator()
    op.create_index("ix_incidents_policy", "incidents", ["policy"])
    op.create_index("ix_incidents_source_id", "incidents", ["source", "id"])
    op.create_index("ix_events_source_received_at", "events", ["source", "received_at"])
    op.create_index("ix_calls_at_meaning", "calls", ["at", "meaning"])
    op.create_index(
        "ix_incidents_left_out", "incidents", ["id"], sqlite_where=_LEFT_OUT, postgresql_where=_LEFT_OUT
    )
    op.create_index(
        "ix_incidents_open", "incidents", ["started_at"], sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_index(
        "ix_incidents_override", "incidents", ["id"], sqlite_where=_OVERRIDDEN, postgresql_where=_OVERRIDDEN
    )
    op.execute(
        "UPDATE incidents SET events_purged = true"
        " WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.incident_id = incidents.id)"
    )


def _tables_of_the_operator() -> None:
    op.create_table(
        "refusals",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False, comment="since the epoch"),
        sa.Column("count", sa.Integer(), nullable=False, comment="webhooks with a wrong signature or token"),
        sa.PrimaryKeyConstraint("source", "hour"),
    )
    op.create_table(
        "acts",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False, comment="dashboard, API or command line"),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_acts_about", "acts", ["about"])
    op.create_table(
        "links",
        sa.Column("nonce", sa.Text(), nullable=False, comment="of a one-time sign-in link that was used"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("nonce"),
    )
