"""``/admin/keys``: the API keys of clients."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from pydantic import ValidationError
from starlette.responses import Response

from budwood_server.access.keys import ADMIN, INFER, SCOPES, TELEMETRY, KeyPolicy
from budwood_server.api import keys, telemetry
from budwood_server.api.paging import Paging
from budwood_server.api_models.keys import KeyDetailsLeft, NewKeyDetails, Rotation
from budwood_server.page.confirmations import ask
from budwood_server.page.forms import Form, FormErrors, is_of_form
from budwood_server.page.navigation import Link
from budwood_server.page.overlaps import list_overlap_fields, read_overlap
from budwood_server.page.routes import get, post
from budwood_server.page.visits import Visit
from budwood_server.people.roles import KEYS_READ, KEYS_WRITE
from budwood_server.telemetry.filters import read_filters
from budwood_server.telemetry.forms import Sums
from budwood_server.telemetry.reading import CallReader
from budwood_server.web.problems import ProblemError

PATH: Final = "/admin/keys"
LINK: Final = Link("API keys", PATH, "key", "Access", KEYS_READ)

_KEY: Final = f"{PATH}/{{key_id}}"
_FIELDS: Final = ("name", "team", "scopes", "models", "expires", "requests_per_minute", "tokens_per_minute", "budget")
_STATES: Final = ("active", "expired", "revoked")


async def show_keys(visit: Visit) -> Response:
    """List keys, the newest first."""
    state = visit.query.get("state") if visit.query.get("state") in _STATES else None
    texts = {name: (visit.query.get(name) or "").strip() or None for name in ("name", "team")}
    where = keys.read_filter(**texts, state=state)  # type: ignore[arg-type] # it is one of the states
    page = await keys.list_all(visit.request, visit.principal, where, visit.paging())
    template = "keys_table.html" if visit.is_fragment else "keys.html"
    left = await keys.read_left(visit.request, [key for key in page.items if key.state == "active"])
    return visit.render(template, {"page": page, "left": left, "where": where, "states": _STATES})


async def show_key(visit: Visit) -> Response:
    """Show a key."""
    key = await _find(visit)
    values = {"key": key, "left": key.left, "use": await _read_use(visit, key.id)}
    return visit.render("key.html", values | {"may_change": keys.may_change(visit.principal, key)})


async def show_form(visit: Visit) -> Response:
    """Show the form for a new key."""
    return _show_form(visit, Form({"scopes": [INFER]}), FormErrors(), 200)


async def create_key(visit: Visit) -> Response:
    """Create a key, and show it once. A form that is sent twice creates one key."""
    try:
        policy = KeyPolicy.model_validate(_read_policy(visit.form))
        reply = await keys.create(visit.request, visit.principal, policy, visit.form.optional("once"))
    except ValidationError as error:
        return _show_form(visit, visit.form, FormErrors.of_validation(error, _FIELDS), 400)
    except ProblemError as error:
        if not is_of_form(error):
            raise
        return _show_form(visit, visit.form, FormErrors.of_problem(error.problem, _FIELDS), error.problem.status)
    return _show_new(visit, reply, "Key created")


async def ask_rotation(visit: Visit) -> Response:
    """Ask when the present secret of a key ends."""
    key = await _find(visit)
    return ask(
        visit,
        title=f"Rotate the key {key.name}?",
        text="The key gets a new secret, which is shown once. Its id, limits, files and batches stay.",
        button="Rotate key",
        tone="primary",
        cancel=f"{PATH}/{key.id}",
        fields=list_overlap_fields(),
    )


async def rotate_key(visit: Visit) -> Response:
    """Give a key a new secret, and show it once."""
    rotation = Rotation(overlap=read_overlap(visit.form))
    key_id, once = visit.request.path_params["key_id"], visit.form.optional("once")
    reply = await keys.rotate(visit.request, visit.principal, key_id, rotation, once)
    return _show_new(visit, reply, "Key rotated")


async def ask_revocation(visit: Visit) -> Response:
    """Ask whether a key is to be revoked."""
    key = await _find(visit)
    return ask(
        visit,
        title=f"Revoke the key {key.name}?",
        text="Every server refuses it within a second, for good. What it has used stays in the telemetry.",
        button="Revoke key",
        cancel=f"{PATH}/{key.id}",
    )


async def revoke_key(visit: Visit) -> Response:
    """Revoke a key for good."""
    key_id = visit.request.path_params["key_id"]
    await keys.revoke(visit.request, visit.principal, key_id)
    return visit.redirect(f"{PATH}/{key_id}", "key-revoked")


async def _find(visit: Visit) -> KeyDetailsLeft:
    return await keys.show(visit.request, visit.principal, visit.request.path_params["key_id"])


async def _read_use(visit: Visit, key_id: str) -> Sums | None:
    """Return the sums over its calls of 30 days; None if the account may not see them."""
    if not visit.may(TELEMETRY):
        return None
    where = telemetry.select(visit.principal, read_filters(key=key_id, since="30d"))
    return (await telemetry.list_totals(where, CallReader(visit.database), Paging(None, 1))).total


def _read_policy(form: Form) -> dict[str, Any]:
    """Return what a form chooses. Fields that are empty keep their defaults."""
    chosen: dict[str, Any] = {name: form.text(name) for name in ("name", "team", *_FIELDS[5:7])}
    policy = {name: text for name, text in chosen.items() if text or name == "name"}
    policy |= {"scopes": frozenset(form.list("scopes")), "models": tuple(form.lines("models"))}
    if text := form.text("expires"):
        policy["expires"] = _end_of(text)
    if amount := form.text("budget"):
        unit = "tokens" if form.text("unit") == "tokens" else "dollars"
        policy["budget"] = {unit: amount, "per": form.text("per"), "timezone": form.text("timezone") or "UTC"}
    return policy


def _end_of(day: str) -> datetime | str:
    """Return the end of a day in UTC; its text if it is none, so that the check of the field fails."""
    try:
        return datetime.combine(date.fromisoformat(day) + timedelta(days=1), datetime.min.time(), UTC)
    except (ValueError, OverflowError):
        return day


def _show_form(visit: Visit, form: Form, errors: FormErrors, status: int) -> Response:
    scopes = SCOPES if visit.may(ADMIN) else {INFER: SCOPES[INFER]}
    values: Mapping[str, Any] = {
        "form": form,
        "errors": errors,
        "scopes": [(name, name, f"{text[:1].upper()}{text[1:]}.") for name, text in scopes.items()],
        "models": sorted(visit.worker.configuration.server.models),
        "once": uuid4().hex,
    }
    return visit.render("key_form.html", values, status=status)


def _show_new(visit: Visit, reply: Response, title: str) -> Response:
    new = NewKeyDetails.model_validate_json(bytes(reply.body))
    return visit.render("key_created.html", {"new": new, "title": title, "base": str(visit.request.base_url)})


ROUTES: Final = [
    get(PATH, show_keys, KEYS_READ),
    post(PATH, create_key, KEYS_WRITE),
    get(f"{PATH}/new", show_form, KEYS_WRITE),
    get(_KEY, show_key, KEYS_READ),
    get(f"{_KEY}/rotate", ask_rotation, KEYS_WRITE),
    post(f"{_KEY}/rotate", rotate_key, KEYS_WRITE),
    get(f"{_KEY}/revoke", ask_revocation, KEYS_WRITE),
    post(f"{_KEY}/revoke", revoke_key, KEYS_WRITE),
]
