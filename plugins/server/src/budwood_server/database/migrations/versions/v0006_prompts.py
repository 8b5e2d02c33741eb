"""Create the tables of prompts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "budwood_prompts",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("latest", sa.Integer(), nullable=False),
    )
    op.create_table(
        "budwood_prompt_versions",
        _reference(),
        sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
    )
    op.create_table(
        "budwood_prompt_labels",
        _reference(),
        sa.Column("label", sa.String(50), primary_key=True),
        sa.Column("version", sa.Integer(), nullable=False),
    )


def _reference() -> sa.Column[str]:
    target = sa.ForeignKey("budwood_prompts.name", ondelete="CASCADE")
    return sa.Column("name", sa.String(100), target, primary_key=True)
