"""Create the table of files that the server keeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create it."""
    op.create_table(
        "budwood_file_blocks",
        sa.Column("public_id", sa.String(512), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_budwood_file_blocks_expires", "budwood_file_blocks", ["expires"])
