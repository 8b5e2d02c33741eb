"""Send one event of the type ``webhook.test`` at once, without the queue."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from pydantic_core import to_json

from budwood_server.access.tokens import new_id
from budwood_server.events.envelope import describe_event
from budwood_server.events.reading import Event
from budwood_server.webhooks.signing import make_headers

if TYPE_CHECKING:
    from budwood_server.webhooks.records import Attempt, Webhook
    from budwood_server.webhooks.sending import Sender

TEST: Final = "webhook.test"
"""The type of the event. It is not stored, and no endpoint gets it otherwise."""

_PREFIX: Final = "evt_test_"


async def send_test(webhook: Webhook, secrets: Sequence[str], sender: Sender, source: str) -> tuple[str, Attempt]:
    """
    Send a test event to an endpoint, also to one that is paused.

    Args:
        webhook: The endpoint.
        secrets: The secrets that sign.
        sender: Sends the request.
        source: The source of events; see `describe_event`.

    Returns:
        The id of the event, and what came of it.
    """
    data = {"webhook": webhook.id, "name": webhook.name}
    event = Event(place=0, type=TEST, time=time.time(), subject=webhook.id, owner=webhook.owner, data=data)
    event_id = f"{_PREFIX}{new_id()}"
    body = to_json(describe_event(event, source, with_texts=False) | {"id": event_id})
    return event_id, await sender.send(webhook.url, make_headers(secrets, event_id, body), body)
