"""``budwood server accounts``, or ``users``: the accounts of people."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.groups import new_group
from budwood_server.commands.databases import URL, run_with_database

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from budwood_server.api_models.accounts import Account

app = new_group("Add, list, change and remove the accounts of people. A running server notices it at once.")

MAX_ROWS: Final = 10_000

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name to log in with, such as ann@example.com.")]
FromInput = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it.")
]


@app.command("add")
def add(
    name: Name,
    *,
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="viewer, operator or admin. Default: viewer.")
    ] = "viewer",
    password_stdin: FromInput = False,
    database: URL = None,
    json_output: options.AsJSON = False,
) -> None:
    """
    Add an account. A viewer reads, an operator also changes prompts, runs and keys, an admin does everything.

    The password has at least 12 characters.
    """
    from budwood_server.people.accounts import create_account
    from budwood_server.people.principals import COMMAND

    checked_name, checked_role = _check_name(name), _check_role(role)
    hashed = _read_password(checked_name, from_input=password_stdin)
    account = _change(
        database,
        lambda connection: create_account(connection, COMMAND, checked_name, checked_role, hashed),
        may_create=True,
    )
    _report("added", account, as_json=json_output)


@app.command("list")
def list_all(
    *,
    limit: Annotated[
        int,
        typer.Option("--limit", "-n", metavar="N", min=1, max=MAX_ROWS, help="How many to show at most. Default: 100."),
    ] = 100,
    after: Annotated[
        str | None, typer.Option("--after", metavar="NAME", help="Only accounts whose names follow this one.")
    ] = None,
    database: URL = None,
    layout: options.Format = None,
    json_output: options.AsJSON = False,
) -> None:
    """List the accounts by their names. If there are more, a note says how to go on."""
    from budwood_server.people.accounts import list_accounts

    found = _change(database, lambda connection: list_accounts(connection, after=after, limit=limit + 1))
    accounts = found[:limit]
    if json_output or layout is terminal.Layout.JSON:
        terminal.write_json([account.model_dump(mode="json") for account in accounts])
    elif accounts:
        rows = [(each.name, each.role, _format(each.last_login), _find_state(each), each.id) for each in accounts]
        terminal.write_table(("name", "role", "last login", "state", "id"), rows, ("id",), layout=layout)
    elif after is None:
        terminal.note("no accounts: `budwood server accounts add NAME` adds one.")
    if len(found) > limit:
        terminal.note(f"There are more: add --after {accounts[-1].name}.")


@app.command("change")
def change(
    name: Name,
    *,
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="viewer, operator or admin.")],
    database: URL = None,
    json_output: options.AsJSON = False,
) -> None:
    """Give an account another role, and end its logins."""
    _report("changed", _change_account(database, name, role=_check_role(role)), as_json=json_output)


@app.command("disable")
def disable(name: Name, *, database: URL = None, json_output: options.AsJSON = False) -> None:
    """Let an account no longer log in, and end its logins. What it owns stays; its webhooks send nothing."""
    _report("disabled", _change_account(database, name, is_disabled=True), as_json=json_output)


@app.command("enable")
def enable(name: Name, *, database: URL = None, json_output: options.AsJSON = False) -> None:
    """Let an account log in again that was disabled."""
    _report("enabled", _change_account(database, name, is_disabled=False), as_json=json_output)


@app.command("password")
def password(
    name: Name, *, password_stdin: FromInput = False, database: URL = None, json_output: options.AsJSON = False
) -> None:
    """Set another password of an account, and end its logins. It has at least 12 characters."""
    from budwood_server.people.accounts import find_account

    account = _change(database, lambda connection: find_account(connection, name))
    hashed = _read_password(account.name, from_input=password_stdin)
    _report("changed", _change_account(database, account.id, password_hash=hashed), as_json=json_output)


@app.command("remove")
def remove(name: Name, *, yes: options.Yes = False, database: URL = None, json_output: options.AsJSON = False) -> None:
    """Remove an account, and end its logins."""
    from budwood_cli.questions import confirm
    from budwood_server.people.accounts import find_account, remove_account
    from budwood_server.people.principals import COMMAND

    account = _change(database, lambda connection: find_account(connection, name))
    if not confirm(f"Remove the account {account.name}? Its logins end.", flag="--yes", yes=yes):
        raise typer.Exit(1)
    _change(database, lambda connection: remove_account(connection, COMMAND, account.id))
    _report("removed", account, as_json=json_output)


def _change_account(url: str | None, name: str, **changes: Any) -> Account:  # noqa: ANN401 - see change_account
    """Change an account, and end its logins, as the API does."""
    from budwood_server.people.accounts import change_account
    from budwood_server.people.principals import COMMAND

    account: Account = _change(url, lambda connection: change_account(connection, COMMAND, name, **changes))
    return account


def _change(url: str | None, act: Callable[[AsyncConnection], Awaitable[Any]], *, may_create: bool = False) -> Any:  # noqa: ANN401 - what the act returns
    async def run(database: Any) -> Any:  # noqa: ANN401 - imported late
        async with database.write() as connection:
            return await act(connection)

    return run_with_database(url, run, may_create=may_create)


def _check_name(name: str) -> str:
    from pydantic import TypeAdapter, ValidationError

    from budwood_cli.errors import ArgumentError
    from budwood_server.api_models.accounts import AccountName

    try:
        return TypeAdapter(AccountName).validate_python(name.lower())
    except ValidationError:
        hint = "Use up to 64 letters, digits and the characters . _ @ + -, such as ann@example.com."
        raise ArgumentError(f"NAME {name!r} is not a name of an account.", hint=hint) from None


def _check_role(role: str) -> Any:  # noqa: ANN401 - a literal of the roles
    from budwood_cli.errors import ArgumentError
    from budwood_server.people.roles import ROLES

    if role not in ROLES:
        raise ArgumentError(f"--role {role!r} is no role.", hint=f"The roles are {', '.join(ROLES)}.")
    return role


def _read_password(name: str, *, from_input: bool) -> str:
    """Return the hash of a new password from standard input or the terminal."""
    from budwood_cli.errors import ArgumentError
    from budwood_cli.questions import ask_secret
    from budwood_server.people.passwords import MAX_CHARACTERS, MIN_CHARACTERS, hash_password

    if from_input:
        password = (sys.stdin.readline() if sys.stdin is not None else "").rstrip("\r\n")
    else:
        password = ask_secret(f"Password of {name} (hidden)", flag="--password-stdin")
        if ask_secret("Again", flag="--password-stdin") != password:
            raise ArgumentError("The passwords differ.", hint="Type the same password twice.")
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        raise ArgumentError(
            f"The password has {len(password)} characters.",
            hint=f"Use {MIN_CHARACTERS} to {MAX_CHARACTERS} characters.",
        )
    return hash_password(password)


def _report(done: str, account: Account, *, as_json: bool) -> None:
    if as_json:
        terminal.write_json(account.model_dump(mode="json"))
    else:
        terminal.note(f"{done}: the account {account.name} ({account.role})")


def _find_state(account: Account) -> str:
    return "active" if account.disabled is None else "disabled"


def _format(moment: datetime | None) -> str:
    from budwood_cli.moments import format_moment

    return "never" if moment is None else format_moment(moment.timestamp())
