"""Alembic's entry: runs the steps on the connection, and in the transaction, that `migration` hands over."""

from alembic import context

from sync.office.database.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
