"""Who reads a stream of events, now and as long as the stream lasts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from budwood_server.access.authentication import INVALID_KEY, INVALID_LOGIN, find_token
from budwood_server.gateway.errors import NO_DATABASE
from budwood_server.people.logins import ACCESS_PREFIX, find_login, find_login_by_id, hold_login, use_once
from budwood_server.people.principals import Principal, from_key
from budwood_server.web.problems import ProblemError, reject

if TYPE_CHECKING:
    from budwood_server.database import Database
    from budwood_server.people.logins import Login
    from budwood_server.worker import Worker


@dataclass(frozen=True, slots=True)
class Reader:
    """
    Who reads a stream.

    Attributes:
        principal: What it may see at the start.
        find: Returns what it may see now. Raises `ProblemError` if its key or login is not valid any more.
    """

    principal: Principal
    find: Callable[[], Awaitable[Principal]] = field(repr=False)


async def find_reader(worker: Worker, find_header: Callable[[str], str | None], ticket: str | None) -> Reader:
    """
    Return who sends a request.

    Args:
        worker: Knows the keys.
        find_header: Returns the value of a header by its name in lower case, or None.
        ticket: A ticket of the query in place of a header, which is valid once.

    Raises:
        ProblemError: 400 with a ticket beside a key or an access token; 401 without a valid one of them; 503 if the
            server has no database.
    """
    if worker.database is None:
        raise ProblemError(NO_DATABASE)
    token = find_token(find_header)
    if token is not None and ticket is not None:
        raise reject("A request has a key or a ticket, not both.", param="ticket", hint="Leave out one of them.")
    if ticket is not None:
        return _read_as(worker.database, await _use_ticket(worker.database, ticket))
    if token is not None and token.startswith(ACCESS_PREFIX):
        async with worker.database.read() as connection:
            return _read_as(worker.database, await find_login(connection, token, "access"))

    async def find() -> Principal:
        key = await worker.find_key(token) if token else None
        if key is None:
            raise ProblemError(INVALID_KEY)
        return from_key(key)

    return Reader(await find(), find)


async def _use_ticket(database: Database, ticket: str) -> Login | None:
    async with database.write() as connection:
        login = await hold_login(connection, ticket, "ticket")
        return login if login is not None and await use_once(connection, ticket, "ticket") else None


def _read_as(database: Database, login: Login | None) -> Reader:
    """Return the reader of a login, which may read as long as the login lasts, and not only its token."""
    if login is None:
        raise ProblemError(INVALID_LOGIN)
    login_id = login.id

    async def find() -> Principal:
        async with database.read() as connection:
            found = await find_login_by_id(connection, login_id)
        if found is None:
            raise ProblemError(INVALID_LOGIN)
        return found.principal

    return Reader(login.principal, find)
