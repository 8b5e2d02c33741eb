"""The tables of accounts, logins, administrative acts, stored tokens and prompts."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Double, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from budwood_server.database.tables.metadata import metadata

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
