"""``/v1/responses/{id}``: replies that their vendor or this server keeps for the owner of a key."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from budwood.errors import NotFoundError
from budwood_server.access.ownership import not_found
from budwood_server.access.public_ids import RESPONSE, decode_id
from budwood_server.events.jobs import make_job_event
from budwood_server.formats.openai.lists import encode_list, parse_page
from budwood_server.replies.following import follow
from budwood_server.replies.state import find_store
from budwood_server.replies.store import RUNNING, ReplyStore

if TYPE_CHECKING:
    from budwood.types import StoredReplyAction
    from budwood_server.access.ownership import OwnedObject
    from budwood_server.events.recording import NewEvent
    from budwood_server.replies.store import StoredReply
    from budwood_server.routes.requests import Request

_FOLLOWED: Final = ("stream", "starting_after")
"""Parameters of the query that this server answers itself."""


async def get(request: Request) -> None:
    """``GET /v1/responses/{id}``, also as a stream."""
    if request.exchange.query.get("stream") == "true":
        await follow(request, lambda: _read(request))
    else:
        await request.exchange.send_json(await _read(request))


async def delete(request: Request) -> None:
    """``DELETE /v1/responses/{id}``."""
    reply_id, owner = request.exchange.parameters["id"], request.key.owner
    if _is_vendors(reply_id):
        found = await request.ownership.find(RESPONSE, reply_id, owner)
        try:
            await _ask_vendor(request, found, "delete")
        except NotFoundError:
            await request.ownership.delete(RESPONSE, reply_id, owner)
            raise
        await request.ownership.delete(RESPONSE, reply_id, owner)
    else:
        await _require_store(request).delete(reply_id, owner)
        request.worker.background.cancel(reply_id)
    await request.exchange.send_json({"id": reply_id, "object": RESPONSE, "deleted": True})


async def cancel(request: Request) -> None:
    """``POST /v1/responses/{id}/cancel``."""
    reply_id, owner = request.exchange.parameters["id"], request.key.owner
    if _is_vendors(reply_id):
        found = await request.ownership.find(RESPONSE, reply_id, owner)
        await request.exchange.send_json(await _show(request, found, "cancel"))
        return
    store = _require_store(request)
    stored = await store.find(reply_id, owner)
    if stored.is_running:
        body = {**stored.body["reply"], "status": "cancelled"}
        if await store.replace(stored, body) is not None:
            request.worker.background.cancel(reply_id)
    await request.exchange.send_json((await store.find(reply_id, owner)).body["reply"])


async def list_input_items(request: Request) -> None:
    """``GET /v1/responses/{id}/input_items``: the newest first."""
    reply_id, owner = request.exchange.parameters["id"], request.key.owner
    if _is_vendors(reply_id):
        found = await request.ownership.find(RESPONSE, reply_id, owner)
        await request.exchange.send_json(await _ask_vendor(request, found, "input_items"))
        return
    page = parse_page(request.exchange.query, default=20, maximum=100)
    items = _list_input(await _require_store(request).find(reply_id, owner), oldest_first=page.oldest_first)
    ids = [item.get("id") for item in items]
    if page.after is not None:
        if page.after not in ids:
            raise not_found("item", page.after)
        items = items[ids.index(page.after) + 1 :]
    await request.exchange.send_json(encode_list(items[: page.limit], has_more=len(items) > page.limit))


def _list_input(stored: StoredReply, *, oldest_first: bool) -> list[Any]:
    items: list[Any] = stored.body["input"]
    return items if oldest_first else items[::-1]


async def _read(request: Request) -> dict[str, Any]:
    """Return a reply as it is now."""
    reply_id, owner = request.exchange.parameters["id"], request.key.owner
    if not _is_vendors(reply_id):
        return await _require_store(request).read(reply_id, owner)
    found = await request.ownership.find(RESPONSE, reply_id, owner)
    return await _show(request, found, "get")


async def _show(request: Request, found: OwnedObject, action: StoredReplyAction) -> dict[str, Any]:
    """Return a reply that its vendor keeps, after an action. The end of one in the background is noticed here."""
    body = _publish(await _ask_vendor(request, found, action), found)
    if found.data.get("job") and body.get("status") not in RUNNING:
        await _account(request, found, str(body.get("status", "completed")))
    return body


async def _account(request: Request, found: OwnedObject, status: str) -> None:
    """
    Note that a reply has ended that was made in the background.

    Its tokens and its cost count once, for the key that created it, and one event tells its end.
    """
    jobs: list[str] = []

    def take(data: Mapping[str, Any]) -> Mapping[str, Any]:
        jobs.extend(each for each in (data.get("job"),) if each)
        return {name: value for name, value in data.items() if name != "job"} | {"is_ended": True}

    def tell(before: OwnedObject, _: OwnedObject) -> Sequence[NewEvent]:
        return () if before.data.get("is_ended") else [_describe_end(before, status)]

    await request.ownership.change(found, take, tell=tell)
    if not jobs:  # another request counts it
        return
    try:
        job = (await request.client_of_creator(found.data)).job(jobs[0])
        if (await job.poll()).status == "succeeded":
            await job.result()
    except BaseException:
        await asyncio.shield(request.ownership.change(found, lambda data: {**data, "job": jobs[0]}))
        raise


def _describe_end(found: OwnedObject, status: str) -> NewEvent:
    return make_job_event(
        RESPONSE,
        found.public_id,
        found.owner,
        status=status,
        created=found.created,
        model=found.data.get("model"),
        provider=found.provider,
    )


async def _ask_vendor(request: Request, found: OwnedObject, action: StoredReplyAction) -> Any:  # noqa: ANN401 - its body
    query = {name: value for name, value in request.exchange.query.items() if name not in _FOLLOWED}
    client = request.client
    call = client.stored_reply(found.vendor_id, action, provider=found.provider, query=query)
    return await request.exchange.run(call)


def _publish(body: Mapping[str, Any], found: OwnedObject) -> dict[str, Any]:
    """Return the body of a vendor with public ids."""
    return {**body, "id": found.public_id, "previous_response_id": found.data.get("previous_response_id")}


def _is_vendors(reply_id: str) -> bool:
    return decode_id(RESPONSE, reply_id) is not None


def _require_store(request: Request) -> ReplyStore:
    """Return the replies that this server keeps; if it keeps none, there is none with the id."""
    store = find_store(request)
    if store is None:
        raise not_found(RESPONSE, request.exchange.parameters["id"])
    return store
