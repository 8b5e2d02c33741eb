"""Endpoints and deliveries in the form of the API."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from budwood_server.api_models.moments import from_seconds
from budwood_server.api_models.webhooks import (
    AttemptReply,
    AttemptSummary,
    DeliveryDetails,
    DeliveryReply,
    SecretInfo,
    WebhookDetails,
    WebhookReply,
)
from budwood_server.events.reading import format_id
from budwood_server.webhooks.deliveries import Delivery
from budwood_server.webhooks.records import Attempt, Webhook
from budwood_server.webhooks.secrets import StoredSecret

MAX_BODY: Final = 64 * 1024
"""The number of characters of the body of a delivery that are shown."""


def describe_webhook(webhook: Webhook) -> WebhookReply:
    """Return an endpoint as it is shown."""
    return WebhookReply.model_validate(_fields(webhook))


def describe_details(
    webhook: Webhook, secrets: Sequence[StoredSecret], deliveries: Mapping[str, int]
) -> WebhookDetails:
    """Return an endpoint with its secrets, and the number of its deliveries in each state."""
    shown = [
        SecretInfo(id=each.id, created=from_seconds(each.created), expires=from_seconds(each.expires))
        for each in secrets
    ]
    return WebhookDetails.model_validate(_fields(webhook) | {"secrets": shown, "deliveries": deliveries})


def describe_attempt(attempt: Attempt) -> AttemptReply:
    """Return an attempt as it is shown."""
    return AttemptReply.model_validate({name: getattr(attempt, name) for name in AttemptReply.model_fields})


def describe_delivery(webhook: Webhook, delivery: Delivery, attempts: Sequence[Attempt]) -> DeliveryReply:
    """Return a delivery to an endpoint as it is shown, with what came of the last of its attempts."""
    return DeliveryReply.model_validate(_delivery_fields(webhook, delivery, attempts))


def describe_delivery_details(
    webhook: Webhook, delivery: Delivery, attempts: Sequence[Attempt], body: str | None
) -> DeliveryDetails:
    """Return a delivery with its attempts and the beginning of its body."""
    fields = _delivery_fields(webhook, delivery, attempts) | {
        "requests": [describe_attempt(attempt) for attempt in attempts],
        "body": None if body is None else body[:MAX_BODY],
        "is_truncated": body is not None and len(body) > MAX_BODY,
    }
    return DeliveryDetails.model_validate(fields)


def _fields(webhook: Webhook) -> dict[str, Any]:
    names = WebhookReply.model_fields.keys() - {"selected_types"}
    return {name: getattr(webhook, name) for name in names} | {
        "types": sorted(webhook.patterns),
        "selected_types": sorted(webhook.types),
        "subjects": None if webhook.subjects is None else sorted(webhook.subjects),
        "open_until": webhook.open_until if webhook.open_until > time.time() else None,
    }


def _delivery_fields(webhook: Webhook, delivery: Delivery, attempts: Sequence[Attempt]) -> dict[str, Any]:
    last = None
    if attempts:
        last = AttemptSummary.model_validate(
            {name: getattr(attempts[-1], name) for name in AttemptSummary.model_fields}
        )
    return {
        **{name: getattr(delivery, name) for name in ("id", "type", "state", "attempts", "created", "finished")},
        "event": format_id(delivery.place),
        "due": _find_due(webhook, delivery),
        "last": last,
    }


def _find_due(webhook: Webhook, delivery: Delivery) -> float | None:
    """Return when the next attempt comes: not before the endpoint gets requests again. None if none will come."""
    if delivery.state != "waiting" or webhook.state != "active":
        return None
    return max(delivery.due, webhook.open_until)
