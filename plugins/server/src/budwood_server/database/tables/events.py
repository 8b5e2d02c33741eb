"""The tables of events, webhooks and alerts."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    text,
)

from budwood_server.database.tables.metadata import metadata

_NO_PLACE: Final = text("place IS NULL")
_HAS_TEXTS: Final = text("texts IS NOT NULL")
_OF_CALLS: Final = text("type IN ('inference.completed', 'inference.failed')")

EVENTS: Final = Table(
    "budwood_events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("place", BigInteger, unique=True),  # in the order of events, once it is committed
    Column("type", String(64), nullable=False),
    Column("time", Double, nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("owner", Text),
    Column("data", JSON, nullable=False),
    Column("texts", JSON(none_as_null=True)),  # of prompts and replies
    Index("budwood_events_with_texts", "time", postgresql_where=_HAS_TEXTS, sqlite_where=_HAS_TEXTS),
    Index("budwood_events_without_place", "id", postgresql_where=_NO_PLACE, sqlite_where=_NO_PLACE),
    Index("budwood_events_once", "subject", "time", unique=True, postgresql_where=_OF_CALLS, sqlite_where=_OF_CALLS),
)
"""Events. `budwood_server.events.reading.Event` describes the columns."""

EVENT_INTERESTS: Final = Table(
    "budwood_event_interests",
    metadata,
    Column("worker", String(128), primary_key=True),
    Column("texts", JSON, nullable=False),  # the owners of calls whose texts they want; "*" for all
    Column("expires", Double, nullable=False, index=True),
)
"""Workers with streams of events that want an event for each call."""

WEBHOOKS: Final = Table(
    "budwood_webhooks",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("version", BigInteger, nullable=False),  # the version of "webhooks" at the last change of the row
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("types", JSON, nullable=False),
    Column("subjects", JSON(none_as_null=True)),
    Column("sees_all", Integer, nullable=False),  # whether events of all owners are sent
    Column("with_texts", Integer, nullable=False),
    Column("state", String(32), nullable=False),  # "active", "paused" or "disabled"
    Column("reason", Text),  # why it was disabled
    Column("concurrency", Integer, nullable=False),
    Column("per_second", Double),
    Column("principal_kind", String(32), nullable=False),
    Column("principal_id", String(128), nullable=False),
    Column("created", Double, nullable=False),
    Column("changed", Double, nullable=False),
    Column("failures", Integer, nullable=False),  # deliveries that failed since one succeeded
    Column("open_until", Double, nullable=False),  # nothing is sent until then, after many failures
    Column("next_request", Double, nullable=False),  # when the next request is within per_second
    Index("budwood_webhooks_by_owner", "owner", "created", "id"),
)
"""Endpoints of webhooks. `budwood_server.webhooks.records.Webhook` describes the columns."""

WEBHOOK_SECRETS: Final = Table(
    "budwood_webhook_secrets",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("webhook", ForeignKey(WEBHOOKS.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("created", Double, nullable=False),
    Column("expires", Double),  # of those that were replaced
    Column("key_id", String(64), nullable=False),  # the master key that sealed it
    Column("version", Integer, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
)
"""Signing secrets of webhooks, sealed as `VENDOR_TOKENS` are."""

DELIVERIES: Final = Table(
    "budwood_deliveries",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("webhook", ForeignKey(WEBHOOKS.c.id, ondelete="CASCADE"), nullable=False),
    Column("place", BigInteger, nullable=False),  # of the event
    Column("type", String(64), nullable=False),
    Column("state", String(32), nullable=False),  # "waiting", "sending", "delivered" or "failed"
    Column("due", Double, nullable=False),  # when it may be claimed: of one that is sent the end of the lease
    Column("worker", String(128)),
    Column("attempts", Integer, nullable=False),  # that have begun
    Column("earlier", Integer, nullable=False),  # those before it was last replayed
    Column("created", Double, nullable=False),
    Column("queued", Double, nullable=False),  # when it was created, or last replayed
    Column("finished", Double),
    Index("budwood_deliveries_once", "webhook", "place", unique=True),
    Index("budwood_deliveries_by_state", "state", "webhook", "due", "place"),
    Index("budwood_deliveries_by_end", "finished"),
)
"""Events that are sent to webhooks. `budwood_server.webhooks.deliveries.Delivery` describes the columns."""

DELIVERY_ATTEMPTS: Final = Table(
    "budwood_delivery_attempts",
    metadata,
    Column("delivery", ForeignKey(DELIVERIES.c.id, ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", Double, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("status", Integer),
    Column("error", Text),
    Column("request_headers", JSON, nullable=False),
    Column("response_headers", JSON, nullable=False),
    Column("response_body", Text, nullable=False),  # its beginning
)
"""Attempts to send an event. Its body follows from the event."""

ALERT_STATES: Final = Table(
    "budwood_alert_states",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("due", Double, nullable=False),  # when a worker may check it
    Column("fired", Double),  # since when it fires
    Column("pending", Double),
    Column("value", Double),  # at the last check
    Column("calls", BigInteger, nullable=False),
    Column("checked", Double),
    Column("rule", JSON(none_as_null=True)),  # at the last check
)
"""
The states of alerts, whose rules are in the settings. `budwood_server.alerts.states.AlertState` describes the columns.
"""

BUDGET_MARKS: Final = Table(
    "budwood_budget_marks",
    metadata,
    Column("budget", String(512), primary_key=True),  # as `LIMIT_COUNTS` names it
    Column("resets_at", Double, primary_key=True),
    Column("threshold", Double, primary_key=True),
)
"""Parts of budgets whose event was written: one for each period."""

PROVIDER_OUTAGES: Final = Table(
    "budwood_provider_outages",
    metadata,
    Column("endpoint", String(512), primary_key=True),
    Column("provider", Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("failed", Double, nullable=False),
    Column("seen", Double, nullable=False),
)
"""Outages of endpoints that have not ended. `budwood_server.events.outages.Outage` describes the columns."""
