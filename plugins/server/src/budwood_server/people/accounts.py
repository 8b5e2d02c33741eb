"""The table of accounts. Each function works in a transaction of its caller, and records the act there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood.errors import BudwoodError
from budwood_server.access.tokens import new_id
from budwood_server.api_models.accounts import Account
from budwood_server.api_models.moments import from_seconds
from budwood_server.database import WEBHOOKS, raise_version
from budwood_server.database.tables import ACCOUNTS
from budwood_server.people.audit import record
from budwood_server.people.logins import ACCOUNT_COLUMNS, end_logins
from budwood_server.people.principals import Principal
from budwood_server.people.roles import Role


class AccountExistsError(BudwoodError):
    """Another account of the server has this name."""

    param = "name"


class AccountNotFoundError(BudwoodError):
    """No account of the server has this id or name."""


async def create_account(
    connection: AsyncConnection, principal: Principal, name: str, role: Role, password_hash: str
) -> Account:
    """
    Create an account.

    Raises:
        AccountExistsError: Another one has this name.
    """
    now = time.time()
    account = Account(id=new_id(), name=name, role=role, created=from_seconds(now))
    try:
        await connection.execute(
            insert(ACCOUNTS).values(id=account.id, name=name, role=role, created=now, password_hash=password_hash)
        )
    except IntegrityError:
        raise AccountExistsError(f"The account {name!r} exists.", hint="Choose another name.") from None
    await record(connection, principal, "account.create", account.id, {"name": name, "role": role})
    return account


async def list_accounts(connection: AsyncConnection, *, after: str | None = None, limit: int = 50) -> Sequence[Account]:
    """Return accounts by their names, from the one after a name."""
    query = select(*ACCOUNT_COLUMNS).order_by(ACCOUNTS.c.name).limit(limit)
    if after is not None:
        query = query.where(ACCOUNTS.c.name > after)
    return [Account.model_validate(dict(row)) for row in (await connection.execute(query)).mappings()]


async def find_account(connection: AsyncConnection, text: str) -> Account:
    """
    Return an account by its id or name.

    Raises:
        AccountNotFoundError: There is none.
    """
    rows = await connection.execute(select(*ACCOUNT_COLUMNS).where(_is(text)).limit(1))
    if (row := rows.mappings().first()) is None:
        raise AccountNotFoundError("No account has this id or name.", hint="List the accounts to see their names.")
    return Account.model_validate(dict(row))


async def load_password(connection: AsyncConnection, name: str) -> tuple[Account, str] | None:
    """Return an account that can log in, and the hash of its password; None if there is none of this name."""
    query = select(*ACCOUNT_COLUMNS, ACCOUNTS.c.password_hash).where(
        ACCOUNTS.c.name == name, ACCOUNTS.c.disabled.is_(None)
    )
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else (Account.model_validate(dict(row)), row["password_hash"])


async def change_account(
    connection: AsyncConnection,
    principal: Principal,
    text: str,
    *,
    role: Role | None = None,
    password_hash: str | None = None,
    is_disabled: bool | None = None,
) -> Account:
    """
    Change what is not None, and end the logins of the account.

    Raises:
        AccountNotFoundError: There is none with this id or name.
    """
    account = await find_account(connection, text)
    values: dict[str, Any] = {}
    if role is not None:
        values["role"] = role
    if password_hash is not None:
        values["password_hash"] = password_hash
    if is_disabled is not None:
        values["disabled"] = func.coalesce(ACCOUNTS.c.disabled, time.time()) if is_disabled else None
    if not values:
        return account
    await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == account.id).values(**values))
    await end_logins(connection, account.id)
    await raise_version(connection, WEBHOOKS)  # what its endpoints get has changed
    shown = {"role": role, "disabled": is_disabled, "password": None if password_hash is None else "changed"}
    details = {"name": account.name} | {name: value for name, value in shown.items() if value is not None}
    await record(connection, principal, "account.change", account.id, details)
    return await find_account(connection, account.id)


async def remove_account(connection: AsyncConnection, principal: Principal, text: str) -> Account:
    """
    Remove an account with its logins. What it did stays in the audit log.

    Raises:
        AccountNotFoundError: There is none with this id or name.
    """
    account = await find_account(connection, text)
    await end_logins(connection, account.id)
    await connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.id == account.id))
    await raise_version(connection, WEBHOOKS)
    await record(connection, principal, "account.remove", account.id, {"name": account.name})
    return account


def _is(text: str) -> ColumnElement[bool]:
    return (ACCOUNTS.c.id == text) | (ACCOUNTS.c.name == text)
