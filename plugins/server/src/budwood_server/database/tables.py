"""
The tables of the server.

Moments are seconds since 1970. The usage store has tables of its own, with migrations of its own.
"""

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
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata: Final = MetaData()

_NO_PLACE: Final = text("place IS NULL")
_OF_CALLS: Final = text("type IN ('inference.completed', 'inference.failed')")

VERSIONS: Final = Table(
    "budwood_versions",
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("version", BigInteger, nullable=False),
)
"""A number for each subject, which grows with each change of it: `budwood_server.database.versions`."""

API_KEYS: Final = Table(
    "budwood_api_keys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("version", BigInteger, nullable=False, index=True),  # the version of "keys" at the last change of the row
    Column("name", Text, nullable=False),
    Column("team", Text, index=True),
    Column("source", String(32), nullable=False),  # what created it, such as "command"
    Column("secret_hash", LargeBinary(32), nullable=False),
    Column("old_secret_hash", LargeBinary(32)),  # accepted until old_secret_expires, after a rotation
    Column("old_secret_expires", Double),
    Column("scopes", JSON, nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double),
    Column("revoked", Double),
    Column("last_used", Double),
    Column("models", JSON(none_as_null=True)),
    Column("requests_per_minute", Integer),
    Column("tokens_per_minute", BigInteger),
    Column("budget", JSON(none_as_null=True)),
    Column("request_options", JSON(none_as_null=True)),
)
"""API keys of clients. `budwood_server.access.keys.ApiKey` describes the columns."""

