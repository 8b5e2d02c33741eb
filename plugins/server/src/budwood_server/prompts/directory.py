"""The prompts that a worker knows, in memory."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from budwood_server.database import PROMPTS, Database, VersionWatch
from budwood_server.database.bounded import BoundedDict

if TYPE_CHECKING:
    from budwood_server.prompts.store import PromptVersion

CAPACITY: Final = 1000
"""The prompts that are kept in memory; more are read from the database again."""

MAX_NAMES: Final = 5
"""The number of names that an error suggests."""


class PromptDirectory:
    """
    Finds prompts by name and label.

    Prompts are read from the database, and parsed, at their first use. What a name or a label stands for is read again
    after the watch has noticed a change of prompts. The versions stay in memory, since they never change.

    Args:
        database: The database.
        capacity: The prompts that are kept in memory.
    """

    def __init__(self, database: Database, *, capacity: int = CAPACITY) -> None:
        self._database = database
        self._found: BoundedDict[str, PromptVersion] = BoundedDict(capacity)
        self._parsed: BoundedDict[tuple[str, int], PromptVersion] = BoundedDict(capacity)
        self._changes = 0

    def start(self, watch: VersionWatch) -> None:
        """Notice changes of prompts from now on."""
        watch.subscribe(PROMPTS, self.forget)

    async def find(self, name: str) -> PromptVersion:
        """
        Return a version of a prompt.

        Args:
            name: ``greeting``, ``greeting@production`` or ``greeting@3``.

        Raises:
            InvalidPromptError: The name is not one of these.
            PromptNotFoundError: There is no such prompt, version or label.
            DatabaseError: It is not in memory, and the database cannot be used.
        """
        found = self._found.get(name)
        if found is None:
            changes = self._changes
            found = await self._read(name)
            if changes == self._changes:  # else it may have been read before a change that was noticed since
                self._found[name] = found
        return found

    async def forget(self) -> None:
        """Read again what names and labels stand for."""
        self._changes += 1
        self._found.clear()

    async def suggest(self, name: str) -> str | None:
        """
        Return a hint for a prompt that does not exist: its labels, or similar names; None if there are none.

        Raises:
            DatabaseError: The database cannot be used.
        """
        from budwood_server.prompts import store

        prompt = name.partition("@")[0]
        async with self._database.read() as connection:
            labels = (await store.list_labels(connection, [prompt]))[prompt]
            names = await store.list_names(connection)
        if prompt in names:
            return f"Its labels: {', '.join(labels)}." if labels else f"It has no labels: use {prompt!r}, the newest."
        similar = get_close_matches(prompt, names, n=MAX_NAMES)
        return f"Use one of: {', '.join(similar)}." if similar else None

    async def _read(self, name: str) -> PromptVersion:
        from budwood_prompts import PromptReference, parse_reference  # most workers use no prompts
        from budwood_server.prompts import store

        reference = parse_reference(name)
        async with self._database.read() as connection:
            number = await store.find_number(connection, reference)
            found = self._parsed.get((reference.name, number))
            if found is None:
                found = await store.find_prompt(connection, PromptReference(reference.name, version=number))
                self._parsed[reference.name, number] = found
        return found
