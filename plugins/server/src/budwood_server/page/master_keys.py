"""The state of the master key, as ``master_key.html`` shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budwood_server.api.tokens import find_keys
from budwood_server.vault.master_keys import COMMAND, VARIABLE, MasterKeyError, MasterKeys

if TYPE_CHECKING:
    from budwood_server.page.visits import Visit


async def describe_master_key(visit: Visit) -> dict[str, Any]:
    """Return the master keys or why there are none, and how to make one."""
    keys: MasterKeys | MasterKeyError
    try:
        keys = await find_keys(visit.request)
    except MasterKeyError as error:
        keys = error
    return {"keys": keys, "has_keys": isinstance(keys, MasterKeys), "command": COMMAND, "variable": VARIABLE}
