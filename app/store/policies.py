"""Statements on policies: which one is in force for the whole fleet."""

from sqlalchemy import Connection, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from app.store.tables import policies, sender
from mappers.observation import Nanoseconds

_LOCK = 0x6478_6270  # an advisory lock of this program ("dxbp")


def share(connection: Connection) -> None:
    """Let no other policy come into force before this transaction ends; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": _LOCK})


def seize(connection: Connection) -> None:
    """Wait until no transaction works with the policy in force; those that begin later see the new one."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def in_force(connection: Connection) -> str | None:
    """Return the digest of the policy in force; None in a database that has never had one."""
    digest: str | None = connection.execute(select(sender.c.policy)).scalar_one()
    return digest


def document(connection: Connection, digest: str) -> str:
    """Return a policy that was in force at some time, as JSON."""
    found: str = connection.execute(
        select(policies.c.document).where(policies.c.digest == digest)
    ).scalar_one()
    return found


def put(
    connection: Connection, digest: str, policy: str, now: Nanoseconds, *, only_first: bool = False
) -> None:
    """Bring a policy into force; with `only_first` unless there is one already."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    kept = insert(policies).values(digest=digest, document=policy, applied_at=now)
    connection.execute(kept.on_conflict_do_update(index_elements=["digest"], set_={"applied_at": now}))
    where = [sender.c.policy.is_(None)] if only_first else []
    connection.execute(update(sender).where(*where).values(policy=digest))
