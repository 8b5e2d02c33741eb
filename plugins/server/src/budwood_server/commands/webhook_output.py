"""How endpoints and deliveries are printed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from budwood_cli import terminal
from budwood_cli.moments import format_moment
from budwood_cli.terminal import Layout

if TYPE_CHECKING:
    from budwood_server.api_models.webhooks import (
        AttemptReply,
        AttemptSummary,
        DeliveryDetails,
        DeliveryReply,
        WebhookDetails,
        WebhookReply,
    )

MAX_SHOWN: Final = 2000
"""The number of characters of a body that are printed for people. ``--json`` has all that the server returns."""

_COLUMNS: Final = ("id", "name", "state", "types", "url", "failures", "created")
_DELIVERY_COLUMNS: Final = ("delivery", "event", "type", "state", "attempts", "last answer", "next attempt", "created")


def write_webhooks(webhooks: Iterable[WebhookReply], *, layout: Layout | None) -> None:
    """Write a table of endpoints."""
    rows = [
        (
            *(each.id, each.name, format_state(each), ", ".join(each.types)),
            *(each.url, each.failures or "", _format(each.created)),
        )
        for each in webhooks
    ]
    terminal.write_table(_COLUMNS, rows, ("created", "failures", "url"), layout=layout)


def note_problems(webhooks: Iterable[WebhookReply]) -> None:
    """Say of endpoints that get nothing why that is, and which command helps."""
    for each in webhooks:
        if each.state == "disabled":
            terminal.note(f"{each.id} is disabled: {each.reason} `budwood webhooks resume {each.id}` enables it.")
        elif each.state == "active" and each.open_until is not None:
            terminal.note(
                f"{each.id} rests: its last {each.failures} requests have failed. `budwood webhooks logs {each.id}` "
                f"shows what it answered, and `budwood webhooks resume {each.id}` sends at once."
            )


def write_webhook(webhook: WebhookDetails) -> None:
    """Write the fields of an endpoint, with its secrets and the number of its deliveries."""
    expiring = [f"{secret.id} until {_format(secret.expires)}" for secret in webhook.secrets if secret.expires]
    limit = "" if webhook.per_second is None else f", {webhook.per_second:g} in a second"
    fields = {
        "id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "owner": webhook.owner,
        "state": format_state(webhook) + (f": {webhook.reason}" if webhook.reason else ""),
        "types": ", ".join(webhook.types),
        "selected": ", ".join(webhook.selected_types) or "none",
        "subjects": "all" if webhook.subjects is None else ", ".join(webhook.subjects),
        "events of": "all owners" if webhook.sees_all else "its owner",
        "texts": "yes" if webhook.with_texts else "no",
        "requests": f"{webhook.concurrency} at the same time{limit}",
        "failures": f"{webhook.failures} since the last success",
        "deliveries": ", ".join(f"{count:,} {state}" for state, count in webhook.deliveries.items()) or "none",
        "older secrets": ", ".join(expiring),
        "created": _format(webhook.created),
    }
    terminal.write_fields({name: value for name, value in fields.items() if value})


def format_state(webhook: WebhookReply) -> str:
    """Return the state of an endpoint; for an active one that gets nothing after failures, until when it rests."""
    is_resting = webhook.state == "active" and webhook.open_until is not None
    return f"resting until {_format(webhook.open_until)}" if is_resting else webhook.state


def write_secret(message: str, secret: str) -> None:
    """Write a new secret to standard output, and the rest to standard error."""
    terminal.note(f"{message} Store the secret now: it is not shown again.")
    terminal.write(f"{secret}\n")


def write_deliveries(deliveries: Sequence[DeliveryReply], *, layout: Layout | None) -> None:
    """Write a table of deliveries."""
    rows = [
        (
            *(each.id, each.event, each.type, each.state, each.attempts, format_answer(each.last)),
            *(_format(each.due), _format(each.created)),
        )
        for each in deliveries
    ]
    terminal.write_table(_DELIVERY_COLUMNS, rows, ("created", "attempts", "next attempt"), layout=layout)


def write_delivery(delivery: DeliveryDetails) -> None:
    """Write a delivery with its body, its requests and their answers."""
    fields = {
        "delivery": delivery.id,
        "event": delivery.event,
        "type": delivery.type,
        "state": delivery.state,
        "next attempt": _format(delivery.due),
        "created": _format(delivery.created),
        "finished": _format(delivery.finished),
    }
    terminal.write_fields({name: value for name, value in fields.items() if value != ""})
    terminal.write("".join(f"{line}\n" for line in _list_lines(delivery)))


def format_answer(attempt: AttemptReply | AttemptSummary | None) -> str:
    """Return the status of an answer and how long it took, or why there is none."""
    if attempt is None:
        return ""
    if attempt.status is None:
        return attempt.error or "no answer"
    return f"{attempt.status} in {attempt.seconds:.2f} s"


def list_attempt_lines(attempt: AttemptReply) -> Iterator[str]:
    """Yield the lines that show the answer to a request."""
    yield from _list_headers("<", attempt.response_headers)
    if attempt.response_body:
        yield from ("", *_cut(attempt.response_body).splitlines())


def _list_lines(delivery: DeliveryDetails) -> Iterator[str]:
    yield from ("", "body:")
    if delivery.body is None:
        yield "(the event was removed)"
    else:
        yield _cut(_indent(delivery.body))
    for number, attempt in enumerate(delivery.requests, 1):
        yield from ("", f"attempt {number}, {_format(attempt.at)}: {format_answer(attempt)}")
        yield from _list_headers(">", attempt.request_headers)
        yield from list_attempt_lines(attempt)


def _list_headers(mark: str, headers: Mapping[str, str]) -> Iterator[str]:
    for name, value in headers.items():
        yield f"{mark} {name}: {value}"


def _indent(body: str) -> str:
    """Return JSON on several lines; of a body that is cut the beginning as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


def _cut(text: str) -> str:
    rest = len(text) - MAX_SHOWN
    return text if rest <= 0 else f"{text[:MAX_SHOWN]}… ({rest:,} more characters: --json shows them)"


def _format(moment: datetime | None) -> str:
    return "" if moment is None else format_moment(moment.timestamp())
