"""
The key or the account behind each endpoint, and what it may see now.

An endpoint gets the events that its key or account may see at that moment. Once the key was revoked or has expired, or
the account was disabled or removed, the endpoint counts as disabled: nothing is sent, and no deliveries are created.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select

from budwood_server.access.keys import ADMIN
from budwood_server.database.tables import ACCOUNTS, API_KEYS, WEBHOOKS
from budwood_server.people.roles import ROLES, expand_scopes

_OF_KEY: Final = and_(WEBHOOKS.c.principal_kind == "key", API_KEYS.c.id == WEBHOOKS.c.principal_id)
_OF_ACCOUNT: Final = and_(WEBHOOKS.c.principal_kind == "account", ACCOUNTS.c.id == WEBHOOKS.c.principal_id)
_COLUMNS: Final = (
    *(API_KEYS.c[name].label(f"key_{name}") for name in ("scopes", "expires", "revoked")),
    *(ACCOUNTS.c[name].label(f"account_{name}") for name in ("role", "disabled")),
)


class Rights(NamedTuple):
    """
    What an endpoint may get.

    Attributes:
        scopes: The scopes of its key or account; none if it can never be used again.
        sees_all: Whether it may get events of all owners.
        problem: Why it may get nothing now, or None.
    """

    scopes: frozenset[str] = frozenset()
    sees_all: bool = False
    problem: str | None = None


def select_webhooks() -> Select[Any]:
    """Return the query for endpoints whose rows have what `find_rights` reads."""
    joined = WEBHOOKS.outerjoin(API_KEYS, _OF_KEY).outerjoin(ACCOUNTS, _OF_ACCOUNT)
    return select(*WEBHOOKS.c, *_COLUMNS).select_from(joined)


def has_principal(now: float) -> ColumnElement[bool]:
    """Return the condition that the key or the account of an endpoint can be used at a moment."""
    is_valid = and_(API_KEYS.c.revoked.is_(None), or_(API_KEYS.c.expires.is_(None), API_KEYS.c.expires > now))
    return or_(
        WEBHOOKS.c.principal_kind == "command",
        exists().where(_OF_KEY, is_valid).correlate(WEBHOOKS),
        exists().where(_OF_ACCOUNT, ACCOUNTS.c.disabled.is_(None)).correlate(WEBHOOKS),
    )


def find_rights(row: Mapping[str, Any], now: float) -> Rights:
    """
    Return what the key or the account of an endpoint may see at a moment.

    Args:
        row: A row of `select_webhooks`.
        now: The moment in seconds since 1970.
    """
    if row["principal_kind"] == "key":
        return _find_key_rights(row, now)
    if row["principal_kind"] == "account":
        return _find_account_rights(row)
    return Rights(ROLES["admin"], sees_all=True)


def _find_key_rights(row: Mapping[str, Any], now: float) -> Rights:
    if row["key_scopes"] is None:
        return Rights(problem="Its key does not exist any more.")
    if row["key_revoked"] is not None:
        return Rights(problem="Its key was revoked.")
    scopes = expand_scopes(frozenset(row["key_scopes"]))
    has_expired = row["key_expires"] is not None and row["key_expires"] <= now
    return Rights(scopes, ADMIN in scopes, "Its key has expired." if has_expired else None)


def _find_account_rights(row: Mapping[str, Any]) -> Rights:
    if row["account_role"] is None:
        return Rights(problem="Its account was removed.")
    problem = None if row["account_disabled"] is None else "Its account was disabled."
    return Rights(ROLES[row["account_role"]], sees_all=True, problem=problem)
