"""Run by Alembic: applies the migrations on the connection that `lucidray.store.database` holds the lock on."""

from alembic import context

from lucidray.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
