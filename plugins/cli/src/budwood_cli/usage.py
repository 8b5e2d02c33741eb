"""``budwood usage``: what calls used and cost, by model, label, day and so on."""

from __future__ import annotations

import csv
import io
import shutil
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.errors import ArgumentError
from budwood_cli.moments import parse_moment

if TYPE_CHECKING:
    from budwood.types import UsageTotals

COLUMNS: Final = ("calls", "errors", "cached", "input", "output", "cost", "saved")
FIELDS: Final = (
    "calls",
    "errors",
    "cached",
    "attempts",
    "input_tokens",
    "output_tokens",
    "cost",
    "unknown_costs",
    "saved",
    "seconds",
)
TAG_GROUPS: Final = ("team", "user", "client")
"""Groups that are tags, as the gateway and many programs set them: ``team`` is ``tag:team``."""

GROUPS: Final = ("model", "provider", "label", "key", "service", "error", "day", "hour", *TAG_GROUPS)
FORMATS: Final = ("table", "json", "plain", "csv", "bars")
_BAR: Final = "█"
_MIN_BAR: Final = 10
_MAX_NAME: Final = 40
"""Characters of a name beside a bar."""

Since = Annotated[str, typer.Option("--since", metavar="TIME", help="Calls since then: 24h, 7d, or a date.")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Calls before then.")]
Provider = Annotated[str | None, typer.Option("--provider", metavar="NAME", help="Calls to this provider.")]
ModelName = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="Calls to this model, also as PROVIDER/MODEL.")
]
Label = Annotated[str | None, typer.Option("--label", metavar="TEXT", help="Calls with this label.")]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", metavar="NAME=VALUE", help="Calls with this tag. May be repeated.")
]
FromServer = Annotated[
    bool, typer.Option("--server", help="Calls of the gateway, from its database: database in [server].")
]


def usage(
    *,
    since: Since = "24h",
    until: Until = None,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", metavar="NAME", help=f"What to group by, also several: {', '.join(GROUPS)}, tag:NAME."),
    ] = None,
    provider: Provider = None,
    model: ModelName = None,
    label: Label = None,
    tag: Tags = None,
    server: FromServer = False,
    form: Annotated[str, typer.Option("--format", metavar="table|json|plain|csv|bars", help="The form.")] = "table",
    json_output: options.AsJSON = False,
) -> None:
    """Show calls, tokens and costs from the usage store. Costs are in US dollars."""
    from budwood.types import CallFilter
    from budwood_cli.usage_store import note_no_calls, open_server_store, open_store

    form = "json" if json_output else form
    if form not in FORMATS:
        raise ArgumentError(f"--format {form!r} is not known.", hint=f"The formats are {', '.join(FORMATS)}.")
    now = time.time()
    where = CallFilter(
        since=parse_moment(since, now, option="--since"),
        until=None if until is None else parse_moment(until, now, option="--until"),
        provider=provider,
        model=model,
        label=label,
        tags=parse_tags(tag),
    )
    groups = list(dict.fromkeys(name.strip() for names in by or ["model"] for name in names.split(",")))
    with open_server_store() if server else open_store() as store:
        totals, sums = _read(store, groups, where)
        dropped = store.dropped()
    if form == "json":
        terminal.write_json([_fields(each, groups) for each in totals])
    elif form == "csv":
        terminal.write(_csv(totals, groups))
    elif form == "bars":
        _write_bars(totals)
    elif form == "plain":
        rows = [[*each.group, *_cells(each, "{:f}".format)] for each in totals]
        terminal.write_table([*groups, *COLUMNS], rows, layout=terminal.Layout.PLAIN)
    else:
        _write_table(totals, sums, groups)
    if not totals and form in ("table", "bars"):
        note_no_calls(server=server)
    if dropped:
        count = terminal.format_count(dropped, "call")
        terminal.note(f"{count} could not be recorded, because the store could not be written.")


