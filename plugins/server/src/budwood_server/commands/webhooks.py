"""``budwood webhooks``: endpoints to which a server sends events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.groups import new_group
from budwood_server.commands import webhook_deliveries, webhook_listen
from budwood_server.commands.clients import Provider
from budwood_server.commands.webhook_arguments import (
    Concurrency,
    PerSecond,
    Subjects,
    Types,
    Webhook,
    choose_fields,
    find_id,
    open_server,
    split_types,
)
from budwood_server.commands.webhook_output import note_problems, write_secret, write_webhook, write_webhooks

if TYPE_CHECKING:
    from budwood_server.api_models.webhooks import WebhookReply

app = new_group(
    "Have a server send events to your programs, see what they answered, and send events again. "
    "The server is that of `budwood login`, of BUDWOOD_SERVER_URL, or of the settings."
)

MAX_ROWS: Final = 10_000


@app.command("add")
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to send events: an address with https://.")],
    *,
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="A name. Default: the host.")] = None,
    types: Types = None,
    subjects: Subjects = None,
    texts: Annotated[bool, typer.Option("--texts", help="With the texts of prompts and replies. See above.")] = False,
    own: Annotated[bool, typer.Option("--own", help="Only events of yours, if you may see those of others.")] = False,
    concurrency: Concurrency = None,
    per_second: PerSecond = None,
    provider: Provider = None,
    json_output: options.AsJSON = False,
) -> None:
    """
    Create an endpoint, and print the secret that signs its requests. The secret is not shown again.

    It gets events that happen from now on. --texts needs a key with the scope texts, or an account of an administrator.
    """
    with open_server(provider) as client:
        new = client.webhooks.create(
            url,
            name=name,
            types=split_types(types),
            subjects=subjects,
            sees_all=False if own else None,
            with_texts=texts,
            concurrency=concurrency,
            per_second=per_second,
        )
    if json_output:
        terminal.write_json(new.model_dump(mode="json"))
        return
    terminal.note(f"added: {_describe(new)}, for {', '.join(new.selected_types)}.")
    if new.warning is not None:
        terminal.note(f"Nothing can be sent to it now: {new.warning}", label="warning:")
    write_secret(f"`budwood webhooks test {new.id}` tries it.", new.secret)


@app.command("list")
def list_all(
    *,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=1, max=MAX_ROWS, help="The most to show. Default: 100.")
    ] = 100,
    provider: Provider = None,
    layout: options.Format = None,
    json_output: options.AsJSON = False,
) -> None:
    """List endpoints, the newest first. An administrator sees those of all owners."""
    from itertools import islice

    with open_server(provider) as client:
        found = list(islice(client.webhooks.list(), limit + 1))
    shown = found[:limit]
    if json_output or layout is terminal.Layout.JSON:
        terminal.write_json([each.model_dump(mode="json") for each in shown])
    elif shown:
        write_webhooks(shown, layout=layout)
    else:
        terminal.note("no endpoints: `budwood webhooks add URL` creates one.")
    if not json_output:
        note_problems(shown)
    if len(found) > limit:
        terminal.note(f"There are more: pass --limit {2 * limit}.")


@app.command("show")
def show(webhook: Webhook, *, provider: Provider = None, json_output: options.AsJSON = False) -> None:
    """
    Show an endpoint, with the number of its deliveries.

    It also shows which types its patterns select now, why it is disabled, and until when older secrets sign.
    """
    with open_server(provider) as client:
        found = client.webhooks.get(find_id(client, webhook))
    if json_output:
        terminal.write_json(found.model_dump(mode="json"))
    else:
        write_webhook(found)


@app.command("change")
def change(
    webhook: Webhook,
    *,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="Another address.")] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="Another name.")] = None,
    types: Types = None,
    subjects: Subjects = None,
    all_subjects: Annotated[bool, typer.Option("--all-subjects", help="Events about all ids again.")] = False,
    texts: Annotated[bool | None, typer.Option("--texts/--no-texts", help="Texts of prompts and replies.")] = None,
    own: Annotated[bool | None, typer.Option("--own/--all", help="Events of its owner only, or of all.")] = None,
    concurrency: Concurrency = None,
    per_second: PerSecond = None,
    no_limit: Annotated[bool, typer.Option("--no-limit", help="Remove the limit of --per-second.")] = False,
    provider: Provider = None,
    json_output: options.AsJSON = False,
) -> None:
    """Change an endpoint. What is not named stays; deliveries that wait go by the new values."""
    from budwood_cli.errors import ArgumentError

    fields = choose_fields(
        url=url,
        name=name,
        types=split_types(types),
        subjects=subjects,
        sees_all=None if own is None else not own,
        with_texts=texts,
        concurrency=concurrency,
        per_second=per_second,
    )
    fields = {**fields, **({"subjects": None} if all_subjects else {}), **({"per_second": None} if no_limit else {})}
    if not fields:
        raise ArgumentError("Nothing is to change.", hint="`budwood webhooks change --help` lists what can change.")
    with open_server(provider) as client:
        changed = client.webhooks.change(find_id(client, webhook), **fields)
    _report("changed", changed, as_json=json_output)


@app.command("pause")
def pause(webhook: Webhook, *, provider: Provider = None, json_output: options.AsJSON = False) -> None:
    """Send nothing to an endpoint. Its events wait until it is resumed."""
    with open_server(provider) as client:
        changed = client.webhooks.pause(find_id(client, webhook))
    _report("paused", changed, as_json=json_output)


@app.command("resume")
def resume(webhook: Webhook, *, provider: Provider = None, json_output: options.AsJSON = False) -> None:
    """
    Send events to an endpoint again.

    It was paused or disabled, or rests after failures. One whose key was revoked, or whose account was disabled, is
    then yours, and gets what you may see.
    """
    with open_server(provider) as client:
        changed = client.webhooks.resume(find_id(client, webhook))
    _report("resumed", changed, as_json=json_output)


@app.command("rotate")
def rotate(
    webhook: Webhook,
    *,
    overlap: Annotated[
        str, typer.Option("--overlap", metavar="TIME", help="For how long the present secret signs, too, such as 24h.")
    ] = "24h",
    provider: Provider = None,
    json_output: options.AsJSON = False,
) -> None:
    """
    Replace the secret of an endpoint, and print the new one. It is not shown again.

    Until the end of the overlap, requests have signatures of both, so that receivers can change at any time.
    """
    from budwood_cli.errors import ArgumentError
    from budwood_cli.moments import format_moment, parse_duration
    from budwood_server.api_models.webhooks import MAX_OVERLAP

    seconds = 0.0 if overlap == "0" else parse_duration(overlap, option="--overlap")
    if seconds > MAX_OVERLAP:
        raise ArgumentError(f"--overlap {overlap} is too long.", hint=f"At most {MAX_OVERLAP // 86_400}d are possible.")
    with open_server(provider) as client:
        new = client.webhooks.rotate(find_id(client, webhook), overlap=seconds)
    if json_output:
        terminal.write_json(new.model_dump(mode="json"))
        return
    until = format_moment(new.old_secrets_expire.timestamp())
    write_secret(f"rotated: {new.id}. The secret before signs until {until}.", new.secret)


@app.command("rm")
def remove(
    webhook: Webhook, *, yes: options.Yes = False, provider: Provider = None, json_output: options.AsJSON = False
) -> None:
    """
    Remove an endpoint.

    Its secrets and the log of its deliveries are removed, too. Events that wait for it are not sent.
    """
    from budwood_cli.questions import confirm

    with open_server(provider) as client:
        found = client.webhooks.get(find_id(client, webhook))
        if not confirm(f"Remove {_describe(found)}, with the log of its deliveries?", flag="--yes", yes=yes):
            raise typer.Exit(1)
        client.webhooks.delete(found.id)
    _report("removed", found, as_json=json_output)


@app.command("types")
def types(*, provider: Provider = None, layout: options.Format = None, json_output: options.AsJSON = False) -> None:
    """
    List the types of events.

    With each is when it happens, and whether you may see it, or the scope that this needs.
    """
    with open_server(provider) as client:
        found = client.events.types().types
    if json_output or layout is terminal.Layout.JSON:
        terminal.write_json([each.model_dump(mode="json") for each in found])
        return
    rows = [(each.name, each.meaning, "yes" if each.is_visible else f"needs {each.scope}") for each in found]
    terminal.write_table(("type", "when", "yours"), rows, layout=layout)


def _describe(webhook: WebhookReply) -> str:
    return f"the endpoint {webhook.name!r} ({webhook.id})"


def _report(action: str, webhook: WebhookReply, *, as_json: bool) -> None:
    if as_json:
        terminal.write_json(webhook.model_dump(mode="json"))
    else:
        terminal.note(f"{action}: {_describe(webhook)}")


app.command("test")(webhook_deliveries.send_test)
app.command("logs")(webhook_deliveries.logs)
app.command("replay")(webhook_deliveries.replay)
app.command("listen")(webhook_listen.listen)
