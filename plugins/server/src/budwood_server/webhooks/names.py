"""Names of endpoints: each owner has a name once, so that it identifies an endpoint."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from sqlalchemy import select

from budwood_server.database.tables import WEBHOOKS
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


async def check_name(connection: AsyncConnection, owner: str, name: str, *, webhook_id: str | None = None) -> None:
    """
    Check that no other endpoint of an owner has a name.

    Args:
        connection: A transaction that has raised the version of endpoints: others who choose names wait for it.
        owner: The owner.
        name: The name.
        webhook_id: The endpoint that is to have the name, if it exists.

    Raises:
        ProblemError: 409: another one has it.
    """
    query = select(WEBHOOKS.c.id).where(
        WEBHOOKS.c.owner == owner, WEBHOOKS.c.name == name, WEBHOOKS.c.id != (webhook_id or "")
    )
    if (other := (await connection.execute(query.limit(1))).scalar_one_or_none()) is not None:
        hint = f"Choose another name, or change {other}."
        message = f"The endpoint {other} has the name {name!r}."
        raise reject(message, param="name", code="name_in_use", hint=hint, status=409)


async def find_free_name(connection: AsyncConnection, owner: str, name: str, *, webhook_id: str | None = None) -> str:
    """Return a name, with a number if another endpoint of the owner has it; see `check_name`."""
    query = select(WEBHOOKS.c.name).where(WEBHOOKS.c.owner == owner, WEBHOOKS.c.id != (webhook_id or ""))
    taken = frozenset((await connection.execute(query)).scalars())
    if name not in taken:
        return name
    return next(numbered for number in count(2) if (numbered := f"{name}-{number}") not in taken)
