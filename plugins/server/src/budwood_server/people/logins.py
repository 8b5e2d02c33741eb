"""
Logins of accounts: what proves them, and for how long.

A page has a cookie. A program has an access token for 15 minutes, and a refresh token that gets it the next pair once.
A refresh token that comes a second time was copied, so its login ends. A ticket starts a login of a page once, within a
minute. The database has only hashes of them, which are enough since they are random.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, Literal

from sqlalchemy import Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.access.tokens import hash_secret, new_id, new_secret
from budwood_server.api_models.accounts import Account
from budwood_server.database import LOGINS as SUBJECT
from budwood_server.database import raise_version
from budwood_server.database.tables import ACCOUNTS, LOGIN_SECRETS, LOGINS
from budwood_server.people.principals import Principal, from_account

ACCESS_SECONDS: Final = 15 * 60.0
TICKET_SECONDS: Final = 60.0
LOGIN_SECONDS: Final = {"page": 12 * 3600.0, "program": 30 * 24 * 3600.0}
"""How long a login lasts. That of a program lasts as long after each refresh."""

ACCESS_PREFIX: Final = "bw_access_"

ACCOUNT_COLUMNS: Final = [ACCOUNTS.c[name] for name in Account.model_fields]
"""The columns of an account, without the hash of its password."""

LoginKind = Literal["page", "program"]
SecretKind = Literal["cookie", "access", "refresh", "ticket"]


@dataclass(frozen=True, slots=True)
class Login:
    """
    A login that is valid.

    Attributes:
        id: Identifies it.
        account: Whose it is. It is not disabled.
    """

    id: str
    account: Account

    @property
    def principal(self) -> Principal:
        """The account as the principal of requests."""
        return from_account(self.account, self.id)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a program."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)


def find_csrf_token(cookie: str) -> str:
    """Return what a page sends with each change, beside its cookie. No other page can know it."""
    return sha256(b"csrf:" + cookie.encode("utf-8", "surrogatepass")).hexdigest()


async def start_login(connection: AsyncConnection, account_id: str, kind: LoginKind) -> str:
    """Start a login, remove those that have ended, and return its id."""
    now = time.time()
    await connection.execute(delete(LOGIN_SECRETS).where(LOGIN_SECRETS.c.expires <= now))
    await connection.execute(delete(LOGINS).where(LOGINS.c.expires <= now))
    login_id, expires = new_id(), now + LOGIN_SECONDS[kind]
    values = {"id": login_id, "account_id": account_id, "kind": kind, "created": now, "expires": expires}
    await connection.execute(insert(LOGINS).values(values))
    await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == account_id).values(last_login=now))
    return login_id


async def issue_cookie(connection: AsyncConnection, login_id: str) -> str:
    """Return the cookie of a page's login."""
    return await _issue(connection, login_id, "cookie", LOGIN_SECONDS["page"])


async def issue_ticket(connection: AsyncConnection, login_id: str) -> str:
    """Return a ticket, which starts another login of the same account once."""
    return await _issue(connection, login_id, "ticket", TICKET_SECONDS)


async def issue_tokens(connection: AsyncConnection, login_id: str) -> Tokens:
    """Return new tokens for a program's login, and extend it."""
    expires = time.time() + LOGIN_SECONDS["program"]
    await connection.execute(update(LOGINS).where(LOGINS.c.id == login_id).values(expires=expires))
    access = await _issue(connection, login_id, "access", ACCESS_SECONDS)
    return Tokens(access, await _issue(connection, login_id, "refresh", LOGIN_SECONDS["program"]))


async def find_login(connection: AsyncConnection, secret: str, kind: SecretKind) -> Login | None:
    """Return the login that a secret proves; None if it is not valid, or its account is disabled."""
    query = (
        _select_login()
        .join(LOGIN_SECRETS, LOGIN_SECRETS.c.login_id == LOGINS.c.id)
        .where(LOGIN_SECRETS.c.secret_hash == hash_secret(secret), LOGIN_SECRETS.c.kind == kind)
        .where(LOGIN_SECRETS.c.expires > time.time())
    )
    return await _read_login(connection, query)


async def find_login_by_id(connection: AsyncConnection, login_id: str) -> Login | None:
    """Return a login by its id; None if it has ended, or its account is disabled."""
    return await _read_login(connection, _select_login().where(LOGINS.c.id == login_id))


async def hold_account(
    connection: AsyncConnection, account_id: str, password_hash: str | None = None
) -> Account | None:
    """
    Return an account that can log in. Until the end of the transaction, which writes, no other one changes it.

    Args:
        connection: The transaction.
        account_id: The id of the account.
        password_hash: The hash of the password that was checked, which must still be its own; None for none.
    """
    query = select(*ACCOUNT_COLUMNS).where(ACCOUNTS.c.id == account_id, ACCOUNTS.c.disabled.is_(None))
    if password_hash is not None:
        query = query.where(ACCOUNTS.c.password_hash == password_hash)
    row = (await connection.execute(query.with_for_update())).mappings().first()
    return None if row is None else Account.model_validate(dict(row))


async def hold_login(connection: AsyncConnection, secret: str, kind: SecretKind) -> Login | None:
    """Return what `find_login` does, in a transaction that writes. Until its end, no other one changes the account."""
    login = await find_login(connection, secret, kind)
    if login is None or await hold_account(connection, login.account.id) is None:
        return None
    return await find_login(connection, secret, kind)  # the login may have ended while the account was waited for


async def use_once(connection: AsyncConnection, secret: str, kind: SecretKind) -> bool:
    """Mark a refresh token or a ticket as used. Return whether it was not: of several uses, one succeeds."""
    is_it = (LOGIN_SECRETS.c.secret_hash == hash_secret(secret)) & (LOGIN_SECRETS.c.kind == kind)
    statement = update(LOGIN_SECRETS).where(is_it, LOGIN_SECRETS.c.used.is_(None)).values(used=time.time())
    return bool((await connection.execute(statement)).rowcount)


async def end_login(connection: AsyncConnection, login_id: str) -> None:
    """End a login: all that proves it is refused from now on, and workers close its streams of events."""
    await connection.execute(update(LOGINS).where(LOGINS.c.id == login_id).values(revoked=time.time()))
    await raise_version(connection, SUBJECT)


async def end_logins(connection: AsyncConnection, account_id: str) -> None:
    """End all logins of an account."""
    await connection.execute(delete(LOGINS).where(LOGINS.c.account_id == account_id))
    await raise_version(connection, SUBJECT)


def _select_login() -> Select[Any]:
    """Return the query of logins that have not ended."""
    return (
        select(LOGINS.c.id.label("login_id"), *ACCOUNT_COLUMNS)
        .join(ACCOUNTS, ACCOUNTS.c.id == LOGINS.c.account_id)
        .where(LOGINS.c.expires > time.time(), LOGINS.c.revoked.is_(None), ACCOUNTS.c.disabled.is_(None))
    )


async def _read_login(connection: AsyncConnection, query: Select[Any]) -> Login | None:
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else Login(row["login_id"], Account.model_validate(dict(row)))


async def _issue(connection: AsyncConnection, login_id: str, kind: SecretKind, seconds: float) -> str:
    secret = f"bw_{kind}_{new_secret()}"
    values = {"secret_hash": hash_secret(secret), "login_id": login_id, "kind": kind, "expires": time.time() + seconds}
    await connection.execute(insert(LOGIN_SECRETS).values(values))
    return secret