OBJECTS: Final = Table(
    "budwood_objects",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("public_id", String(512), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("vendor_id", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("data", JSON, nullable=False),
    Index("budwood_objects_by_owner", "owner", "kind", "created", "public_id"),
)
"""Files, batches, jobs and responses that vendors keep, and who may use them."""

FILE_BLOCKS: Final = Table(
    "budwood_file_blocks",
    metadata,
    Column("public_id", String(512), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("expires", Double, nullable=False, index=True),
    Column("content", LargeBinary, nullable=False),
)
"""The content of files that the server keeps itself: the lines of batches, and their results."""

RESPONSES: Final = Table(
    "budwood_responses",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("status", String(32), nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False, index=True),
    Column("previous_id", String(128)),
    Column("body", JSON, nullable=False),
)
"""Replies of ``/v1/responses`` that the server keeps itself. `body` has what the client got, and the input."""

LIMIT_COUNTS: Final = Table(
    "budwood_limit_counts",
    metadata,
    Column("key", String(512), primary_key=True),
    Column("resets_at", Double, primary_key=True),  # -1 for a limit without an end
    Column("used", Double, nullable=False),
    Column("recalled_until", Double, nullable=False),
    Column("leases", JSON, nullable=False),
    Index("budwood_limit_counts_by_end", "resets_at"),
    Index("budwood_limit_counts_by_recall", "recalled_until"),
)
"""
What was used of limits, and what workers hold. A row is `budwood_server.limits.counts.Count`; `leases` has amount, idle
units and expiry by worker.
"""

ACCOUNTS: Final = Table(
    "budwood_accounts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("role", String(32), nullable=False),
    Column("password_hash", Text, nullable=False),  # with its parameters and salt
    Column("created", Double, nullable=False),
    Column("disabled", Double),
    Column("last_login", Double),
)
"""Accounts of people. `budwood_server.people.accounts.Account` describes the columns."""

LOGINS: Final = Table(
    "budwood_logins",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("account_id", ForeignKey(ACCOUNTS.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(32), nullable=False),  # "page" or "program"
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False, index=True),
    Column("revoked", Double),
)
"""Logins of accounts: the session of a page, or the family of tokens of a program."""

LOGIN_SECRETS: Final = Table(
    "budwood_login_secrets",
    metadata,
    Column("secret_hash", LargeBinary(32), primary_key=True),
    Column("login_id", ForeignKey(LOGINS.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(32), nullable=False),  # "cookie", "access", "refresh" or "ticket"
    Column("expires", Double, nullable=False, index=True),
    Column("used", Double),  # of refresh tokens and tickets, which are used once
)
"""Hashes of what proves a login: cookies, tokens and tickets."""

LOGIN_FAILURES: Final = Table(
    "budwood_login_failures",
    metadata,
    Column("subject", String(64), primary_key=True),  # a hash of a name, an address, or both
    Column("count", Integer, nullable=False),
    Column("resets_at", Double, nullable=False, index=True),
)
"""Failed logins within a time, which bound how many passwords can be tried."""

IDEMPOTENT_REPLIES: Final = Table(
    "budwood_idempotent_replies",
    metadata,
    Column("principal", String(128), primary_key=True),
    Column("key_hash", LargeBinary(32), primary_key=True),
    Column("request_hash", LargeBinary(32), nullable=False),
    Column("status", Integer, nullable=False),
    Column("reply", LargeBinary),  # encrypted: replies to creations may contain a secret
    Column("expires", Double, nullable=False, index=True),
)
"""Replies to requests with an ``idempotency-key``, which the same request gets again."""

AUDIT: Final = Table(
    "budwood_audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", Double, nullable=False),
    Column("principal_kind", String(32), nullable=False),
    Column("principal_id", String(128), nullable=False, index=True),
    Column("principal_name", Text, nullable=False),
    Column("action", String(64), nullable=False, index=True),
    Column("target", Text, nullable=False),
    Column("details", JSON, nullable=False),
)
"""Administrative acts. `budwood_server.people.audit.AuditEntry` describes the columns."""

VENDOR_TOKENS: Final = Table(
    "budwood_vendor_tokens",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("provider", String(100), nullable=False),
    Column("label", String(100), nullable=False),
    Column("ending", String(4), nullable=False),
    Column("key_id", String(64), nullable=False),  # the master key that sealed it
    Column("version", Integer, nullable=False),  # of the form in which it is sealed
    Column("nonce", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("created", Double, nullable=False),
    Column("changed", Double, nullable=False),
    Index("budwood_vendor_tokens_by_name", "provider", "label", unique=True),
)
"""Tokens of vendors, sealed: `budwood_server.vault`."""

PROMPTS: Final = Table(
    "budwood_prompts",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("latest", Integer, nullable=False),  # the highest number of a version so far
)
"""
Names of prompts, with the versions in `PROMPT_VERSIONS`. A name stays if they are deleted, so that no number is used
twice.
"""

PROMPT_VERSIONS: Final = Table(
    "budwood_prompt_versions",
    metadata,
    Column("name", ForeignKey(PROMPTS.c.name, ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("fields", JSON, nullable=False),  # of `budwood_prompts.Prompt`
    Column("created", Double, nullable=False),
    Column("author", Text, nullable=False),  # the name of the principal
)
"""Versions of prompts, which never change."""

PROMPT_LABELS: Final = Table(
    "budwood_prompt_labels",
    metadata,
    Column("name", ForeignKey(PROMPTS.c.name, ondelete="CASCADE"), primary_key=True),
    Column("label", String(50), primary_key=True),
    Column("version", Integer, nullable=False),
)
"""Labels, such as ``production``, of versions of prompts."""

SESSIONS: Final = Table(
    "budwood_sessions",
    metadata,
    Column("owner", String(300), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("created", Double, nullable=False),
    Column("changed", Double, nullable=False),
    Column("expires", Double, nullable=False, index=True),
    Column("messages", Integer, nullable=False),  # their number
    Column("bytes", Integer, nullable=False),  # of the content
    Column("content", Text, nullable=False),  # the messages as JSON
    Index("budwood_sessions_by_change", "owner", "changed", "name"),
)
"""Conversations that the server keeps: `budwood_server.sessions`."""

RUNS: Final = Table(
    "budwood_runs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("version", BigInteger, nullable=False),  # grows with each change
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("principal_kind", String(32), nullable=False),  # who has submitted it, and pays for its calls
    Column("principal_id", String(128), nullable=False),
    Column("specification", JSON, nullable=False),
    Column("state", String(32), nullable=False),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("finished", Double),
    Column("due", Double, nullable=False),  # when a worker may claim it: of a run under way the end of its lease
    Column("worker", String(128)),
    Column("claims", Integer, nullable=False),  # those of workers that died
    Column("cancelled", Double),  # when that was asked for
    Column("progress", JSON, nullable=False),
    Column("error", JSON(none_as_null=True)),
    Index("budwood_runs_by_owner", "owner", "created", "id"),
    Index("budwood_runs_by_state", "state", "due"),
)
"""Dataset runs. `budwood_server.runs.records.Run` describes the columns."""

RUN_DOCUMENTS: Final = Table(
    "budwood_run_documents",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("created", Double, nullable=False),
    Index("budwood_run_documents_by_owner", "owner", "created", "id"),
)
"""Uploaded documents of runs. Their content is in the folder of runs."""

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
    Index("budwood_events_without_place", "id", postgresql_where=_NO_PLACE, sqlite_where=_NO_PLACE),
    Index("budwood_events_once", "subject", "time", unique=True, postgresql_where=_OF_CALLS, sqlite_where=_OF_CALLS),
)
"""Events. `budwood_server.events.reading.Event` describes the columns."""

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
"""Endpoints of webhooks. `budwood_server.webhooks.endpoints.Webhook` describes the columns."""

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
    Column("finished", Double),
    Index("budwood_deliveries_once", "webhook", "place", unique=True),
    Index("budwood_deliveries_by_state", "state", "webhook", "due"),
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

EVENT_INTERESTS: Final = Table(
    "budwood_event_interests",
    metadata,
    Column("worker", String(128), primary_key=True),
    Column("with_texts", Integer, nullable=False),
    Column("expires", Double, nullable=False, index=True),
)
"""Workers with streams of events that want an event for each call."""

ALERT_STATES: Final = Table(
    "budwood_alert_states",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("due", Double, nullable=False),  # when a worker may check it
    Column("fired", Double),  # since when it fires
    Column("value", Double),  # at the last check
)
"""The states of alerts, whose rules are in the settings."""

BUDGET_MARKS: Final = Table(
    "budwood_budget_marks",
    metadata,
    Column("budget", String(512), primary_key=True),  # as `LIMIT_COUNTS` names it
    Column("resets_at", Double, primary_key=True),
    Column("threshold", Double, primary_key=True),
)
"""Parts of budgets whose event was written: one for each period."""
