"""``budwood server keys``: the API keys of clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from budwood_cli import options, terminal
from budwood_cli.groups import new_group
from budwood_server.commands import key_options
from budwood_server.commands.databases import URL, run_with_database

if TYPE_CHECKING:
    from budwood_server.access.key_store import KeyStore
    from budwood_server.database import Database

app = new_group("Create, list, rotate and revoke the API keys of clients. A running server notices it at once.")

Key = Annotated[str, typer.Argument(metavar="KEY", help="The id of the key, its name, or the key itself.")]


@app.command("create")
def create(
    name: key_options.Name,
    *,
    team: key_options.Team = None,
    scopes: key_options.Scopes = None,
    expires: key_options.Expires = None,
    models: key_options.Models = None,
    requests_per_minute: key_options.RequestsPerMinute = None,
    tokens_per_minute: key_options.TokensPerMinute = None,
    budget_dollars: key_options.BudgetDollars = None,
    budget_tokens: key_options.BudgetTokens = None,
    per: key_options.BudgetPeriod = None,
    timezone: key_options.BudgetTimeZone = None,
    request_options: key_options.RequestOptions = None,
    database: URL = None,
    json_output: options.AsJSON = False,
) -> None:
    """
    Create a key, and print it once: only a hash of it is stored.

    A key with the scope admin manages the server, and cannot call models.
    """
    from budwood_server.commands.key_output import write_new_key
    from budwood_server.commands.key_policy import read_budget, read_expiry, read_policy

    policy = read_policy(
        {
            "name": name,
            "team": team,
            "scopes": scopes,
            "expires": read_expiry(expires),
            "models": models,
            "requests_per_minute": requests_per_minute,
            "tokens_per_minute": tokens_per_minute,
            "budget": read_budget(budget_dollars, budget_tokens, per, timezone),
            "request_options": request_options,
        }
    )
    created = run_with_database(database, lambda opened: open_store(opened).create(policy), may_create=True)
    write_new_key("created", created, as_json=json_output)


@app.command("list")
def list_keys(
    *,
    team: Annotated[str | None, typer.Option("--team", metavar="NAME", help="Only those of this team.")] = None,
    with_revoked: Annotated[bool, typer.Option("--all", help="Also those that were revoked.")] = False,
    database: URL = None,
    layout: options.Format = None,
    json_output: options.AsJSON = False,
) -> None:
    """List the keys, the newest first, without their secrets."""
    from budwood_server.commands.key_output import to_json, write_keys

    keys = run_with_database(database, lambda opened: open_store(opened).list(team=team, with_revoked=with_revoked))
    if json_output or layout is terminal.Layout.JSON:
        terminal.write_json([to_json(key) for key in keys])
    elif keys:
        write_keys(keys, layout=layout)
    else:
        terminal.note("no keys: `budwood server keys create NAME` creates one.")


@app.command("revoke")
def revoke(key: Key, *, yes: options.Yes = False, database: URL = None, json_output: options.AsJSON = False) -> None:
    """Revoke a key for good. Every server refuses it within a second, and its webhooks send nothing more."""
    from budwood_cli.questions import confirm
    from budwood_server.commands.key_output import describe_key, to_json

    found = run_with_database(database, lambda opened: open_store(opened).find(key))
    if found.revoked is None:
        if not confirm(f"Revoke {describe_key(found)}? Its clients stop working.", flag="--yes", yes=yes):
            raise typer.Exit(1)
        found = run_with_database(database, lambda opened: open_store(opened).revoke(found.id))
    if json_output:
        terminal.write_json(to_json(found))
    else:
        terminal.note(f"revoked: {describe_key(found)}")


@app.command("rotate")
def rotate(
    key: Key,
    *,
    overlap: Annotated[
        str | None,
        typer.Option(
            "--overlap", metavar="TIME", help="How long the present key still works: 24h. Default: no longer."
        ),
    ] = None,
    database: URL = None,
    json_output: options.AsJSON = False,
) -> None:
    """Give a key a new secret, and print it once. Its id, limits, files and batches stay."""
    from budwood_cli.moments import parse_duration
    from budwood_server.commands.key_output import write_new_key

    seconds = 0.0 if overlap is None else parse_duration(overlap, option="--overlap")
    rotated = run_with_database(database, lambda opened: open_store(opened).rotate(key, overlap=seconds))
    write_new_key("rotated", rotated, as_json=json_output)


def open_store(database: Database) -> KeyStore:
    """Return the table of keys."""
    from budwood_server.access.key_store import KeyStore

    return KeyStore(database)
