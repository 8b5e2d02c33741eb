"""Create the tables of records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create them. The names are written out, since later versions of the code may have others."""
    texts = ("call", "service", "provider", "model")
    optional_texts = ("endpoint", "label", "key", "cost_unknown", "error", "failures")
    counts = ("input_tokens", "uncached_input_tokens", "cache_read_tokens", "cache_write_tokens")
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "budwood_calls",
        sa.Column("id", number, sa.Identity(always=True), primary_key=True),
        sa.Column("time", sa.Double(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        *(sa.Column(name, sa.Text()) for name in optional_texts),
        sa.Column("tags", sa.JSON().with_variant(JSONB(), "postgresql")),
        *(sa.Column(name, sa.BigInteger()) for name in (*counts, "output_tokens", "reasoning_tokens")),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("saved", sa.BigInteger()),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("first_token", sa.Double()),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("cached", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.Integer()),
        # A batch that is written again, because its commit was not confirmed, adds no row twice.
        sa.UniqueConstraint("time", "call", name="budwood_calls_once"),
        sqlite_autoincrement=True,
    )
    for name, column in (("errors", "error"), ("failures", "failures")):
        condition = sa.text(f"{column} IS NOT NULL")
        columns = ["time", "id"]
        op.create_index(
            f"budwood_{name}_by_time", "budwood_calls", columns, postgresql_where=condition, sqlite_where=condition
        )
    op.create_table("budwood_dropped", sa.Column("calls", sa.BigInteger(), nullable=False))
    op.execute("INSERT INTO budwood_dropped VALUES (0)")


def downgrade() -> None:
    """Remove them, with all records."""
    op.drop_table("budwood_calls")
    op.drop_table("budwood_dropped")
