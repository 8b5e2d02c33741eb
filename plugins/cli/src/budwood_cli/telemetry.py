"""``budwood telemetry``: single calls, the newest first."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.groups import new_group
from budwood_cli.moments import format_moment, parse_moment
from budwood_cli.usage import FromServer, Label, ModelName, Provider, Tags, parse_tags

if TYPE_CHECKING:
    from budwood.contracts import UsageStore
    from budwood.types import CallFilter, CallRecord

COLUMNS: Final = ("time", "model", "seconds", "tokens", "cost", "result", "tags")
OPTIONAL: Final = ("tags", "cost", "tokens", "seconds")
"""Columns that a narrow terminal leaves out, in this order."""

NUMBERS: Final = ("seconds", "tokens", "cost")
FOLLOW_SECONDS: Final = 0.5
"""Seconds between two looks for new calls."""

_BATCH: Final = 1000
_EXAMPLE: Final = ("2026-03-31 18:00:05Z", "provider/model-name", "10.00", "1,000+1,000", "$0.000000", "ok", "")
"""The usual widths, for calls that are not known yet."""

app = new_group("Show single calls from the usage store.")


@app.command("view")
def view(
    *,
    last: Annotated[str, typer.Option("--last", metavar="TIME", help="Calls since then: 24h, 7d, or a date.")] = "24h",
    provider: Provider = None,
    model: ModelName = None,
    label: Label = None,
    tag: Tags = None,
    server: FromServer = False,
    error: Annotated[
        str | None, typer.Option("--error", metavar="CLASS", help="Calls with this error; any for all that failed.")
    ] = None,
    slower: Annotated[
        float | None,
        typer.Option(
            "--slower-than", metavar="SECONDS", callback=options.check_not_negative, help="Calls that took longer."
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="The maximum number of calls.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for new calls, until Ctrl-C.")] = False,
    layout: options.Format = None,
    json_output: options.AsJSON = False,
) -> None:
    """Show calls, the newest first, with times, tokens, costs and errors."""
    from budwood.types import CallFilter
    from budwood_cli.usage_store import note_no_calls, open_server_store, open_store

    where = CallFilter(
        since=parse_moment(last, time.time(), option="--last"),
        provider=provider,
        model=model,
        label=label,
        tags=parse_tags(tag),
        error="*" if error == "any" else error,
        slower_than=slower,
    )
    with open_server_store() if server else open_store() as store:
        records = store.calls(where, limit=limit)
        json_output = json_output or layout is terminal.Layout.JSON
        if follow:
            _follow(store, where, records, json_output=json_output)
        elif json_output:
            terminal.write_json([asdict(record) for record in records])
        elif records:
            _write_table(records, layout)
        else:
            note_no_calls(server=server)


def _write_table(records: Sequence[CallRecord], layout: terminal.Layout | None) -> None:
    """Write calls as a table, which has tags if a call has any."""
    is_plain = layout is terminal.Layout.PLAIN
    columns = COLUMNS if is_plain or any(record.tags for record in records) else COLUMNS[:-1]
    format_cost = "{:f}".format if is_plain else terminal.format_dollars
    rows = [_row(record, format_cost)[: len(columns)] for record in records]
    terminal.write_table(columns, rows, [name for name in OPTIONAL if name in columns], numbers=NUMBERS, layout=layout)


def _follow(store: UsageStore, where: CallFilter, records: Sequence[CallRecord], *, json_output: bool) -> None:
    """
    Print the calls of the time with the newest last, then new ones as they are recorded.

    If the store cannot be read for a while, a note says so once, and the calls of that time follow later.
    """
    shown = list(reversed(records))
    write = _write_as_json if json_output else _make_writer([_row(record) for record in shown])
    last = max((record.id for record in shown), default=0)
    is_readable = True
    while True:
        for record in shown:
            write(record)
            last = max(last, record.id)
        time.sleep(FOLLOW_SECONDS)
        try:
            shown, is_readable = list(store.calls(where, after=last, limit=_BATCH)), True
        except OSError as error:
            if is_readable:
                terminal.note(f"{error.strerror or error} Waiting until it works again, or for Ctrl-C.")
            shown, is_readable = [], False


def _write_as_json(record: CallRecord) -> None:
    terminal.write_json(asdict(record))


def _make_writer(rows: Sequence[Sequence[str]]) -> Callable[[CallRecord], None]:
    """Write the titles, and return a function that writes a call in columns as wide as those of some rows."""
    widths = [max(map(len, column)) for column in zip(COLUMNS, _EXAMPLE, *rows, strict=True)]

    align = [str.rjust if title in NUMBERS else str.ljust for title in COLUMNS]

    def write(cells: Sequence[str]) -> None:
        terminal.write(
            "  ".join(put(cell, width) for put, cell, width in zip(align, cells, widths, strict=True)).rstrip() + "\n"
        )

    write(COLUMNS)
    return lambda record: write(_row(record))


def _row(record: CallRecord, format_cost: Callable[[Decimal], str] = terminal.format_dollars) -> list[str]:
    known = (record.input_tokens, record.output_tokens)
    tokens = "+".join("?" if number is None else f"{number:,}" for number in known)
    cost = format_cost(record.cost) + ("+" if record.cost_unknown else "")
    result = record.error or ("cached" if record.cached else "ok")
    if record.attempts > 1:
        result = f"{result} ({record.attempts} attempts)"
    tags = " ".join(f"{name}={value}" for name, value in record.tags.items())
    cells = [f"{record.provider}/{record.model}", f"{record.seconds:.2f}", tokens, cost, result, tags]
    return [format_moment(record.time), *(" ".join(cell.split()) for cell in cells)]
