"""``/admin/webhooks``: endpoints to which the gateway sends events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from starlette.responses import Response

from budwood_server.access.keys import TEXTS
from budwood_server.api import webhooks
from budwood_server.api.paging import Paging
from budwood_server.api_models.webhooks import NewWebhook, NewWebhookReply, WebhookChange, WebhookDetails
from budwood_server.events.event_types import EVENT_TYPES, INFERENCE, find_visible
from budwood_server.page.forms import REFUSED, Form, FormErrors, find_errors
from budwood_server.page.master_keys import describe_master_key
from budwood_server.page.navigation import Link
from budwood_server.page.routes import get, post
from budwood_server.page.visits import Visit
from budwood_server.people.roles import WEBHOOKS_READ, WEBHOOKS_WRITE
from budwood_server.webhooks.activity import Activity

PATH: Final = "/admin/webhooks"
LINK: Final = Link("Webhooks", PATH, "webhook", "Observe", WEBHOOKS_READ)

WEBHOOK: Final = f"{PATH}/{{webhook_id}}"
_FIELDS: Final = ("url", "name", "types", "subjects", "concurrency", "per_second")
_LATEST: Final = 10
_ALL: Final = "*"


async def show_webhooks(visit: Visit) -> Response:
    """List endpoints, the newest first. The list is asked for again every few seconds."""
    page = await webhooks.list_all(visit.request, visit.principal, visit.paging())
    values = {
        "page": page,
        "activities": await webhooks.read_activities(visit.request, page.items),
        "now": datetime.now(UTC),
        "may_write": visit.may(WEBHOOKS_WRITE),
    }
    return visit.render("webhooks_table.html" if visit.is_fragment else "webhooks.html", values)


async def show_webhook(visit: Visit) -> Response:
    """Show an endpoint with its last deliveries."""
    webhook = await find_webhook(visit)
    activities = await webhooks.read_activities(visit.request, [webhook])
    values = {
        "webhook": webhook,
        "activity": activities.get(webhook.id, Activity()),
        "page": await webhooks.list_sent(visit.request, visit.principal, webhook.id, Paging(None, _LATEST)),
        "now": datetime.now(UTC),
        "may_write": visit.may(WEBHOOKS_WRITE),
    }
    return visit.render("webhook.html", values)


async def show_form(visit: Visit) -> Response:
    """Show the form for a new endpoint."""
    types = sorted(find_visible(EVENT_TYPES, visit.principal) - INFERENCE)
    form = Form({"types": types, "options": ["sees_all"], "concurrency": ["10"]})
    return await _show_form(visit, form, FormErrors(), 200)


async def create(visit: Visit) -> Response:
    """Create an endpoint, and show its secret once. A form that is sent twice creates one."""
    try:
        new = NewWebhook.model_validate(_read_fields(visit) | {"url": visit.form.text("url")})
        reply = await webhooks.create(visit.request, visit.principal, new, visit.form.optional("once"))
    except REFUSED as error:
        return await _show_form(visit, visit.form, *find_errors(error, _FIELDS))
    created = NewWebhookReply.model_validate_json(bytes(reply.body))
    values = {"webhook": created, "secret": created.secret, "warning": created.warning, "expires": None}
    return visit.render("webhook_secret.html", values)


async def show_change(visit: Visit) -> Response:
    """Show the form that changes an endpoint."""
    webhook = await find_webhook(visit)
    form = Form(
        {
            "url": [webhook.url],
            "name": [webhook.name],
            "types": webhook.types,
            "subjects": ["\n".join(webhook.subjects or ())],
            "options": [name for name in ("sees_all", "with_texts") if getattr(webhook, name)],
            "concurrency": [str(webhook.concurrency)],
            "per_second": ["" if webhook.per_second is None else f"{webhook.per_second:g}"],
        }
    )
    return await _show_form(visit, form, FormErrors(), 200, webhook)


async def change(visit: Visit) -> Response:
    """Change an endpoint."""
    webhook = await find_webhook(visit)
    try:
        body = WebhookChange.model_validate(_read_fields(visit) | {"url": visit.form.text("url")})
        await webhooks.change(visit.request, visit.principal, webhook.id, body)
    except REFUSED as error:
        return await _show_form(visit, visit.form, *find_errors(error, _FIELDS), webhook)
    return visit.redirect(f"{PATH}/{webhook.id}", "webhook-changed")


async def find_webhook(visit: Visit) -> WebhookDetails:
    """
    Return the endpoint of the path.

    Raises:
        ProblemError: 404: there is none, or somebody else owns it.
    """
    return await webhooks.show(visit.request, visit.principal, visit.request.path_params["webhook_id"])


def _read_fields(visit: Visit) -> dict[str, Any]:
    """Return what a form chooses, without the URL. A name and a limit that are empty keep their values."""
    form, options = visit.form, visit.form.list("options")
    fields: dict[str, Any] = {
        "types": [*form.list("types")],
        "subjects": [*form.lines("subjects")] or None,
        "sees_all": "sees_all" in options,
        "per_second": form.optional("per_second"),
    }
    if visit.may(TEXTS):
        fields["with_texts"] = "with_texts" in options
    return fields | {name: form.text(name) for name in ("name", "concurrency") if form.text(name)}


async def _show_form(
    visit: Visit, form: Form, errors: FormErrors, status: int, webhook: WebhookDetails | None = None
) -> Response:
    values: Mapping[str, Any] = {
        "webhook": webhook,
        "form": form,
        "errors": errors,
        "types": _list_types(visit, webhook),
        "may_texts": visit.may(TEXTS),
        "once": uuid4().hex,
        **await describe_master_key(visit),
    }
    return visit.render("webhook_form.html", values, status=status)


def _list_types(visit: Visit, webhook: WebhookDetails | None) -> Sequence[tuple[str, str, str]]:
    """Return what a form offers: all events, the patterns that were chosen by programs, and the types one by one."""
    visible = find_visible(EVENT_TYPES, visit.principal)
    single = [(each.name, each.name, each.meaning) for each in EVENT_TYPES.values() if each.name in visible]
    others = [each for each in (webhook.types if webhook else ()) if each not in visible and each != _ALL]
    everything = (_ALL, "All events", "All that you may see, also those of later versions.")
    return [everything, *((each, each, "") for each in others), *single]


ROUTES: Final = [
    get(PATH, show_webhooks, WEBHOOKS_READ),
    post(PATH, create, WEBHOOKS_WRITE),
    get(f"{PATH}/new", show_form, WEBHOOKS_WRITE),
    get(WEBHOOK, show_webhook, WEBHOOKS_READ),
    get(f"{WEBHOOK}/change", show_change, WEBHOOKS_WRITE),
    post(f"{WEBHOOK}/change", change, WEBHOOKS_WRITE),
]
