"""Who may use an endpoint: an owner may have several keys, and not each of them may see what an endpoint gets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from budwood_server.access.authentication import forbid
from budwood_server.access.keys import ADMIN, TEXTS
from budwood_server.events.event_types import EVENT_TYPES, match_types
from budwood_server.people.principals import COMMAND, sees_all
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from budwood_server.events.reading import Event
    from budwood_server.people.principals import Principal
    from budwood_server.webhooks.deliveries import Delivery
    from budwood_server.webhooks.records import Webhook

PAUSE: Final = {"state": "paused"}
"""The change that needs no access to what an endpoint gets, like its deletion."""


def check_access(webhook: Webhook, principal: Principal) -> None:
    """
    Check that a principal may see everything that an endpoint gets.

    Without this, a key could have the events and texts of another key of its team sent to a URL of its own.

    Raises:
        ProblemError: 403: there is a type of events, an owner or texts that it may not see.
    """
    if principal.kind == COMMAND.kind:
        return
    _check_types(webhook.reach.types, principal)
    if webhook.reach.sees_all:
        _check_owners(principal)
    if webhook.reach.with_texts and TEXTS not in principal.scopes:
        raise forbid(principal.scopes, TEXTS, principal.kind)


def check_delivery(delivery: Delivery, event: Event | None, principal: Principal) -> None:
    """
    Check that a principal may see the event of a delivery, which the endpoint may not get any more.

    Args:
        delivery: The delivery.
        event: Its event, or None if that was removed.
        principal: Who asks.

    Raises:
        ProblemError: 403: the type of the event is one that it may not see, or the event is one of another owner.
    """
    _check_types([delivery.type], principal)
    if event is not None and event.owner != principal.owner:
        _check_owners(principal)


def check_choices(webhook: Webhook, fields: Mapping[str, Any]) -> None:
    """
    Check that the key or the account of an endpoint may see what another principal has chosen for it.

    Args:
        webhook: The endpoint with what was chosen.
        fields: What was chosen.

    Raises:
        ProblemError: 403: it may not.
    """
    if not webhook.has_principal:
        return
    lacking = [pattern for pattern in fields.get("types", ()) if webhook.types.isdisjoint(match_types(pattern))]
    lacking += [name for name in ("sees_all", "with_texts") if fields.get(name) and not getattr(webhook, name)]
    if lacking:
        raise reject(
            f"The endpoint may not have {lacking[0]!r}: an endpoint gets what its key or account may see.",
            param="types" if lacking[0] in fields.get("types", ()) else lacking[0],
            code="insufficient_scope",
            hint="Create an endpoint with a key or an account that may see it.",
            status=403,
        )


def _check_types(types: Iterable[str], principal: Principal) -> None:
    for scope in sorted({EVENT_TYPES[name].scope if name in EVENT_TYPES else ADMIN for name in types}):
        if scope not in principal.scopes:
            raise forbid(principal.scopes, scope, principal.kind)


def _check_owners(principal: Principal) -> None:
    if not sees_all(principal):
        raise forbid(principal.scopes, ADMIN, principal.kind)
