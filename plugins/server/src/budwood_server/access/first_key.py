"""The first admin key, which the parent process makes before workers start."""

from __future__ import annotations

from typing import Final

from budwood_server.access.key_store import KeyStore, NewKey
from budwood_server.access.keys import ADMIN, TELEMETRY, KeyPolicy
from budwood_server.access.tokens import parse_token
from budwood_server.database import Database

_POLICY: Final = KeyPolicy(name="admin", scopes=frozenset({ADMIN, TELEMETRY}))


async def prepare_admin_key(database: Database, given: str | None) -> NewKey | None:
    """
    Make sure that there is an admin key.

    Args:
        database: The database, with its tables.
        given: The key that the settings contain, or None. A change of it revokes the one before.

    Returns:
        A new key, to be printed once; None if there was one, or one is given.

    Raises:
        KeyRevokedError: The given key was revoked.
        DatabaseError: The database cannot be used.
    """
    store = KeyStore(database)
    if given is None:
        return await store.create_first(_POLICY)
    if (token := parse_token(given)) is not None:
        await store.set_given(_POLICY, token)
    return None
