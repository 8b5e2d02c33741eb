"""The tables of requests: keys, limits, and what vendors and the server keep for clients."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Double, Index, Integer, LargeBinary, String, Table, Text

from budwood_server.database.tables.metadata import metadata

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
