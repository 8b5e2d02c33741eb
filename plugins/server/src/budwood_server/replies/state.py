"""Which reply a request follows, and who keeps the new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from budwood_server.access.public_ids import RESPONSE, decode_id, encode_id
from budwood_server.formats.openai.responses_items import new_id
from budwood_server.replies.store import ReplyStore
from budwood_server.web.problems import ProblemError, reject, reject_unsupported

if TYPE_CHECKING:
    from budwood_server.gateway.plan import CallPlan
    from budwood_server.routes.requests import Request

Keeper = Literal["vendor", "server"]

PREVIOUS = "previous_response_id"
_NOBODY = "neither the vendor nor this server keeps replies"
_HINT = "The operator can have this server keep them: set retention in [server.responses]."


@dataclass(kw_only=True)
class ReplyState:
    """
    Which reply a request follows, and who keeps the new one.

    Attributes:
        request: The request.
        plan: What it asks for.
        body: The body to send, with the vendor's id of the previous reply, or with the items before it.
        items: The input of the request as items.
        keeper: Who keeps the new reply; None if it is not kept.
        previous_id: The public id of the previous reply, or None.
    """

    request: Request
    plan: CallPlan
    body: dict[str, Any]
    items: list[Any]
    keeper: Keeper | None
    previous_id: str | None = None

    @property
    def store(self) -> ReplyStore:
        """The replies that this server keeps."""
        store = find_store(self.request)
        assert store is not None  # noqa: S101 - for type checkers: it is the keeper
        return store

    async def keep(self, reply: Mapping[str, Any]) -> None:
        """Keep a reply, if this server is to keep it."""
        if self.keeper == "server":
            owner = self.request.key.owner
            await self.store.add(reply, self.items, owner=owner, previous_id=self.previous_id)

    async def give_id(self, provider: str, vendor_id: str | None, data: Mapping[str, Any] | None = None) -> str | None:
        """
        Record a reply that a vendor keeps for the owner of the key, and return its public id; None if it keeps none.

        Args:
            provider: The provider that has answered, which may be a fallback.
            vendor_id: The vendor's id of the reply.
            data: What to keep about it.
        """
        if self.keeper != "vendor" or not vendor_id or self.request.worker.database is None:
            return None
        public_id, owner = encode_id(RESPONSE, provider, vendor_id), self.request.key.owner
        known = {"previous_response_id": self.previous_id, **(data or {})}
        try:
            await self.request.ownership.record(
                RESPONSE, public_id, owner, provider=provider, vendor_id=vendor_id, data=known
            )
        except ProblemError:  # it is from the cache, and another owner has asked first
            return None
        return public_id


def find_store(request: Request) -> ReplyStore | None:
    """Return the replies that this server keeps; None if it keeps none."""
    database, days = request.worker.database, request.configuration.server.responses.retention
    return ReplyStore(database, days) if database is not None and days is not None else None


async def open_state(request: Request, plan: CallPlan, body: Mapping[str, Any]) -> ReplyState:
    """
    Find the previous reply of a request, and decide who keeps the new one.

    Raises:
        ProblemError: A field needs a place where replies are kept and there is none, or there is no such reply.
    """
    store, wanted = find_store(request), body.get("store")
    vendor_keeps = plan.configuration.keeps_responses(plan.options["model"])
    keeper: Keeper | None = None
    if wanted is not False:
        keeper = "vendor" if vendor_keeps else "server" if store is not None else None
    if wanted is True and keeper is None:
        plan.leave_out("store", _NOBODY)
    if body.get("background") and keeper is None:
        if wanted is False:
            raise reject("A reply in the background must be stored.", param="store", hint="Leave out store.")
        raise reject_unsupported("background", _NOBODY, hint=_HINT)
    items = list_input(body.get("input"))
    state = ReplyState(request=request, plan=plan, body=dict(body), items=items, keeper=keeper)
    if not vendor_keeps:
        state.body.pop("background", None)
    if body.get(PREVIOUS) is not None:
        await _follow(state, body[PREVIOUS], store, vendor_keeps=vendor_keeps)
    return state


def list_input(value: object) -> list[Any]:
    """Return input as items with ids."""
    if isinstance(value, str):
        value = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": value}]}]
    listed = value if isinstance(value, list) else []
    return [_complete(item) if isinstance(item, Mapping) else item for item in listed]


def _complete(item: Mapping[str, Any]) -> dict[str, Any]:
    completed = {"type": "message", **item}
    if completed["type"] == "message":
        if isinstance(content := completed.get("content"), str):
            kind = "output_text" if completed.get("role") == "assistant" else "input_text"
            part: dict[str, Any] = {"type": kind, "text": content}
            completed["content"] = [part | ({"annotations": []} if kind == "output_text" else {})]
        completed.setdefault("status", "completed")
    if not completed.get("id"):
        completed["id"] = new_id("msg" if completed["type"] == "message" else "item")
    return completed


async def _follow(state: ReplyState, previous: object, store: ReplyStore | None, *, vendor_keeps: bool) -> None:
    """Continue the conversation of a reply, at the vendor that keeps it or with its items."""
    if not isinstance(previous, str):
        raise reject(f"The field {PREVIOUS!r} must be the id of a reply.", param=PREVIOUS)
    if decode_id(RESPONSE, previous) is not None:
        found = await state.request.ownership.find(RESPONSE, previous, state.request.key.owner)
        if not vendor_keeps or found.provider != state.plan.provider:
            reason = f"{found.provider} keeps that reply, and {state.plan.name} is a model of another provider"
            raise reject_unsupported(PREVIOUS, reason, hint="Use a model of the same provider, or send the items.")
        state.body[PREVIOUS], state.previous_id = found.vendor_id, previous
        return
    if store is None:
        if vendor_keeps:  # an id of the vendor, which no key of this server owns
            raise reject(f"There is no reply {previous!r}.", param=PREVIOUS, code="not_found", status=404)
        raise reject_unsupported(PREVIOUS, _NOBODY, hint=_HINT)
    history = await store.list_history(previous, state.request.key.owner)
    state.previous_id = previous
    del state.body[PREVIOUS]
    state.body["input"] = [*history, *state.items]
