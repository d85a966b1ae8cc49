"""The one store: SQLAlchemy Core statements, each a named function with the invariant it keeps."""
