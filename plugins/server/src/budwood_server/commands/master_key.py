"""``budwood server master-key``: the keys that seal the tokens of vendors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.errors import ArgumentError
from budwood_cli.groups import new_group
from budwood_server.commands.databases import URL, run_with_database

if TYPE_CHECKING:
    from budwood_server.database import Database
    from budwood_server.vault.master_keys import MasterKeys

COLUMNS: Final = ("id", "found in", "use", "tokens")
_VARIABLE: Final = "BUDWOOD_MASTER_KEY"

app = new_group("Create and rotate the master key. It seals the tokens of vendors: `budwood server tokens`.")


@app.command("create")
def create(
    *,
    in_keyring: Annotated[
        bool, typer.Option("--keyring", help="Store it in the keyring of this user instead of printing it.")
    ] = False,
) -> None:
    """
    Create a random master key, and print it. Set the variable BUDWOOD_MASTER_KEY to it wherever servers run.

    Keep a copy, apart from backups of the database: without it, stored tokens cannot be opened.
    """
    from budwood_server.vault.master_keys import new_master_key, parse_master_keys, read_keyring, write_keyring

    if not in_keyring:
        terminal.note(f"Set {_VARIABLE} to this key, and keep a copy apart from backups of the database:")
        terminal.write(f"{new_master_key()}\n")
        return
    if read_keyring() is not None:
        raise ArgumentError(
            "The keyring has a master key already.", hint="Replace it: `budwood server master-key rotate`."
        )
    keys = parse_master_keys(new_master_key(), "keyring")
    write_keyring(keys)
    terminal.note(f"stored in the keyring: the master key {keys.current.id}")


@app.command("rotate")
def rotate() -> None:
    """
    Put a new master key before the present ones. Then restart servers, and run `budwood server tokens rewrap`.

    Keys of the keyring are replaced there. Those of the variable are printed, to be set anew.
    """
    from budwood import Settings
    from budwood_server.vault.master_keys import find_master_keys, parse_master_keys

    keys = find_master_keys(Settings.load()).rotate()
    parse_master_keys(keys.to_text(), keys.place)  # there may be too many
    _set(keys, f"the new master key is {keys.current.id}")


@app.command("prune")
def prune(*, database: URL = None) -> None:
    """
    Remove older master keys that seal nothing any more. Backups of the database may still need them.

    It is an error if one of them still seals a token or a secret of a webhook.
    """
    from budwood import Settings
    from budwood_server.vault.master_keys import MasterKeys, find_master_keys

    keys = find_master_keys(Settings.load())
    counts = run_with_database(database, _count)
    if left := [key.id for key in keys.keys[1:] if counts.get(key.id)]:
        raise ArgumentError(
            f"The master key {left[0]} still seals {counts[left[0]]} tokens or secrets of webhooks.",
            hint="Seal them with the newest one first: `budwood server tokens rewrap`.",
        )
    if len(keys.keys) == 1:
        terminal.note("no older master keys")
        return
    _set(MasterKeys(keys.keys[:1], keys.place), f"the master key {keys.current.id} is left")


@app.command("list")
def list_keys(*, database: URL = None, layout: options.Format = None, json_output: options.AsJSON = False) -> None:
    """List the ids of the master keys, and how much each seals. Keys that are not there are missing."""
    from budwood import Settings
    from budwood_server.vault.master_keys import NoMasterKeyError, find_master_keys

    counts = run_with_database(database, _count)
    rows: list[tuple[str, str | None, str, int]] = []
    try:
        keys = find_master_keys(Settings.load())
    except NoMasterKeyError:
        pass
    else:
        uses = ("seals", *["opens"] * (len(keys.keys) - 1))
        rows = [(key.id, keys.place, use, counts.pop(key.id, 0)) for key, use in zip(keys.keys, uses, strict=True)]
    rows += [(key_id, None, "missing", count) for key_id, count in sorted(counts.items())]
    if json_output or layout is terminal.Layout.JSON:
        names = ("id", "place", "use", "tokens")
        terminal.write_json([dict(zip(names, row, strict=True)) for row in rows])
    elif rows:
        terminal.write_table(COLUMNS, rows, layout=layout)
    else:
        terminal.note("no master keys: `budwood server master-key create` creates one.")


def _set(keys: MasterKeys, what: str) -> None:
    """Store keys in the keyring if they come from there, or else print what the variable is to be."""
    from budwood_server.vault.master_keys import write_keyring

    if keys.place == "keyring":
        write_keyring(keys)
        terminal.note(f"stored in the keyring: {what}")
        return
    terminal.note(f"{what}. Set {_VARIABLE} to this, and restart servers:")
    terminal.write(f"{keys.to_text()}\n")


async def _count(opened: Database) -> dict[str, int]:
    from budwood_server.vault.store import count_by_key

    async with opened.read() as connection:
        return await count_by_key(connection)
