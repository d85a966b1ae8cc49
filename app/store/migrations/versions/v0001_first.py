"""The first schema: events, incidents, calls, sender, beats."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "beats",
        sa.Column(
            "name",
            sa.Text(),
            nullable=False,
            comment="a pipeline process, or `ready`: written to prove it can be",
        ),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "incidents",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("vendor_id", sa.Text(), nullable=False),
        sa.Column("reference_id", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Text(),
            nullable=True,
            comment="the merged evidence; the vendor's API record has its place in it",
        ),
        sa.Column("desired", sa.Text(), nullable=True, comment="the document that DX should hold"),
        sa.Column("digest", sa.Text(), nullable=True, comment="of `desired`"),
        sa.Column("action", sa.Text(), server_default="upsert", nullable=False),
        sa.Column(
            "policy",
            sa.Text(),
            nullable=True,
            comment="digest of the policy that `desired` was computed under",
        ),
        sa.Column(
            "destination", sa.Text(), nullable=True, comment="the DX_BASE_URL that the next five belong to"
        ),
        sa.Column("settled", sa.Text(), nullable=True, comment="digest of the document last settled there"),
        sa.Column("settled_document", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column(
            "ever_sent", sa.Text(), server_default="", nullable=False, comment="keys, separated by blanks"
        ),
        sa.Column(
            "in_doubt",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="0: DX holds what was settled",
        ),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column(
            "lane", sa.SmallInteger(), server_default="0", nullable=False, comment="0 live, 1 background"
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "suspect",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="failed; fault not yet known",
        ),
        sa.Column("tried_at", sa.BigInteger(), nullable=True),
        sa.Column(
            "lease", sa.Text(), nullable=True, comment="token of the claim that may have a call under way"
        ),
        sa.Column(
            "without_metadata",
            sa.Text(),
            nullable=True,
            comment="digest of the document whose metadata DX refused",
        ),
        sa.Column("parked", sa.Text(), nullable=True, comment="DX's words for refusing `desired`"),
        sa.Column("override", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "vendor_id", name="uq_incidents_source_vendor_id"),
    )
    op.create_index(
        "ix_incidents_due",
        "incidents",
        ["lane", "due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL AND lease IS NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL AND lease IS NULL"),
    )
    op.create_index(
        "ix_incidents_lease",
        "incidents",
        ["lease"],
        unique=False,
        sqlite_where=sa.text("lease IS NOT NULL"),
        postgresql_where=sa.text("lease IS NOT NULL"),
    )
    op.create_index(
        "ix_incidents_parked",
        "incidents",
        ["updated_at"],
        unique=False,
        sqlite_where=sa.text("parked IS NOT NULL"),
        postgresql_where=sa.text("parked IS NOT NULL"),
    )
    op.create_index("ix_incidents_reference_id", "incidents", ["reference_id"], unique=False)
    op.create_index(
        "ix_incidents_suspect",
        "incidents",
        ["id"],
        unique=False,
        sqlite_where=sa.text("suspect = 1"),
        postgresql_where=sa.text("suspect"),
    )
    op.create_table(
        "sender",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), server_default="running", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("since", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("probes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_probe_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refused_code", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "refused",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="incident ids, separated by blanks",
        ),
        sa.Column(
            "blamed",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="incident ids, separated by blanks",
        ),
        sa.Column(
            "paused",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="by whom; see app/store/sender.py",
        ),
        sa.Column(
            "next_slot_at",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="pace: the next free slot",
        ),
        sa.Column("purged_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("policy", sa.Text(), nullable=True, comment="digest of the policy last applied"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "calls",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("incident_id", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column(
            "meaning", sa.Text(), nullable=False, comment="confirmed, not_now, unauthorised or refused"
        ),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_calls_at", "calls", ["at"], unique=False)
    op.create_index("ix_calls_incident_id", "calls", ["incident_id"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "key", sa.Text(), nullable=False, comment="the vendor's event id, else the digest of the body"
        ),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="JSON as received, redacted"),
        sa.Column("folded", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column(
            "outcome", sa.Text(), nullable=True, comment="upsert, ignored, unmappable or failed, once folded"
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("incident_id", _ID, nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "key", name="uq_events_source_key"),
    )
    op.create_index("ix_events_incident_id", "events", ["incident_id"], unique=False)
    op.create_index(
        "ix_events_problem",
        "events",
        ["outcome"],
        unique=False,
        sqlite_where=sa.text("outcome IN ('unmappable', 'failed')"),
        postgresql_where=sa.text("outcome IN ('unmappable', 'failed')"),
    )
    op.create_index("ix_events_received_at", "events", ["received_at"], unique=False)
    op.create_index(
        "ix_events_unfolded",
        "events",
        ["id"],
        unique=False,
        sqlite_where=sa.text("folded = 0"),
        postgresql_where=sa.text("NOT folded"),
    )
    op.execute("INSERT INTO sender (id) VALUES (1)")
