"""Create the tables of accounts, logins, idempotent replies and the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create them."""
    _create_accounts()
    _create_logins()
    _create_idempotent_replies()
    _create_audit()


def _create_accounts() -> None:
    op.create_table(
        "budwood_accounts",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("disabled", sa.Double()),
        sa.Column("last_login", sa.Double()),
    )


def _create_logins() -> None:
    op.create_table(
        "budwood_logins",
        sa.Column("id", sa.String(64), primary_key=True),
        _reference("account_id", "budwood_accounts.id"),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False, index=True),
        sa.Column("revoked", sa.Double()),
    )
    op.create_table(
        "budwood_login_secrets",
        sa.Column("secret_hash", sa.LargeBinary(32), primary_key=True),
        _reference("login_id", "budwood_logins.id"),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False, index=True),
        sa.Column("used", sa.Double()),
    )
    op.create_table(
        "budwood_login_failures",
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("resets_at", sa.Double(), nullable=False, index=True),
    )


def _create_idempotent_replies() -> None:
    op.create_table(
        "budwood_idempotent_replies",
        sa.Column("principal", sa.String(128), primary_key=True),
        sa.Column("key_hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("request_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("reply", sa.LargeBinary()),
        sa.Column("expires", sa.Double(), nullable=False, index=True),
    )


def _create_audit() -> None:
    op.create_table(
        "budwood_audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("principal_kind", sa.String(32), nullable=False),
        sa.Column("principal_id", sa.String(128), nullable=False, index=True),
        sa.Column("principal_name", sa.Text(), nullable=False),
        sa.Column("action", sa.String(64), nullable=False, index=True),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
    )


def _reference(name: str, target: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(64), sa.ForeignKey(target, ondelete="CASCADE"), nullable=False, index=True)
