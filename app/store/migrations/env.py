"""Run migrations on the connection that `app.store.migrate` hands over; there is no alembic.ini."""

from alembic import context

from app.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