def parse_tags(tags: Sequence[str] | None) -> dict[str, str]:
    """
    Return the tags of the option ``--tag``.

    Raises:
        ArgumentError: One is not a name and a value.
    """
    from budwood.contracts.tags import is_tag_name

    pairs = [text.partition("=") for text in tags or ()]
    for text, (name, separator, _) in zip(tags or (), pairs, strict=True):
        if not separator or not is_tag_name(name):
            raise ArgumentError(f"--tag {text!r} is not a name and a value.", hint="Write it as in --tag user=ada.")
    return {name: value for name, _, value in pairs}


def _read(store: Any, groups: Sequence[str], where: Any) -> tuple[Sequence[UsageTotals], Sequence[UsageTotals]]:  # noqa: ANN401 - contracts of the core
    stored = [f"tag:{name}" if name in TAG_GROUPS else name for name in groups]
    try:
        return store.totals(stored, where), store.totals((), where)
    except ValueError as error:
        hint = f"Group by {', '.join(GROUPS)} or tag:NAME."
        raise ArgumentError(f"--by: {str(error).partition(', only by ')[0].rstrip('.')}.", hint=hint) from None


def _fields(totals: UsageTotals, groups: Sequence[str]) -> dict[str, Any]:
    return dict(zip(groups, totals.group, strict=True)) | {name: getattr(totals, name) for name in FIELDS}


def _csv(totals: Sequence[UsageTotals], groups: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, [*groups, *FIELDS], lineterminator="\n")
    writer.writeheader()
    for each in totals:
        fields = _fields(each, groups)
        writer.writerow(fields | {name: format(fields[name], "f") for name in ("cost", "saved")})
    return text.getvalue()


def _write_table(totals: Sequence[UsageTotals], sums: Sequence[UsageTotals], groups: Sequence[str]) -> None:
    if not totals:
        return
    rows = [[*(name or "-" for name in each.group), *_cells(each)] for each in totals]
    if len(totals) > 1:
        rows += [["total", *[""] * (len(groups) - 1), *_cells(each)] for each in sums]
    terminal.write_table([*groups, *COLUMNS], rows, ("saved", "cached", "errors", "input"), numbers=COLUMNS)
    if any(each.unknown_costs for each in sums):
        count = terminal.format_count(sum(each.unknown_costs for each in sums), "call")
        terminal.note(f"+ after a cost, or ? in its place: the cost of some calls is not known ({count}).")
        terminal.note("hint: `budwood telemetry view --json` shows why, as cost_unknown.")


def _cells(totals: UsageTotals, format_cost: Callable[[Decimal], str] = terminal.format_dollars) -> list[str]:
    return [
        f"{totals.calls:,}",
        f"{totals.errors:,}",
        f"{totals.cached:,}",
        f"{totals.input_tokens:,}",
        f"{totals.output_tokens:,}",
        _format_cost(totals, format_cost),
        format_cost(totals.saved),
    ]


def _format_cost(totals: UsageTotals, format_dollars: Callable[[Decimal], str]) -> str:
    """Return a cost with a plus if calls are missing in it, and a question mark if nothing of it is known."""
    if not totals.unknown_costs:
        return format_dollars(totals.cost)
    return f"{format_dollars(totals.cost)}+" if totals.cost else "?"


def _write_bars(totals: Sequence[UsageTotals]) -> None:
    """Write a bar for each group: its cost, or its calls if no cost is known."""
    costs = [each.cost for each in totals]
    amounts = [float(each.cost if any(costs) else each.calls) for each in totals]
    texts = [terminal.format_dollars(each) for each in costs] if any(costs) else [f"{each.calls:,}" for each in totals]
    names = [_shorten(" ".join(name or "-" for name in each.group)) for each in totals]
    taken = max(map(len, names), default=0) + max(map(len, texts), default=0) + 4
    width = max(shutil.get_terminal_size().columns - taken, _MIN_BAR)
    highest = max(amounts, default=0) or 1
    for name, amount, text in zip(names, amounts, texts, strict=True):
        bar = _BAR * max(round(width * amount / highest), 1 if amount else 0)
        terminal.write(f"{name:<{max(map(len, names))}}  {text:>{max(map(len, texts))}}  {bar}\n")


def _shorten(name: str) -> str:
    """Return a name on one line that leaves room for a bar."""
    line = " ".join(name.split())
    return line if len(line) <= _MAX_NAME else f"{line[: _MAX_NAME - 1]}…"
