"""Create the tables of events, webhooks, alerts, budgets and outages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_SUBJECTS = ("events", "webhooks", "event_interests", "logins")


def upgrade() -> None:
    """Create them."""
    for subject in _SUBJECTS:
        op.execute(f"INSERT INTO budwood_versions VALUES ('{subject}', 0)")  # noqa: S608 - constants
    _create_events()
    _create_webhooks()
    _create_deliveries()
    _create_alerts()
    _create_outages()


def _create_events() -> None:
    op.create_table(
        "budwood_events",
        _number(),
        sa.Column("place", sa.BigInteger(), unique=True),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("time", sa.Double(), nullable=False, index=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("texts", sa.JSON()),
    )
    condition = sa.text("place IS NULL")
    op.create_index(
        "budwood_events_without_place", "budwood_events", ["id"], postgresql_where=condition, sqlite_where=condition
    )
    condition = sa.text("texts IS NOT NULL")
    op.create_index(
        "budwood_events_with_texts", "budwood_events", ["time"], postgresql_where=condition, sqlite_where=condition
    )
    condition = sa.text("type IN ('inference.completed', 'inference.failed')")
    op.create_index(
        "budwood_events_once",
        "budwood_events",
        ["subject", "time"],
        unique=True,
        postgresql_where=condition,
        sqlite_where=condition,
    )
    op.create_table(
        "budwood_event_interests",
        sa.Column("worker", sa.String(128), primary_key=True),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False, index=True),
    )


def _create_webhooks() -> None:
    op.create_table(
        "budwood_webhooks",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("owner", "name", "url")),
        sa.Column("types", sa.JSON(), nullable=False),
        sa.Column("subjects", sa.JSON()),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("sees_all", "with_texts")),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("per_second", sa.Double()),
        sa.Column("principal_kind", sa.String(32), nullable=False),
        sa.Column("principal_id", sa.String(128), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("created", "changed")),
        sa.Column("failures", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("open_until", "next_request")),
    )
    op.create_index("budwood_webhooks_by_owner", "budwood_webhooks", ["owner", "created", "id"])
    op.create_table(
        "budwood_webhook_secrets",
        sa.Column("id", sa.String(64), primary_key=True),
        _webhook(index=True),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double()),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.LargeBinary(), nullable=False) for name in ("nonce", "ciphertext")),
    )


def _create_deliveries() -> None:
    op.create_table(
        "budwood_deliveries",
        _number(),
        _webhook(),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("due", sa.Double(), nullable=False),
        sa.Column("worker", sa.String(128)),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("attempts", "earlier")),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("created", "queued")),
        sa.Column("finished", sa.Double()),
    )
    op.create_index("budwood_deliveries_once", "budwood_deliveries", ["webhook", "place"], unique=True)
    op.create_index("budwood_deliveries_by_state", "budwood_deliveries", ["state", "webhook", "due", "place"])
    op.create_index("budwood_deliveries_by_end", "budwood_deliveries", ["finished"])
    op.create_table(
        "budwood_delivery_attempts",
        sa.Column(
            "delivery",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.ForeignKey("budwood_deliveries.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("at", "seconds")),
        sa.Column("status", sa.Integer()),
        sa.Column("error", sa.Text()),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("request_headers", "response_headers")),
        sa.Column("response_body", sa.Text(), nullable=False),
    )


def _create_alerts() -> None:
    op.create_table(
        "budwood_alert_states",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("due", sa.Double(), nullable=False),
        *(sa.Column(name, sa.Double()) for name in ("fired", "pending", "value")),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("checked", sa.Double()),
        sa.Column("rule", sa.JSON()),
    )
    op.create_table(
        "budwood_budget_marks",
        sa.Column("budget", sa.String(512), primary_key=True),
        *(sa.Column(name, sa.Double(), primary_key=True) for name in ("resets_at", "threshold")),
    )


def _create_outages() -> None:
    op.create_table(
        "budwood_provider_outages",
        sa.Column("endpoint", sa.String(512), primary_key=True),
        sa.Column("provider", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("since", "failed", "seen")),
    )


def _number() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True)


def _webhook(*, index: bool = False) -> sa.Column[str]:
    target = sa.ForeignKey("budwood_webhooks.id", ondelete="CASCADE")
    return sa.Column("webhook", sa.String(64), target, nullable=False, index=index)
