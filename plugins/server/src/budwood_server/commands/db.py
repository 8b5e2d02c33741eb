"""``budwood server db``: the tables of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.groups import new_group
from budwood_server.commands.databases import URL, run_with_database

if TYPE_CHECKING:
    from budwood_server.database import Database

app = new_group("Create the tables of the database, or bring them up to date.")

SKIPPED_IDS: Final = 1_000_000_000
"""The ids of events that are skipped after a restore: more than a server gives between a backup and its restore."""


@app.command("status")
def status(*, database: URL = None, json_output: options.AsJSON = False) -> None:
    """Show the version of the tables. The exit status is 1 if a server cannot use them."""
    found = run_with_database(database, _read_status, check=False)
    if json_output:
        terminal.write_json(found)
    else:
        terminal.write_fields({name.replace("_", " "): value for name, value in found.items() if value is not None})
    if found["state"] != "current":
        raise typer.Exit(1)


@app.command("upgrade")
def upgrade(*, database: URL = None, json_output: options.AsJSON = False) -> None:
    """
    Create the tables, or bring older ones up to date.

    Several machines may run it at the same time. Make a backup first, and stop servers of the older version.
    """
    from budwood_server.database.schema import CURRENT

    before = run_with_database(database, _upgrade, check=False)
    if json_output:
        terminal.write_json(before | {"version": CURRENT.version, "usage_version": CURRENT.usage_version})
    elif before["state"] == "current":
        terminal.note(f"up to date: the tables in {before['database']} have version {CURRENT}")
    else:
        done = "created" if before["state"] == "empty" else "upgraded"
        terminal.note(f"{done}: the tables in {before['database']} have version {CURRENT}")


@app.command("restored")
def restored(*, database: URL = None, json_output: options.AsJSON = False) -> None:
    """
    Have ids of events continue above those that were used after the backup was made.

    Run it once after you have restored a backup, before you start servers. Receivers that know the ids of earlier
    events would take new events with the same ids for copies of them, and ignore them.
    """
    last = run_with_database(database, _skip_ids)
    if json_output:
        terminal.write_json({"last_id": last})
    else:
        terminal.note(f"the ids of new events continue after {last}")


async def _skip_ids(database: Database) -> str:
    from budwood_server.database import EVENTS, raise_version
    from budwood_server.events.reading import format_id

    async with database.write() as connection:
        return format_id(await raise_version(connection, EVENTS, SKIPPED_IDS))


async def _read_status(database: Database) -> dict[str, Any]:
    from budwood_server.database.schema import CURRENT, read_status

    found = await read_status(database)
    return {
        "database": database.address.label,
        "state": found.state,
        "version": found.version,
        "required_version": CURRENT.version,
        "usage_version": found.usage_version,
        "required_usage_version": CURRENT.usage_version,
    }


async def _upgrade(database: Database) -> dict[str, Any]:
    from budwood_server.database.schema import upgrade

    before = await upgrade(database)
    return {"database": database.address.label, "state": before.state, "previous_version": before.version}
