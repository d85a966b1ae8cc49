"""The tables. Times are nanoseconds since the epoch; `due_at` 0 means at once, whatever the clock says."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData()
_Id = BigInteger().with_variant(Integer, "sqlite")

incidents = Table(
    "incidents",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("source", Text, nullable=False),
    Column("vendor_id", Text, nullable=False),
    Column("reference_id", Text, nullable=False),
    Column("state", Text, comment="the merged evidence; the vendor's API record has its place in it"),
    Column("desired", Text, comment="the document that DX should hold"),
    Column("digest", Text, comment="of `desired`"),
    Column("action", Text, nullable=False, server_default="upsert"),
    Column("policy", Text, comment="digest of the policy that `desired` was computed under"),
    Column("destination", Text, comment="the DX_BASE_URL that the next five belong to"),
    Column("settled", Text, comment="digest of the document last settled there"),
    Column("settled_document", Text),
    Column("settled_at", BigInteger),
    Column("ever_sent", Text, nullable=False, server_default="", comment="keys, separated by blanks"),
    Column("in_doubt", Integer, nullable=False, server_default="0", comment="0: DX holds what was settled"),
    Column("due_at", BigInteger),
    Column("lane", SmallInteger, nullable=False, server_default="0", comment="0 live, 1 background"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("suspect", Boolean, nullable=False, server_default=false(), comment="failed; fault not yet known"),
    Column("tried_at", BigInteger),
    Column("lease", Text, comment="token of the claim that may have a call under way"),
    Column("without_metadata", Text, comment="digest of the document whose metadata DX refused"),
    Column("parked", Text, comment="DX's words for refusing `desired`"),
    Column("override", Text),
    Column("reason", Text, comment="why DX is not to hold it, or holds it all the same"),
    Column(
        "kept", Boolean, nullable=False, server_default=false(), comment="in DX only as it is there already"
    ),
    Column("started_at", BigInteger),
    Column("resolved_at", BigInteger),
    Column(
        "inferred",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="its resolution was only shown in passing",
    ),
    Column("asked_at", BigInteger, comment="when the vendor was last asked"),
    Column("events_purged", Boolean, nullable=False, server_default=false(), comment="no re-fold any more"),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("source", "vendor_id", name="uq_incidents_source_vendor_id"),
    Index("ix_incidents_reference_id", "reference_id"),
    Index(
        "ix_incidents_due",
        "lane",
        "due_at",
        sqlite_where=text("due_at IS NOT NULL AND lease IS NULL"),
        postgresql_where=text("due_at IS NOT NULL AND lease IS NULL"),
    ),
    Index(
        "ix_incidents_lease",
        "lease",
        sqlite_where=text("lease IS NOT NULL"),
        postgresql_where=text("lease IS NOT NULL"),
    ),
    Index(
        "ix_incidents_parked",
        "updated_at",
        sqlite_where=text("parked IS NOT NULL"),
        postgresql_where=text("parked IS NOT NULL"),
    ),
    Index("ix_incidents_policy", "policy"),
    Index("ix_incidents_source_id", "source", "id"),
    Index(
        "ix_incidents_left_out",
        "id",
        sqlite_where=text("action != 'upsert'"),
        postgresql_where=text("action != 'upsert'"),
    ),
    Index(
        "ix_incidents_open",
        "started_at",
        sqlite_where=text("resolved_at IS NULL AND action = 'upsert'"),
        postgresql_where=text("resolved_at IS NULL AND action = 'upsert'"),
    ),
    Index(
        "ix_incidents_override",
        "id",
        sqlite_where=text("override IS NOT NULL"),
        postgresql_where=text("override IS NOT NULL"),
    ),
    Index(
        "ix_incidents_inferred",
        "source",
        sqlite_where=text("inferred = 1"),
        postgresql_where=text("inferred"),
    ),
    Index(
        "ix_incidents_suspect",
        "id",
        sqlite_where=text("suspect = 1"),
        postgresql_where=text("suspect"),
    ),
)

events = Table(
    "events",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("source", Text, nullable=False),
    Column("key", Text, nullable=False, comment="the vendor's event id, else the digest of the body"),
    Column("received_at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="JSON as received, redacted"),
    Column(
        "record",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="not a webhook: read from the vendor's API",
    ),
    Column("folded", Boolean, nullable=False, server_default=false()),
    Column("outcome", Text, comment="upsert, ignored, unmappable or failed, once folded"),
    Column("reason", Text),
    Column("incident_id", _Id, ForeignKey("incidents.id", ondelete="SET NULL")),
    UniqueConstraint("source", "key", name="uq_events_source_key"),
    Index(
        "ix_events_unfolded",
        "record",
        "id",
        sqlite_where=text("folded = 0"),
        postgresql_where=text("NOT folded"),
    ),
    Index(
        "ix_events_problem",
        "outcome",
        sqlite_where=text("outcome IN ('unmappable', 'failed')"),
        postgresql_where=text("outcome IN ('unmappable', 'failed')"),
    ),
    Index("ix_events_incident_id", "incident_id"),
    Index("ix_events_received_at", "received_at"),
    Index("ix_events_source_received_at", "source", "record", "received_at"),
)

calls = Table(
    "calls",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("incident_id", _Id, ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("method", Text, nullable=False, server_default="incidents.upsert"),
    Column("digest", Text, nullable=False),
    Column("meaning", Text, nullable=False, comment="confirmed, not_now, unauthorised or refused"),
    Column("code", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("status", Integer),
    Column("duration_ms", Integer, nullable=False),
    Index("ix_calls_incident_id", "incident_id"),
    Index("ix_calls_at", "at"),
    Index("ix_calls_at_meaning", "at", "meaning"),
)

sender = Table(
    "sender",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False, server_default="running"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("since", BigInteger, nullable=False, server_default="0"),
    Column("probes", Integer, nullable=False, server_default="0"),
    Column("next_probe_at", BigInteger, nullable=False, server_default="0"),
    Column("refused_code", Text, nullable=False, server_default=""),
    Column("refused", Text, nullable=False, server_default="", comment="incident ids, separated by blanks"),
    Column("blamed", Text, nullable=False, server_default="", comment="incident ids, separated by blanks"),
    Column("paused", Text, nullable=False, server_default="", comment="by whom; see app/store/sender.py"),
    Column(
        "next_slot_at", BigInteger, nullable=False, server_default="0", comment="pace: the next free slot"
    ),
    Column("purged_at", BigInteger, nullable=False, server_default="0"),
    Column("policy", Text, comment="digest of the policy last applied"),
)

refusals = Table(
    "refusals",
    metadata,
    Column("source", Text, primary_key=True),
    Column("hour", BigInteger, primary_key=True, comment="since the epoch"),
    Column("count", Integer, nullable=False, comment="webhooks with a wrong signature or token"),
)

acts = Table(
    "acts",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("by", Text, nullable=False, comment="dashboard, API or command line"),
    Column("act", Text, nullable=False),
    Column("about", Text, nullable=False, server_default=""),
    Index("ix_acts_about", "about"),
)

links = Table(
    "links",
    metadata,
    Column("nonce", Text, primary_key=True, comment="of a one-time sign-in link that was used"),
    Column("at", BigInteger, nullable=False),
)

policies = Table(
    "policies",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("document", Text, nullable=False, comment="JSON in the shape of `bridge.toml`"),
    Column("applied_at", BigInteger, nullable=False),
)

readings = Table(
    "readings",
    metadata,
    Column("source", Text, primary_key=True),
    Column("what", Text, primary_key=True, comment="a backfill's window, or `changes`"),
    Column("cursor", Text, nullable=False, server_default=""),
    Column("at", BigInteger, nullable=False),
)

beats = Table(
    "beats",
    metadata,
    Column(
        "name", Text, primary_key=True, comment="a pipeline process, or `ready`: written to prove it can be"
    ),
    Column("at", BigInteger, nullable=False),
)
