"""How keys are printed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from budwood_cli import terminal
from budwood_cli.moments import format_moment
from budwood_cli.terminal import Layout
from budwood_server.access.key_store import NewKey
from budwood_server.access.keys import ApiKey, KeyBudget

COLUMNS: Final = ("id", "name", "team", "scopes", "models", "limits", "expires", "last used", "state")
_OPTIONAL: Final = ("limits", "models", "last used")


def write_keys(keys: Sequence[ApiKey], *, layout: Layout | None) -> None:
    """Write a table of keys."""
    terminal.write_table(COLUMNS, map(_to_row, keys), _OPTIONAL, layout=layout)


def write_new_key(action: str, new: NewKey, *, as_json: bool) -> None:
    """Write a key whose secret is new: its token to standard output, and the rest to standard error."""
    if as_json:
        terminal.write_json({"key": new.token, **to_json(new.key)})
        return
    terminal.note(f"{action}: {describe_key(new.key)}. Store the key now: it is not shown again.")
    if new.key.old_secret_expires is not None:
        terminal.note(f"The secret before it works until {_format(new.key.old_secret_expires)}.")
    terminal.write(f"{new.token}\n")


def to_json(key: ApiKey) -> dict[str, Any]:
    """Return a key as JSON."""
    fields = key.model_dump(mode="json", exclude={"version"})
    names = ("scopes", "request_options")
    lists = {name: sorted(fields[name]) for name in names if fields[name] is not None}
    return fields | lists | {"state": key.find_status(datetime.now(UTC))}


def describe_key(key: ApiKey) -> str:
    """Return the name and the id of a key."""
    return f"the key {key.name!r} ({key.id})"


def _to_row(key: ApiKey) -> tuple[object, ...]:
    return (
        *(key.id, key.name, key.team, ", ".join(sorted(key.scopes)), ", ".join(key.models) or "all"),
        *(_format_limits(key), _format(key.expires), _format(key.last_used), key.find_status(datetime.now(UTC))),
    )


def _format_limits(key: ApiKey) -> str:
    limits = [
        f"{limit:,} {unit}/min"
        for limit, unit in ((key.requests_per_minute, "requests"), (key.tokens_per_minute, "tokens"))
        if limit is not None
    ]
    return ", ".join([*limits, *([_format_budget(key.budget)] if key.budget else [])]) or "none"


def _format_budget(budget: KeyBudget) -> str:
    amount = f"{budget.tokens:,} tokens" if budget.dollars is None else terminal.format_dollars(budget.dollars)
    return f"{amount}/{budget.per}"


def _format(moment: datetime | None) -> str:
    return "never" if moment is None else format_moment(moment.timestamp())
