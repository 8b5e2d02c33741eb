"""``budwood cache``: look into a cache, and remove, export or import its entries."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.errors import ArgumentError
from budwood_cli.groups import new_group
from budwood_cli.moments import format_moment

if TYPE_CHECKING:
    from budwood.providing.cached_values import CachedValue
    from budwood.types import CachedItem
    from budwood_cli.cache_store import OpenCache

LIST_COLUMNS: Final = ("key", "model", "bytes", "fresh until", "used")
STATS_COLUMNS: Final = ("namespace", "entries", "bytes", "hits", "misses", "hit rate", "saved")
_TIMES: Final = ("fresh_until", "expires", "used")
_KEY_LENGTH: Final = 12
"""Characters of the hash that a list shows; they suffice for `show`."""

Name = Annotated[
    str | None, typer.Option("--cache", metavar="NAME", help="The cache. Default: the lasting one of the settings.")
]
Namespace = Annotated[str | None, typer.Option("--namespace", metavar="NAME", help="Only entries of this namespace.")]

app = new_group("Show, remove, export and import the replies in a cache.")


@app.command("stats")
def stats(*, name: Name = None, layout: options.Format = None, json_output: options.AsJSON = False) -> None:
    """Show entries, bytes, hit rate and savings of each namespace. Savings are in US dollars."""
    from budwood_cli.cache_store import open_cache

    with open_cache(name) as cache:
        rows = _stats(cache)
    if json_output or layout is terminal.Layout.JSON:
        terminal.write_json(rows)
    elif rows:
        format_cost = "{:f}".format if layout is terminal.Layout.PLAIN else terminal.format_dollars
        cells = [_stats_cells(row, format_cost) for row in rows]
        terminal.write_table(STATS_COLUMNS, cells, numbers=STATS_COLUMNS[1:], layout=layout)
    else:
        terminal.note("the cache is empty")


@app.command("list")
def list_entries(
    *,
    name: Name = None,
    namespace: Namespace = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="The maximum number of entries.")] = 50,
    layout: options.Format = None,
    json_output: options.AsJSON = False,
) -> None:
    """List entries: key, model, size, and until when they are fresh. Nothing of replies is printed."""
    from budwood_cli.cache_store import open_cache, read_value

    with open_cache(name) as cache:
        rows: list[dict[str, Any]] = []
        for item in cache.managed().items(_prefix(namespace)):
            if len(rows) == limit:
                terminal.note(f"there are more than {_entries(limit)}: raise --limit")
                break
            rows.append(_describe(item, read_value(cache.store, item.key)))
    if json_output or layout is terminal.Layout.JSON:
        terminal.write_json(rows)
    elif rows:
        terminal.write_table(LIST_COLUMNS, [_list_cells(row) for row in rows], numbers=("bytes",), layout=layout)
    else:
        terminal.note("no entries")


@app.command("show")
def show(
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="The key, or its beginning, as `budwood cache list` shows it.")
    ],
    *,
    name: Name = None,
    json_output: options.AsJSON = False,
) -> None:
    """Show the reply of an entry."""
    from budwood_cli.cache_store import open_cache, read_value

    with open_cache(name) as cache:
        matches = [item for item in cache.managed().items() if _matches(item.key, key)]
        if len(matches) != 1:
            problem = "No entry has" if not matches else "More than one entry has"
            raise ArgumentError(
                f"{problem} a key that begins with {key!r}.", hint="`budwood cache list` shows the keys."
            )
        value = read_value(cache.store, matches[0].key)
    if value is None:
        raise ArgumentError(f"The entry {matches[0].key} has expired, or cannot be read.")
    content = json.loads(value.content)
    if json_output:
        terminal.write_json(content)
        return
    for field, shown in _describe(matches[0], value).items():
        if shown is not None:
            text = format_moment(shown) if field in _TIMES else shown
            terminal.write(f"{field.replace('_', ' '):<12}{text}\n")
    if text := _text(content.get("reply")):
        terminal.write(f"\n{text}\n")


@app.command("clear")
def clear(
    *,
    name: Name = None,
    namespace: Namespace = None,
    every: Annotated[bool, typer.Option("--all", help="Remove the entries of all namespaces.")] = False,
    yes: options.Yes = False,
) -> None:
    """Remove the entries of a namespace, or all of them."""
    from budwood_cli.cache_store import open_cache
    from budwood_cli.questions import confirm

    if (namespace is None) is not every:
        raise ArgumentError("What should be removed?", hint="Pass --namespace NAME, or --all.")
    with open_cache(name) as cache:
        subject = "all entries of the cache" if namespace is None else f"the entries of the namespace {namespace!r}"
        if not confirm(f"Remove {subject}?", yes=yes):
            raise ArgumentError("No entry was removed.")
        count = cache.managed().clear(_prefix(namespace))
    terminal.note(f"removed {_entries(count)}")


@app.command("prune")
def prune(*, name: Name = None) -> None:
    """Remove expired entries, and release the space of removed ones."""
    from budwood_cli.cache_store import open_cache

    with open_cache(name) as cache:
        count = cache.managed().prune()
    terminal.note(f"removed {_entries(count)}")


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="The file to write, one entry per line of JSON; - for standard output.")],
    *,
    name: Name = None,
    namespace: Namespace = None,
) -> None:
    """Write entries to a file, which `budwood cache import` reads. It contains replies in plain text."""
    from budwood_cli.cache_files import export_file
    from budwood_cli.cache_store import open_cache

    with open_cache(name) as cache:
        count = export_file(cache.store, cache.managed().items(_prefix(namespace)), file)
    terminal.note(f"exported {_entries(count)}")


@app.command("import")
def import_entries(
    file: Annotated[Path, typer.Argument(help="A file that `budwood cache export` wrote; - for standard input.")],
    *,
    name: Name = None,
) -> None:
    """Store the entries of a file. Those that have expired are left out."""
    from budwood_cli.cache_files import import_file
    from budwood_cli.cache_store import open_cache

    with open_cache(name) as cache:
        count = import_file(cache.store, file)
    terminal.note(f"imported {_entries(count)}")


def _stats(cache: OpenCache) -> list[dict[str, Any]]:
    """Return a row for each namespace that has entries or counts."""
    from budwood.types import CacheCounts

    sizes: dict[str, list[int]] = {}
    for item in cache.managed().items():
        total = sizes.setdefault(item.key.partition(":")[0], [0, 0])
        total[0] += 1
        total[1] += item.size
    counts = cache.counts()
    rows = []
    for namespace in sorted({*sizes, *counts}):
        entries, size = sizes.get(namespace, (0, 0))
        counted = counts.get(namespace, CacheCounts())
        rows.append(
            {
                "namespace": namespace,
                "entries": entries,
                "bytes": size,
                "hits": counted.hits,
                "misses": counted.misses,
                "saved": counted.saved,
            }
        )
    return rows


def _stats_cells(row: dict[str, Any], format_cost: Callable[[Decimal], str]) -> list[str]:
    asked = row["hits"] + row["misses"]
    rate = f"{row['hits'] / asked:.1%}" if asked else "-"
    numbers = [f"{row[name]:,}" for name in ("entries", "bytes", "hits", "misses")]
    return [row["namespace"], *numbers, rate, format_cost(row["saved"])]


def _describe(item: CachedItem, value: CachedValue | None) -> dict[str, Any]:
    """Return what is known of an entry without its reply; less if it cannot be read."""
    content = {} if value is None else json.loads(value.content)
    reply = content.get("reply")
    return {
        "key": item.key,
        "model": reply.get("model") if isinstance(reply, dict) else None,
        "bytes": item.size,
        "fresh_until": value.fresh_until if value is not None else None,
        "expires": item.expires,
        "used": item.used,
        "saved": content.get("saved"),
    }


def _list_cells(row: dict[str, Any]) -> list[str]:
    namespace, _, digest = row["key"].partition(":")
    times = [("" if row[name] is None else format_moment(row[name])) for name in ("fresh_until", "used")]
    return [f"{namespace}:{digest[:_KEY_LENGTH]}", row["model"] or "", f"{row['bytes']:,}", *times]


def _matches(key: str, wanted: str) -> bool:
    return key.startswith(wanted) or key.partition(":")[2].startswith(wanted)


def _text(reply: object) -> str:
    """Return the text of a stored chat reply."""
    parts = reply.get("message", {}).get("parts", []) if isinstance(reply, dict) else []
    return "".join(part.get("text", "") for part in parts if part.get("type") == "text")


def _prefix(namespace: str | None) -> str:
    return "" if namespace is None else f"{namespace}:"


def _entries(count: int) -> str:
    return f"{count:,} entry" if count == 1 else f"{count:,} entries"
