"""The files of ``budwood cache export`` and ``budwood cache import``: one entry per line of JSON."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from budwood.providing import write_file_atomically
from budwood.providing.cached_values import seal_value
from budwood_cli import terminal
from budwood_cli.cache_store import read_value
from budwood_cli.errors import ArgumentError

if TYPE_CHECKING:
    from budwood.contracts import Cache
    from budwood.types import CachedItem

_STANDARD_STREAM: Final = Path("-")


class _Entry(BaseModel):
    """
    An exported entry.

    Attributes:
        key: Its key: the namespace, a colon, and a hash.
        fresh_until: The time until which it is fresh, in seconds since 1970; None for ever.
        expires: When the cache removes it, in seconds since 1970; None for never.
        content: The reply and what belongs to it.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    key: Annotated[str, Field(pattern=":")]
    fresh_until: FiniteFloat | None
    expires: FiniteFloat | None
    content: dict[str, Any]


def export_file(store: Cache, items: Iterator[CachedItem], file: Path) -> int:
    """Write entries, and return their number. Those that have expired or are damaged are left out."""
    numbers = itertools.count()
    lines = (line for line, _ in zip(_lines(store, items), numbers, strict=False))
    if file == _STANDARD_STREAM:
        for line in lines:
            terminal.write(line)
    else:
        write_file_atomically(file, lines)
    return next(numbers)


def import_file(store: Cache, file: Path) -> int:
    """
    Store the entries of a file, and return their number. Those that have expired are left out.

    Raises:
        ArgumentError: A line is not an entry. Those before are stored.
    """
    count = 0
    for number, line in enumerate(_read_lines(file), 1):
        if line.strip():
            count += _import_entry(store, _parse(line, f"{file}, line {number}"))
    return count


def _lines(store: Cache, items: Iterator[CachedItem]) -> Iterator[str]:
    for item in items:
        value = read_value(store, item.key)
        if value is not None:
            content = json.loads(value.content)
            entry = {"key": item.key, "fresh_until": value.fresh_until, "expires": item.expires, "content": content}
            yield json.dumps(entry, ensure_ascii=False) + "\n"


def _read_lines(file: Path) -> Iterator[bytes]:
    if file == _STANDARD_STREAM:
        yield from typer.get_binary_stream("stdin")
        return
    with file.open("rb") as lines:
        yield from lines


def _parse(line: bytes, where: str) -> _Entry:
    try:
        return _Entry.model_validate_json(line)
    except ValueError:
        raise ArgumentError(
            f"{where}: this is not an entry of a cache.", hint="Import what `cache export` wrote."
        ) from None


def _import_entry(store: Cache, entry: _Entry) -> bool:
    ttl = None if entry.expires is None else entry.expires - time.time()
    if ttl is not None and ttl <= 0:
        return False
    content = json.dumps(entry.content, ensure_ascii=False, separators=(",", ":")).encode()
    store.set(entry.key, seal_value(content, entry.fresh_until), ttl=ttl)
    return True
