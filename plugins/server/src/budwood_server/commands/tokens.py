"""``budwood server tokens``: the tokens of vendors in the database of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.groups import new_group
from budwood_server.commands.databases import URL, run_with_database

if TYPE_CHECKING:
    from budwood_server.database import Database
    from budwood_server.vault.master_keys import MasterKeys
    from budwood_server.vault.store import Rewrapped, StoredToken
    from budwood_server.vault.tokens import VendorToken
    from budwood_server.webhooks.secrets import RewrappedSecrets

COLUMNS: Final = ("id", "provider", "label", "token", "master key", "created", "changed")
_OPTIONAL: Final = ("master key", "created")
_DEFAULT: Final = "default"

app = new_group(
    "Keep the tokens of vendors that a server uses. They are in its database, sealed by a master key. "
    "For the programs of this user there is `budwood tokens`, for clients of a server `budwood server keys`."
)

Token = Annotated[str, typer.Argument(metavar="TOKEN", help="The id of the token, PROVIDER/LABEL, or PROVIDER.")]
Secret = Annotated[
    str | None,
    typer.Option("--token", metavar="-", help="- reads the token from standard input. Default: ask for it, hidden."),
]


@app.command("add")
def add(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="The provider, as in PROVIDER/MODEL.")],
    *,
    label: Annotated[
        str, typer.Option("--label", "-l", metavar="TEXT", help="The name of the token, if the provider has several.")
    ] = _DEFAULT,
    token: Secret = None,
    database: URL = None,
    json_output: options.AsJSON = False,
) -> None:
    """
    Store a token of a vendor. Every server uses it within a second, before one of its settings or variables.

    Several tokens of one provider, each with its own label, are used in turn.
    """
    from budwood import Settings
    from budwood_cli.key_input import read_key
    from budwood_server.people.principals import COMMAND
    from budwood_server.vault import acts
    from budwood_server.vault.master_keys import find_master_keys
    from budwood_server.vault.provider_settings import check_provider
    from budwood_server.vault.tokens import parse_new_token

    settings = Settings.load()
    keys = find_master_keys(settings)
    check_provider(settings, provider)
    new = parse_new_token(provider, label, read_key(provider, token))

    async def run(opened: Database) -> VendorToken:
        async with opened.write() as connection:
            return await acts.add(connection, COMMAND, keys, new)

    _report("stored", run_with_database(database, run, may_create=True), json_output=json_output)


@app.command("list")
def list_tokens(
    *,
    provider: Annotated[str | None, typer.Option("--provider", "-p", metavar="NAME", help="Only its tokens.")] = None,
    database: URL = None,
    layout: options.Format = None,
    json_output: options.AsJSON = False,
) -> None:
    """List the tokens by their last four characters, the newest first. One that cannot be opened is named."""
    from budwood_server.vault import store

    async def run(opened: Database) -> list[StoredToken]:
        async with opened.read() as connection:
            return await store.list_tokens(connection, provider=provider)

    found = run_with_database(database, run)
    problems = _find_problems(found)
    if json_output or layout is terminal.Layout.JSON:
        terminal.write_json([_to_json(each.token) | {"problem": problems.get(each.token.id)} for each in found])
        return
    if not found:
        terminal.note("no tokens: `budwood server tokens add PROVIDER` stores one.")
        return
    terminal.write_table(COLUMNS, (_to_row(each.token) for each in found), _OPTIONAL, layout=layout)
    for each in found:
        if (problem := problems.get(each.token.id)) is not None:
            terminal.note(f"warning: {each.token.name}: {problem}")


@app.command("rotate")
def rotate(token: Token, *, new: Secret = None, database: URL = None, json_output: options.AsJSON = False) -> None:
    """Replace a token by a new one of the vendor. Every server uses it within a second."""
    from budwood import Settings
    from budwood_cli.key_input import read_key
    from budwood_server.people.principals import COMMAND
    from budwood_server.vault import acts
    from budwood_server.vault.master_keys import find_master_keys
    from budwood_server.vault.tokens import parse_token_text

    keys = find_master_keys(Settings.load())
    found = _find(database, token)
    secret = parse_token_text(read_key(found.provider, new))

    async def run(opened: Database) -> VendorToken:
        async with opened.write() as connection:
            return await acts.rotate(connection, COMMAND, keys, found.id, secret)

    _report("replaced", run_with_database(database, run), json_output=json_output)


@app.command("remove")
def remove(
    token: Token, *, yes: options.Yes = False, database: URL = None, json_output: options.AsJSON = False
) -> None:
    """Remove a token. Every server forgets it within a second. The vendor still accepts it: revoke it there, too."""
    from budwood_cli.questions import confirm
    from budwood_server.people.principals import COMMAND
    from budwood_server.vault import acts

    found = _find(database, token)
    if not confirm(f"Remove {_describe(found)}? Servers no longer use it.", flag="--yes", yes=yes):
        raise typer.Exit(1)

    async def run(opened: Database) -> VendorToken:
        async with opened.write() as connection:
            return await acts.remove(connection, COMMAND, found.id)

    _report("removed", run_with_database(database, run), json_output=json_output)


@app.command("rewrap")
def rewrap(*, database: URL = None, json_output: options.AsJSON = False) -> None:
    """
    Seal all tokens, and the secrets of webhooks, with the newest master key. The exit status is 1 if one is damaged.

    Do it after `budwood server master-key rotate`, once all servers have the new key.
    """
    from budwood import Settings
    from budwood_server.people.principals import COMMAND
    from budwood_server.vault import acts
    from budwood_server.vault.master_keys import find_master_keys

    keys = find_master_keys(Settings.load())

    async def run(opened: Database) -> tuple[Rewrapped, RewrappedSecrets]:
        async with opened.write() as connection:
            return await acts.rewrap(connection, COMMAND, keys)

    done, secrets = run_with_database(database, run)
    _report_rewrapped(done, secrets, keys, json_output=json_output)
    if done.failed or secrets.failed:
        raise typer.Exit(1)


def _find(url: str | None, text: str) -> VendorToken:
    from budwood_server.vault import store

    async def run(opened: Database) -> VendorToken:
        async with opened.read() as connection:
            return (await store.find_token(connection, text)).token

    return run_with_database(url, run)


def _find_problems(found: list[StoredToken]) -> dict[str, str]:
    """Return why tokens cannot be opened, by their ids."""
    from budwood import Settings
    from budwood.errors import BudwoodError
    from budwood_server.vault.master_keys import find_master_keys
    from budwood_server.vault.provider_settings import describe_problem

    if not found:
        return {}
    problems: dict[str, str] = {}
    try:
        keys = find_master_keys(Settings.load())
    except BudwoodError as error:
        return {each.token.id: describe_problem(error) for each in found}
    for each in found:
        try:
            each.open(keys)
        except BudwoodError as error:
            problems[each.token.id] = describe_problem(error)
    return problems


def _report(action: str, token: VendorToken, *, json_output: bool) -> None:
    if json_output:
        terminal.write_json({"action": action, **_to_json(token)})
    else:
        terminal.note(f"{action}: {_describe(token)}")


def _report_rewrapped(done: Rewrapped, secrets: RewrappedSecrets, keys: MasterKeys, *, json_output: bool) -> None:
    from budwood_server.vault.provider_settings import describe_problem

    failed = [(token, describe_problem(error)) for token, error in done.failed]
    if json_output:
        rows = [_to_json(token) | {"problem": problem} for token, problem in failed]
        counts = {"rewrapped": len(done.changed), "unchanged": done.unchanged}
        of_webhooks = {
            "rewrapped": secrets.changed,
            "unchanged": secrets.unchanged,
            "failed": [webhook for webhook, _ in secrets.failed],
        }
        terminal.write_json(
            {
                "master_key": keys.current.id,
                **counts,
                "failed": rows,
                "webhook_secrets": of_webhooks,
            }
        )
        return
    terminal.note(f"sealed with the master key {keys.current.id}: {len(done.changed)} tokens")
    if done.unchanged:
        terminal.note(f"sealed with it before: {done.unchanged} tokens")
    for token, problem in failed:
        terminal.note(f"warning: {token.name} stays as it is: {problem}")
    if secrets.changed:
        terminal.note(f"sealed with it now: {secrets.changed} secrets of webhooks")
    for webhook, error in secrets.failed:
        terminal.note(f"warning: a secret of {webhook} stays as it is: {describe_problem(error)}")
    if len(keys.keys) > 1 and not failed and not secrets.failed:
        terminal.note("The older master keys are no longer needed: `budwood server master-key prune`.")


def _describe(token: VendorToken) -> str:
    return f"the token {token.label!r} of {token.provider} (…{token.ending}), {token.id}"


def _to_row(token: VendorToken) -> tuple[object, ...]:
    from budwood_cli.moments import format_moment

    moments = (format_moment(moment.timestamp()) for moment in (token.created, token.changed))
    return (token.id, token.provider, token.label, f"…{token.ending}", token.key_id, *moments)


def _to_json(token: VendorToken) -> dict[str, Any]:
    return token.model_dump(mode="json")
