"""Create the tables of dataset runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create them."""
    _create_runs()
    _create_documents()


def _create_runs() -> None:
    op.create_table(
        "budwood_runs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("principal_kind", sa.String(32), nullable=False),
        sa.Column("principal_id", sa.String(128), nullable=False),
        sa.Column("specification", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("started", sa.Double()),
        sa.Column("finished", sa.Double()),
        sa.Column("due", sa.Double(), nullable=False),
        sa.Column("worker", sa.String(128)),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("cancelled", sa.Double()),
        sa.Column("progress", sa.JSON(), nullable=False),
        sa.Column("error", sa.JSON()),
    )
    op.create_index("budwood_runs_by_owner", "budwood_runs", ["owner", "created", "id"])
    op.create_index("budwood_runs_by_state", "budwood_runs", ["state", "due"])


def _create_documents() -> None:
    op.create_table(
        "budwood_run_documents",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
    )
    op.create_index("budwood_run_documents_by_owner", "budwood_run_documents", ["owner", "created", "id"])
