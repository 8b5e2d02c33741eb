"""``budwood webhooks test|logs|replay``: what endpoints were sent, and what they answered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from budwood_cli import options, terminal
from budwood_server.commands.clients import Provider
from budwood_server.commands.webhook_arguments import Delivery, Webhook, find_id, open_server
from budwood_server.commands.webhook_output import format_answer, list_attempt_lines, write_deliveries, write_delivery

if TYPE_CHECKING:
    from budwood_server.api_models.webhooks import DeliveryReply, DeliveryState, ReplayReply
    from budwood_server.client import GatewayClient

MAX_ROWS: Final = 10_000
STATES: Final[tuple[DeliveryState, ...]] = ("waiting", "sending", "delivered", "failed")


def send_test(webhook: Webhook, *, provider: Provider = None, json_output: options.AsJSON = False) -> None:
    """
    Send a test event to an endpoint, and show what it answers.

    It has the type webhook.test, and is sent at once, also to an endpoint that is paused. The exit status is 1 if the
    endpoint did not accept it with a status of 200 to 299.
    """
    with open_server(provider) as client:
        result = client.webhooks.test(find_id(client, webhook))
    if json_output:
        terminal.write_json(result.model_dump(mode="json"))
    else:
        terminal.note(f"{'delivered' if result.delivered else 'not delivered'}: {format_answer(result.attempt)}")
        terminal.write("".join(f"{line}\n" for line in list_attempt_lines(result.attempt)))
    if not result.delivered:
        raise typer.Exit(1)


def logs(
    webhook: Webhook,
    delivery: Delivery = None,
    *,
    state: Annotated[
        str | None, typer.Option("--state", metavar="STATE", help="Only those: waiting, sending, delivered or failed.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=1, max=MAX_ROWS, help="The most to show. Default: 20.")
    ] = 20,
    provider: Provider = None,
    layout: options.Format = None,
    json_output: options.AsJSON = False,
) -> None:
    """
    List deliveries of an endpoint, or show one.

    The newest is the first. One is shown with its requests and their answers. Of an answer the server keeps the first
    2048 characters, for as long as it keeps deliveries: 30 days by default.
    """
    checked, as_json = _check_state(state), json_output or layout is terminal.Layout.JSON
    with open_server(provider) as client:
        webhook_id = find_id(client, webhook)
        if delivery is not None:
            details = client.webhooks.delivery(webhook_id, delivery)
            if as_json:
                terminal.write_json(details.model_dump(mode="json"))
            else:
                write_delivery(details)
            return
        _list_deliveries(client, webhook_id, checked, limit, terminal.Layout.JSON if as_json else layout)


def replay(
    webhook: Webhook,
    delivery: Delivery = None,
    *,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", help="All events since then: 30m, 2h, 7d, 2026-03-31 or 2026-03-31T18:00Z."
        ),
    ] = None,
    provider: Provider = None,
    json_output: options.AsJSON = False,
) -> None:
    """
    Send one event again, or all since a time.

    All are those that the endpoint gets, also those from before it was created. They have the ids that they had before,
    and the schedule of attempts begins anew.
    """
    from datetime import UTC, datetime

    from budwood_cli.errors import ArgumentError
    from budwood_cli.moments import parse_moment

    if (delivery is None) == (since is None):
        raise ArgumentError(
            "Name either a delivery or --since TIME.", hint="`budwood webhooks logs WEBHOOK` lists deliveries."
        )
    moment = None if since is None else datetime.fromtimestamp(parse_moment(since, time.time(), option="--since"), UTC)
    with open_server(provider) as client:
        webhook_id = find_id(client, webhook)
        result: DeliveryReply | ReplayReply
        if moment is not None:
            result = client.webhooks.replay_since(webhook_id, moment)
        else:
            result = client.webhooks.replay(webhook_id, delivery or 0)
    if json_output:
        terminal.write_json(result.model_dump(mode="json"))
    else:
        count = getattr(result, "events", 1)
        shown = f"{terminal.format_count(count, 'event')} {'is' if count == 1 else 'are'}"
        terminal.note(f"{shown} sent again: `budwood webhooks logs {webhook_id}`.")


def _list_deliveries(
    client: GatewayClient, webhook_id: str, state: DeliveryState | None, limit: int, layout: terminal.Layout | None
) -> None:
    from itertools import islice

    found = list(islice(client.webhooks.deliveries(webhook_id, state=state), limit + 1))
    shown = found[:limit]
    if layout is terminal.Layout.JSON:
        terminal.write_json([each.model_dump(mode="json") for each in shown])
    elif shown:
        write_deliveries(shown, layout=layout)
    elif state is not None:
        terminal.note(f"no deliveries are {state}." if state in ("waiting", "sending") else f"no {state} deliveries.")
    else:
        terminal.note(
            f"no deliveries: `budwood webhooks test {webhook_id}` sends a test event, which is not listed here."
        )
    if len(found) > limit:
        terminal.note(f"There are more: pass --limit {2 * limit}.")


def _check_state(text: str | None) -> DeliveryState | None:
    from budwood_cli.errors import ArgumentError

    for state in STATES:
        if state == text:
            return state
    if text is None:
        return None
    raise ArgumentError(f"--state {text!r} is no state.", hint=f"The states are {', '.join(STATES)}.")
