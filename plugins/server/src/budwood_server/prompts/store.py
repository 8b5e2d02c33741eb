"""Versions and labels of prompts in the database."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_prompts import Prompt, PromptNotFoundError, PromptReference, read_prompt
from budwood_server.database import PROMPTS as SUBJECT
from budwood_server.database import raise_version
from budwood_server.database.inserts import insert_into
from budwood_server.database.tables import PROMPT_LABELS as LABELS
from budwood_server.database.tables import PROMPT_VERSIONS as VERSIONS
from budwood_server.database.tables import PROMPTS
from budwood_server.web.problems import reject

MAX_NAMES: Final = 1000
"""The number of names among which similar ones are found."""


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """
    A version of a prompt. It never changes.

    Attributes:
        prompt: Its content.
        version: Its number, from 1.
        created: When it was saved, in seconds since 1970.
        author: The name of who saved it.
    """

    prompt: Prompt
    version: int
    created: float
    author: str


async def save_prompt(
    connection: AsyncConnection, prompt: Prompt, author: str, *, at: float | None = None
) -> PromptVersion:
    """
    Save a prompt as a new version, which becomes the newest.

    Args:
        connection: A transaction that writes. Two that save the same prompt follow each other.
        prompt: The prompt.
        author: The name of who saves it.
        at: When it is, in seconds since 1970; by default now.
    """
    first = insert_into(connection, PROMPTS).values(name=prompt.name, latest=0).on_conflict_do_nothing()
    await connection.execute(first)
    latest = update(PROMPTS).where(PROMPTS.c.name == prompt.name).values(latest=PROMPTS.c.latest + 1)
    version = (await connection.execute(latest.returning(PROMPTS.c.latest))).scalar_one()
    saved = PromptVersion(prompt, version, time.time() if at is None else at, author)
    fields = prompt.model_dump(mode="json", exclude={"name"})
    await connection.execute(
        insert(VERSIONS).values(
            name=prompt.name, version=version, fields=fields, created=saved.created, author=saved.author
        )
    )
    await raise_version(connection, SUBJECT)
    return saved


async def find_prompt(connection: AsyncConnection, reference: PromptReference) -> PromptVersion:
    """
    Return the version that a reference names; the newest without a label and a number.

    Raises:
        PromptNotFoundError: There is no such prompt, version or label.
    """
    return _read_version(await _find(connection, select(VERSIONS), reference))


async def find_number(connection: AsyncConnection, reference: PromptReference) -> int:
    """
    Return the number of the version that a reference names, as `find_prompt` does.

    Raises:
        PromptNotFoundError: There is no such prompt, version or label.
    """
    number: int = (await _find(connection, select(VERSIONS.c.version), reference)).version
    return number


async def list_names(connection: AsyncConnection) -> Sequence[str]:
    """Return the names of the prompts, at most `MAX_NAMES`."""
    query = select(VERSIONS.c.name).distinct().order_by(VERSIONS.c.name).limit(MAX_NAMES)
    return (await connection.execute(query)).scalars().all()


async def list_prompts(connection: AsyncConnection, *, after: str | None, limit: int) -> Sequence[PromptVersion]:
    """Return the newest version of each prompt, by name."""
    newest = select(VERSIONS.c.name, func.max(VERSIONS.c.version).label("version")).group_by(VERSIONS.c.name).subquery()
    is_newest = (newest.c.name == VERSIONS.c.name) & (newest.c.version == VERSIONS.c.version)
    query = select(VERSIONS).join(newest, is_newest)
    if after is not None:
        query = query.where(VERSIONS.c.name > after)
    return [_read_version(row) for row in await connection.execute(query.order_by(VERSIONS.c.name).limit(limit))]


async def list_versions(
    connection: AsyncConnection, name: str, *, before: int | None, limit: int
) -> Sequence[PromptVersion]:
    """
    Return the versions of a prompt, the newest first.

    Raises:
        PromptNotFoundError: There is no such prompt.
    """
    await find_prompt(connection, PromptReference(name))
    query = select(VERSIONS).where(VERSIONS.c.name == name)
    if before is not None:
        query = query.where(VERSIONS.c.version < before)
    rows = await connection.execute(query.order_by(VERSIONS.c.version.desc()).limit(limit))
    return [_read_version(row) for row in rows]


async def list_labels(connection: AsyncConnection, names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the versions of labels, by prompt and label."""
    found: dict[str, dict[str, int]] = {name: {} for name in names}
    query = select(LABELS).where(LABELS.c.name.in_(names)).order_by(LABELS.c.label)
    for name, label, version in await connection.execute(query):
        found[name][label] = version
    return found


