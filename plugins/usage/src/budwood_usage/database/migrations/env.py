"""What alembic runs to change the tables, with the connection that it is given."""

from __future__ import annotations

from alembic import context

from budwood_usage.database.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
