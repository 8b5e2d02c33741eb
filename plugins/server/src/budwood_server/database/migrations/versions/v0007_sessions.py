"""Create the table of conversations, and the version of prompts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "budwood_sessions",
        sa.Column("owner", sa.String(300), primary_key=True),
        sa.Column("name", sa.String(100), primary_key=True),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("created", "changed")),
        sa.Column("expires", sa.Double(), nullable=False, index=True),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("messages", "bytes")),
        sa.Column("content", sa.Text(), nullable=False),
    )
    op.create_index("budwood_sessions_by_change", "budwood_sessions", ["owner", "changed", "name"])
    versions = sa.table("budwood_versions", sa.column("subject", sa.String()), sa.column("version", sa.BigInteger()))
    op.bulk_insert(versions, [{"subject": "prompts", "version": 0}])