async def set_label(connection: AsyncConnection, name: str, label: str, version: int) -> None:
    """
    Give a label to a version. It is removed from the one that had it.

    Raises:
        PromptNotFoundError: There is no such version.
    """
    await _lock(connection, name)
    await find_number(connection, PromptReference(name, version=version))
    statement = insert_into(connection, LABELS).values(name=name, label=label, version=version)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["name", "label"], set_={"version": version})
    )
    await raise_version(connection, SUBJECT)


async def remove_label(connection: AsyncConnection, name: str, label: str) -> None:
    """
    Remove a label.

    Raises:
        PromptNotFoundError: The prompt has no such label.
    """
    await find_prompt(connection, PromptReference(name, label=label))
    await connection.execute(delete(LABELS).where(LABELS.c.name == name, LABELS.c.label == label))
    await raise_version(connection, SUBJECT)


async def delete_prompt(connection: AsyncConnection, name: str) -> int:
    """
    Delete all versions and labels of a prompt, and return the number of versions.

    A later prompt of the same name begins with the next number, so that a number never means another content.

    Raises:
        PromptNotFoundError: There is no such prompt.
    """
    await _lock(connection, name)
    await find_number(connection, PromptReference(name))
    await connection.execute(delete(LABELS).where(LABELS.c.name == name))
    deleted = await connection.execute(delete(VERSIONS).where(VERSIONS.c.name == name))
    await raise_version(connection, SUBJECT)
    return deleted.rowcount


async def delete_version(connection: AsyncConnection, name: str, version: int) -> None:
    """
    Delete a version that no label names. Its number is not used again.

    Raises:
        PromptNotFoundError: There is no such version.
        ProblemError: 409: a label names it.
    """
    await _lock(connection, name)
    await find_number(connection, PromptReference(name, version=version))
    is_named = (LABELS.c.name == name) & (LABELS.c.version == version)
    labels = (await connection.execute(select(LABELS.c.label).where(is_named).order_by(LABELS.c.label))).scalars().all()
    if labels:
        raise reject(
            f"{name}@{version} has labels: {', '.join(labels)}.",
            code="version_in_use",
            hint="Give them to another version, or remove them, and delete it then.",
            status=409,
        )
    await connection.execute(delete(VERSIONS).where(VERSIONS.c.name == name, VERSIONS.c.version == version))
    await raise_version(connection, SUBJECT)


async def _lock(connection: AsyncConnection, name: str) -> None:
    """Have others wait who change the labels or delete versions of a prompt, until the transaction ends."""
    await connection.execute(select(PROMPTS.c.latest).where(PROMPTS.c.name == name).with_for_update())


async def _find(connection: AsyncConnection, query: Select[Any], reference: PromptReference) -> Row[Any]:
    query = query.where(VERSIONS.c.name == reference.name)
    if reference.label is not None:
        is_label = (LABELS.c.name == reference.name) & (LABELS.c.label == reference.label)
        query = query.where(VERSIONS.c.version == select(LABELS.c.version).where(is_label).scalar_subquery())
    elif reference.version is not None:
        query = query.where(VERSIONS.c.version == reference.version)
    row: Row[Any] | None = (await connection.execute(query.order_by(VERSIONS.c.version.desc()).limit(1))).first()
    if row is None:
        raise PromptNotFoundError(f"There is no prompt {str(reference)!r}.", hint="GET /api/prompts lists the prompts.")
    return row


def _read_version(row: Row[Any]) -> PromptVersion:
    prompt = read_prompt({**row.fields, "name": row.name}, where=f"Prompt {row.name}@{row.version}")
    return PromptVersion(prompt, row.version, row.created, row.author)
