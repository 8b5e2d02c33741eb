"""What a principal may choose for an endpoint: its URL, its events and their texts."""

from __future__ import annotations

from typing import Any

from budwood_server.access.authentication import forbid
from budwood_server.access.keys import ADMIN
from budwood_server.api_models.webhooks import NewWebhook, WebhookChange
from budwood_server.events.permissions import check_patterns, check_texts
from budwood_server.people.principals import Principal, sees_all
from budwood_server.webhooks.urls import check_url


def choose_new(new: NewWebhook, principal: Principal, *, allow_local: bool) -> dict[str, Any]:
    """
    Return the fields of a new endpoint, as `budwood_server.webhooks.store.create_webhook` takes them.

    Args:
        new: The fields of the request.
        principal: Who that is.
        allow_local: Whether the endpoint may be on this machine.

    Raises:
        ProblemError: 400: the URL or a type is not valid. 403: the principal may not have its events or their texts.
    """
    wanted = dict(new)
    wanted["sees_all"] = sees_all(principal) if new.sees_all is None else new.sees_all
    return _check(wanted, principal, allow_local=allow_local)


def choose_change(change: WebhookChange, principal: Principal, *, allow_local: bool) -> dict[str, Any]:
    """Return the fields of an endpoint that change; see `choose_new`."""
    wanted = {name: getattr(change, name) for name in change.model_fields_set}
    return _check(wanted, principal, allow_local=allow_local)


def _check(wanted: dict[str, Any], principal: Principal, *, allow_local: bool) -> dict[str, Any]:
    if "url" in wanted:
        check_url(wanted["url"], allow_local=allow_local)
    if "types" in wanted:
        check_patterns(wanted["types"], principal)
    if wanted.get("sees_all") and not sees_all(principal):
        raise forbid(principal.scopes, ADMIN, principal.kind)
    if wanted.get("with_texts"):
        check_texts(principal)
    return wanted
