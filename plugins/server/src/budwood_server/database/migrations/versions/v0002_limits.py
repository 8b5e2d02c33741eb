"""Create the table of limits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create it."""
    op.create_table(
        "budwood_limit_counts",
        sa.Column("key", sa.String(512), primary_key=True),
        sa.Column("resets_at", sa.Double(), primary_key=True),
        sa.Column("used", sa.Double(), nullable=False),
        sa.Column("recalled_until", sa.Double(), nullable=False),
        sa.Column("leases", sa.JSON(), nullable=False),
    )
    op.create_index("budwood_limit_counts_by_end", "budwood_limit_counts", ["resets_at"])
    op.create_index("budwood_limit_counts_by_recall", "budwood_limit_counts", ["recalled_until"])
