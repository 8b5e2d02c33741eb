"""``client.webhooks``."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Literal

from budwood_server.api_models.pages import PageOf
from budwood_server.api_models.webhooks import (
    OVERLAP_SECONDS,
    DeliveryDetails,
    DeliveryReply,
    DeliveryState,
    NewWebhookReply,
    ReplayReply,
    SecretReply,
    WebhookDetails,
    WebhookReply,
    WebhookTestReply,
)
from budwood_server.client.operations import Resource, S, listing, operation
from budwood_server.client.requests import Request, act, change, create, get, leave_out, path_of


class Webhooks(Resource[S]):
    """Endpoints to which the server sends events. Only `create` and `rotate` return a secret, and only once."""

    @listing
    def list(self) -> Request[PageOf[WebhookReply]]:
        """List endpoints, the newest first."""
        return get(path_of("webhooks"), PageOf[WebhookReply])

    @operation
    def get(self, webhook_id: str) -> Request[WebhookDetails]:
        """Return an endpoint, with the number of its deliveries and when its secrets expire."""
        return get(path_of("webhooks", webhook_id), WebhookDetails)

    @operation
    def create(
        self,
        url: str,
        *,
        name: str | None = None,
        types: Collection[str] | None = None,
        subjects: Collection[str] | None = None,
        sees_all: bool | None = None,
        with_texts: bool = False,
        concurrency: int | None = None,
        per_second: float | None = None,
        idempotency_key: str | None = None,
    ) -> Request[NewWebhookReply]:
        """
        Create an endpoint, and return its secret once.

        Args:
            url: Where events are sent, such as ``https://example.org/events``.
            name: A name for people; by default the host of the URL.
            types: The types of events, such as ``run.finished`` or ``key.*``; by default all that you may see.
            subjects: Only events about these ids; by default all.
            sees_all: Whether it gets events of all owners; by default if you may.
            with_texts: Whether its events have the texts of prompts and replies, which needs the scope texts.
            concurrency: The maximum number of requests at the same time; 10 by default.
            per_second: The maximum number of requests in a second; by default there is none.
            idempotency_key: Identifies the call if the program repeats it itself.
        """
        body = leave_out(
            url=url,
            name=name,
            types=None if types is None else sorted(types),
            subjects=None if subjects is None else sorted(subjects),
            sees_all=sees_all,
            with_texts=with_texts,
            concurrency=concurrency,
            per_second=per_second,
        )
        return create(path_of("webhooks"), NewWebhookReply, body, idempotency_key=idempotency_key)

    @operation
    def change(self, webhook_id: str, /, **fields: Any) -> Request[WebhookReply]:  # noqa: ANN401 - of several types
        """Change fields of an endpoint, those of `create`. ``subjects=None`` and ``per_second=None`` remove limits."""
        return change("PATCH", path_of("webhooks", webhook_id), WebhookReply, fields)

    @operation
    def pause(self, webhook_id: str) -> Request[WebhookReply]:
        """Send nothing to an endpoint. Its events wait until it is resumed."""
        return _set_state(webhook_id, "paused")

    @operation
    def resume(self, webhook_id: str) -> Request[WebhookReply]:
        """Send events again: to an endpoint that was paused or disabled, or that failed often."""
        return _set_state(webhook_id, "active")

    @operation
    def delete(self, webhook_id: str) -> Request[None]:
        """Delete an endpoint. Events that wait for it are not sent."""
        return act("DELETE", path_of("webhooks", webhook_id))

    @operation
    def rotate(
        self, webhook_id: str, *, overlap: float = OVERLAP_SECONDS, idempotency_key: str | None = None
    ) -> Request[SecretReply]:
        """Replace the secret, and return the new one once. The present one signs, too, for ``overlap`` seconds."""
        path = path_of("webhooks", webhook_id, "rotate")
        return create(path, SecretReply, {"overlap": overlap}, idempotency_key=idempotency_key)

    @operation
    def test(self, webhook_id: str) -> Request[WebhookTestReply]:
        """Send the event ``webhook.test`` to an endpoint at once, and return what it answers."""
        return create(path_of("webhooks", webhook_id, "test"), WebhookTestReply)

    @listing
    def deliveries(self, webhook_id: str, *, state: DeliveryState | None = None) -> Request[PageOf[DeliveryReply]]:
        """List deliveries of an endpoint, the newest first."""
        return get(path_of("webhooks", webhook_id, "deliveries"), PageOf[DeliveryReply], state=state)

    @operation
    def delivery(self, webhook_id: str, delivery_id: int) -> Request[DeliveryDetails]:
        """Return a delivery with its body, its requests and their answers."""
        return get(path_of("webhooks", webhook_id, "deliveries", delivery_id), DeliveryDetails)

    @operation
    def replay(
        self, webhook_id: str, delivery_id: int, *, idempotency_key: str | None = None
    ) -> Request[DeliveryReply]:
        """Send the event of a delivery again, with the same id."""
        path = path_of("webhooks", webhook_id, "deliveries", delivery_id, "replay")
        return create(path, DeliveryReply, idempotency_key=idempotency_key)

    @operation
    def replay_since(
        self, webhook_id: str, since: datetime, *, idempotency_key: str | None = None
    ) -> Request[ReplayReply]:
        """Send all events again that an endpoint gets and that happened since a moment."""
        path = path_of("webhooks", webhook_id, "replay")
        return create(path, ReplayReply, {"since": since}, idempotency_key=idempotency_key)


def _set_state(webhook_id: str, state: Literal["active", "paused"]) -> Request[WebhookReply]:
    return change("PATCH", path_of("webhooks", webhook_id), WebhookReply, {"state": state})
