"""Whether what a worker needs to answer requests works."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from budwood.errors import BudwoodError

if TYPE_CHECKING:
    from budwood_server.database import Database
    from budwood_server.limits import Leases

CHECK_SECONDS: Final = 5.0
"""The time within which the database must answer."""


async def check_database(database: Database) -> dict[str, Any]:
    """Return whether the database answers, as ``ok``, and if not why, as ``error``."""
    from sqlalchemy import text

    try:
        async with asyncio.timeout(CHECK_SECONDS), database.read() as connection:
            await connection.execute(text("SELECT 1"))
    except BudwoodError as error:
        return {"ok": False, "error": error.message}  # without the hint, which is for the operator
    except TimeoutError:
        return {"ok": False, "error": "The database does not answer."}
    return {"ok": True}


async def check_leases(leases: Leases) -> dict[str, Any]:
    """Return whether what counts limits answers; see `check_database`."""
    try:
        await leases.check()
    except OSError as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True}
