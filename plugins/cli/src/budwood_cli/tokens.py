"""``budwood tokens``: keep the API keys of vendors on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from budwood_cli import options, terminal
from budwood_cli.groups import new_group

if TYPE_CHECKING:
    from budwood.credential_store import StoredKey
    from budwood_cli.stored_keys import Change

COLUMNS: Final = ("provider", "label", "key", "stored in", "overridden by")
_DEFAULT: Final = "default"
_FOR_ADDRESS: Final = "Store the key for it?"

Provider = Annotated[
    str | None, typer.Option("--provider", "-p", metavar="NAME", help="The provider, as in PROVIDER/MODEL.")
]
Label = Annotated[
    str | None, typer.Option("--label", "-l", metavar="TEXT", help="The name of the key, if the provider has several.")
]
Token = Annotated[
    str | None,
    typer.Option("--token", metavar="-", help="- reads the key from standard input. Default: ask for it, hidden."),
]
Store = Annotated[
    str | None,
    typer.Option("--store", metavar="keyring|file", help="Where to store the key. Default: the keyring, or ask."),
]


class TokenCommands(TyperGroup):
    """The subcommands. A prompt in place of one gets a hint at the command that counts its tokens."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - typer has click as a private copy
        """Return the name of a subcommand, the subcommand, and its arguments."""
        try:
            return super().resolve_command(ctx, args)
        except Exception as error:
            error.add_note("`budwood count` counts the tokens of a prompt.")
            raise


app = new_group("Keep the API keys of vendors on this machine, in the keyring or in a file.", TokenCommands)


@app.command("add")
def add(
    *,
    provider: Provider = None,
    label: Label = None,
    token: Token = None,
    store: Store = None,
    yes: options.Yes = False,
    json_output: options.AsJSON = False,
) -> None:
    """
    Store a key. Calls use it if neither an argument, nor a variable, nor a settings file has one.

    Several keys of one provider, each with its own label, are used in turn. A stored key is only sent to the address
    that the settings give the provider when it is stored. If a file of the current folder sets it, you are asked.
    """
    from budwood_cli.key_input import read_key
    from budwood_cli.key_sources import check_provider, confirm_target
    from budwood_cli.secret_places import choose_place
    from budwood_cli.stored_keys import store_key, stored_keys_path

    name = check_provider(_provider(provider))
    secret = read_key(name, token)
    target = confirm_target(name, secret, question=_FOR_ADDRESS, yes=yes)
    place = choose_place(store, stored_keys_path(), yes=yes)
    _report("stored", store_key(name, secret, place, label or _DEFAULT, target=target), json_output=json_output)


@app.command("list")
def list_tokens(
    *, provider: Provider = None, layout: options.Format = None, json_output: options.AsJSON = False
) -> None:
    """
    List the stored keys by their last characters. A variable or a file that takes precedence is named.

    The keyring is not opened.
    """
    from budwood_cli.stored_keys import list_keys

    rows = [_describe(key) for key in list_keys(provider)]
    if json_output or layout is terminal.Layout.JSON:
        terminal.write_json(rows)
        return
    if not rows:
        terminal.note("no stored keys: `budwood tokens add --provider NAME` stores one.")
        return
    cells = [(row["provider"], row["label"], row["key"], row["store"], row["overridden_by"]) for row in rows]
    terminal.write_table(COLUMNS, cells, layout=layout)


@app.command("rm")
def remove(
    *, provider: Provider = None, label: Label = None, yes: options.Yes = False, json_output: options.AsJSON = False
) -> None:
    """Remove a stored key. The vendor still accepts it: revoke it there if others may know it."""
    from budwood_cli.questions import confirm
    from budwood_cli.stored_keys import remove_key

    key = _choose_key(_provider(provider), label)
    if not confirm(f"Remove the key {key.label!r} of {key.provider} ({_ending(key)})?", flag="--yes", yes=yes):
        raise typer.Exit(1)
    _report("removed", remove_key(*key.name), json_output=json_output)


@app.command("rotate")
def rotate(
    *,
    provider: Provider = None,
    label: Label = None,
    token: Token = None,
    store: Store = None,
    yes: options.Yes = False,
    json_output: options.AsJSON = False,
) -> None:
    """Replace a stored key by a new one. All other keys stay as they are."""
    from budwood_cli.key_input import read_key
    from budwood_cli.key_sources import confirm_target
    from budwood_cli.secret_places import choose_place
    from budwood_cli.stored_keys import replace_key, stored_keys_path

    key = _choose_key(_provider(provider), label)
    secret = read_key(key.provider, token)
    target = confirm_target(key.provider, secret, question=_FOR_ADDRESS, yes=yes)
    place = choose_place(store or ("file" if key.place == "file" else None), stored_keys_path(), yes=yes)
    _report("replaced", replace_key(key.provider, secret, place, key.label, target=target), json_output=json_output)


def _provider(name: str | None) -> str:
    from budwood_cli.questions import ask_text

    return name or ask_text("Provider, as in PROVIDER/MODEL", flag="--provider NAME")


def _choose_key(provider: str, label: str | None) -> StoredKey:
    """
    Return the stored key of a provider with a label, or its only one. If there are several, ask.

    Raises:
        ArgumentError: There is no such key.
    """
    from budwood.names import normalise
    from budwood_cli.questions import choose
    from budwood_cli.stored_keys import list_keys, missing_key

    keys = {key.label: key for key in list_keys(provider)}
    if label is None and len(keys) > 1:
        described = {key.label: f"{_ending(key)} in the {key.place}" for key in keys.values()}
        label = choose(f"Which key of {normalise(provider)}?", described, flag="--label TEXT")
    chosen = label or next(iter(keys), _DEFAULT)
    if chosen not in keys:
        raise missing_key(normalise(provider), chosen, list(keys.values()))
    return keys[chosen]


def _report(action: str, change: Change, *, json_output: bool) -> None:
    row = _describe(change.key)
    if json_output:
        terminal.write_json({"action": action, **row, "note": change.note or None})
        return
    where = "the keyring" if change.key.place == "keyring" else terminal.short_path(Path(row["path"]))
    terminal.note(f"{action}: the key {row['label']!r} of {row['provider']} ({row['key']}), in {where}")
    if action != "removed" and row["origin"]:
        terminal.note(f"It will only be sent to {row['origin']}.")
    if change.note:
        terminal.note(f"note: {change.note}")
    if row["overridden_by"] and action != "removed":
        terminal.note(f"note: {row['overridden_by']} has a key too, which takes precedence")


def _describe(key: StoredKey) -> dict[str, Any]:
    from budwood_cli.key_sources import find_override
    from budwood_cli.stored_keys import stored_keys_path

    return {
        "provider": key.provider,
        "label": key.label,
        "key": _ending(key),
        "store": key.place,
        "path": str(stored_keys_path()) if key.place == "file" else None,
        "plugin": key.plugin,
        "origin": key.origin,
        "overridden_by": find_override(key.provider),
    }


def _ending(key: StoredKey) -> str:
    return f"…{key.ending}"
