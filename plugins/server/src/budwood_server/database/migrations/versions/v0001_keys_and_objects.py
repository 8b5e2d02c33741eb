"""Create the tables of keys, owned objects, responses and versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create them. The names are written out, since later versions of the code may have others."""
    versions = op.create_table(
        "budwood_versions",
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
    )
    op.bulk_insert(versions, [{"subject": "keys", "version": 0}, {"subject": "config", "version": 0}])
    _create_api_keys()
    _create_objects()
    _create_responses()


def _create_api_keys() -> None:
    op.create_table(
        "budwood_api_keys",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False, index=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), index=True),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("old_secret_hash", sa.LargeBinary(32)),
        sa.Column("old_secret_expires", sa.Double()),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        *(sa.Column(name, sa.Double()) for name in ("expires", "revoked", "last_used")),
        sa.Column("models", sa.JSON()),
        sa.Column("requests_per_minute", sa.Integer()),
        sa.Column("tokens_per_minute", sa.BigInteger()),
        sa.Column("budget", sa.JSON()),
        sa.Column("request_options", sa.JSON()),
    )


def _create_objects() -> None:
    op.create_table(
        "budwood_objects",
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("public_id", sa.String(512), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("owner", "provider", "vendor_id")),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
    )
    op.create_index("budwood_objects_by_owner", "budwood_objects", ["owner", "kind", "created", "public_id"])


def _create_responses() -> None:
    op.create_table(
        "budwood_responses",
        sa.Column("id", sa.String(128), primary_key=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False, index=True),
        sa.Column("previous_id", sa.String(128)),
        sa.Column("body", sa.JSON(), nullable=False),
    )
