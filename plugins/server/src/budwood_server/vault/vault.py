"""The tokens that a worker uses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from budwood.errors import BudwoodError
from budwood.logs import emit
from budwood_server.vault.master_keys import MasterKeys, find_master_keys
from budwood_server.vault.provider_settings import NO_TOKENS, OpenedTokens, open_tokens
from budwood_server.vault.store import StoredToken, load_tokens

if TYPE_CHECKING:
    from budwood import Settings
    from budwood_server.database import Database


class Vault:
    """
    Reads tokens from the database, and opens them.

    Only sealed texts are kept: opened ones are in the settings of the providers that use them.

    Args:
        database: The database.

    Attributes:
        opened: What the last use of `open` returned.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stored: Sequence[StoredToken] = ()
        self.opened = NO_TOKENS

    async def load(self) -> None:
        """
        Read the tokens. Do it at the start, and after each change of them.

        Raises:
            DatabaseError: The database cannot be used.
        """
        async with self._database.read() as connection:
            self._stored = await load_tokens(connection)

    async def open(self, settings: Settings) -> OpenedTokens:
        """Open the tokens that were read last. Those that cannot be opened are reported in the log, and left out."""
        opened = NO_TOKENS
        if self._stored:  # without tokens, no keyring is opened
            opened = await asyncio.to_thread(_open, settings, self._stored)
        self._report(opened)
        self.opened = opened
        return opened

    def _report(self, opened: OpenedTokens) -> None:
        for each in self._stored:
            reason = opened.problems.get(each.token.id)
            if reason is not None and reason != self.opened.problems.get(each.token.id):
                emit("token not used", level="warning", token=each.token.id, name=each.token.name, reason=reason)


def _open(settings: Settings, stored: Sequence[StoredToken]) -> OpenedTokens:
    keys: MasterKeys | BudwoodError
    try:
        keys = find_master_keys(settings)
    except BudwoodError as error:
        keys = error
    return open_tokens(settings, stored, keys)
