"""What to do about a database that fails, in words for the log and for `dx-bridge check`."""

from sqlalchemy.exc import SQLAlchemyError

_RECOVERY = (
    "the file is damaged; nothing was overwritten. Stop the bridge, keep a copy of the file with its -wal and -shm, "
    "then put a backup in its place, or what sqlite3's .recover makes of it: docs/upgrade.md, 'A damaged file'"
)
_DAMAGE = ("malformed", "not a database", "corrupt")
_REMEDIES = (
    (("disk is full", "no space left", "disk full"), "free space on the disk; it goes on by itself"),
    (
        ("readonly database", "read-only"),
        "make the database file and its folder writable; it goes on by itself",
    ),
    (("database is locked", "lock timeout"), "another program holds the database; end it, or wait"),
    (_DAMAGE, _RECOVERY),
    (
        ("unable to open",),
        "check the path in DATABASE_URL, and that this user may write the file and its folder",
    ),
    (("no such table", "does not exist", "no such column"), "run `dx-bridge db upgrade`"),
    (("password authentication", "authentication failed"), "check user and password in DATABASE_URL"),
    (("too many connections", "remaining connection slots"), "allow more connections or run fewer processes"),
    (
        (
            "connection refused",
            "could not connect",
            "connection failed",
            "closed the connection",
            "terminating",
        ),
        "check that the database runs and DATABASE_URL leads to it; it goes on by itself",
    ),
)


def remedy(error: SQLAlchemyError) -> str:
    """Return a sentence on what to do about this error."""
    said = str(getattr(error, "orig", error)).lower()
    known = (words for signs, words in _REMEDIES if any(sign in said for sign in signs))
    return next(known, "see the database's own log")


def cause(error: SQLAlchemyError) -> str:
    """Return the error's first line without the statement and its values: a body may be among them."""
    lines = str(getattr(error, "orig", error)).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


def is_damaged(error: Exception) -> bool:
    """Whether the file itself is damaged, so that waiting does not help."""
    return any(sign in str(error).lower() for sign in _DAMAGE)
