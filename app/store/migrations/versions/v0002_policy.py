"""Policies, why an incident is left out, its times, and whether it can still be re-folded."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_OPEN = sa.text("resolved_at IS NULL AND action = 'upsert'")
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
    op.create_index("ix_incidents_policy", "incidents", ["policy"])
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
