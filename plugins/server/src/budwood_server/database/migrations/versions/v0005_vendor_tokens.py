"""Create the table of vendors' tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create it, and the version of its subject."""
    op.create_table(
        "budwood_vendor_tokens",
        sa.Column("id", sa.String(64), primary_key=True),
        *(sa.Column(name, sa.String(100), nullable=False) for name in ("provider", "label")),
        sa.Column("ending", sa.String(4), nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.LargeBinary(), nullable=False) for name in ("nonce", "ciphertext")),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("created", "changed")),
    )
    op.create_index("budwood_vendor_tokens_by_name", "budwood_vendor_tokens", ["provider", "label"], unique=True)
    versions = sa.table("budwood_versions", sa.column("subject", sa.String()), sa.column("version", sa.BigInteger()))
    op.bulk_insert(versions, [{"subject": "tokens", "version": 0}])
