"""``/v1/batches``: in OpenAI's form, at vendors that have it and at those whose batches are translated."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from budwood.errors import BudwoodError, NotFoundError
from budwood_server.access.public_ids import BATCH, FILE, encode_id
from budwood_server.batches import jobs
from budwood_server.batches.endings import describe_end
from budwood_server.batches.uploaded_lines import check_models
from budwood_server.formats.openai.batches import (
    DEFAULT_PAGE,
    MAX_PAGE,
    RESULT_FIELDS,
    check_input,
    encode_batch,
    parse_batch,
)
from budwood_server.formats.openai.files import describe_file
from budwood_server.formats.openai.lists import collect_page, encode_list, parse_page
from budwood_server.gateway.plan import resolve_allowed

if TYPE_CHECKING:
    from budwood import AsyncBatchJob, AsyncClient
    from budwood.types import JobState
    from budwood_server.access.ownership import OwnedObject
    from budwood_server.events.recording import NewEvent
    from budwood_server.routes.requests import Request

POLLS: Final = 8
"""How many batches of a list are polled at the same time."""


async def create(request: Request) -> None:
    """``POST /v1/batches``. Its lines do not count for limits per minute: vendors answer them within a day."""
    request.exchange.tokens = 0
    batch = parse_batch(await request.read_json())
    file = await request.ownership.find(FILE, batch.file_id, request.key.owner)
    models = check_input(file.data, batch)
    check_models(request, models)
    if file.data.get("kept"):
        await request.exchange.send_json(_encode_kept(await jobs.create(request, file, batch, models)))
        return
    name, model = next(iter(models.items()))
    client = request.configuration.client_for(request.key, resolve_allowed(request.configuration, request.key, name))
    job = await request.exchange.run(client.submit_batch_file(file.vendor_id, model=model, fields=batch.fields))
    data = {"name": name, "model": model, "files": {file.vendor_id: file.public_id}}
    found = await request.ownership.record(
        BATCH,
        encode_id(BATCH, file.provider, job.id),
        request.key.owner,
        provider=file.provider,
        vendor_id=job.id,
        data=data,
    )
    await request.exchange.send_json(await _encode(request, found, job.state))


async def list_batches(request: Request) -> None:
    """``GET /v1/batches``: the newest first. Those that have not ended are polled."""
    page = parse_page(request.exchange.query, default=DEFAULT_PAGE, maximum=MAX_PAGE)
    found, has_more = await collect_page(request.ownership, BATCH, request.key.owner, page, lambda _: True)
    slots = asyncio.Semaphore(POLLS)

    async def show(each: OwnedObject) -> dict[str, Any]:
        async with slots:
            try:
                return await _show(request, each)
            except BudwoodError:  # the others are shown nevertheless
                return _encode_kept(each)

    rows = await request.exchange.run(asyncio.gather(*(show(each) for each in found)))
    await request.exchange.send_json(encode_list(rows, has_more=has_more))


async def get(request: Request) -> None:
    """``GET /v1/batches/{batch_id}``."""
    found = await _find(request)
    await request.exchange.send_json(await request.exchange.run(_show(request, found)))


async def cancel(request: Request) -> None:
    """``POST /v1/batches/{batch_id}/cancel``."""
    request.exchange.tokens = 0
    found = await _find(request)
    if found.data.get("kept"):
        found = await request.exchange.run(jobs.refresh(request, found, cancels=True))
        await request.exchange.send_json(_encode_kept(found))
        return
    state = await request.exchange.run(_job(request.client, found).cancel())
    await request.exchange.send_json(await _encode(request, found, state))


async def _find(request: Request) -> OwnedObject:
    return await request.ownership.find(BATCH, request.exchange.parameters["batch_id"], request.key.owner)


def _job(client: AsyncClient, found: OwnedObject) -> AsyncBatchJob:
    return client.job(found.vendor_id, kind=BATCH, model=found.data["model"])  # type: ignore[return-value] # by its kind


async def _show(request: Request, found: OwnedObject) -> dict[str, Any]:
    """Return a batch, whose vendor is asked unless it has ended."""
    if found.data.get("is_ended"):
        return _encode_kept(found)
    if found.data.get("kept"):
        return _encode_kept(await jobs.refresh(request, found))
    return await _encode(request, found, await _job(request.client, found).poll())


async def _encode(request: Request, found: OwnedObject, state: JobState | None) -> dict[str, Any]:
    """Return a batch in a new state, which is kept. The files with its results belong to its owner."""
    record: Mapping[str, Any] = {} if state is None else state.raw
    files = dict(found.data["files"])
    for name in RESULT_FIELDS:
        vendor_id = record.get(name)
        if vendor_id and vendor_id not in files:
            files[vendor_id] = await _record_file(request, found, vendor_id)
    is_ended = state is not None and state.is_ended
    data = {**found.data, "files": files, "record": record, "is_ended": is_ended}

    def tell(_: OwnedObject, changed: OwnedObject) -> Sequence[NewEvent]:
        return [describe_end(changed, record)] if is_ended else ()

    return _encode_kept(
        await request.ownership.change(found, lambda now: None if now.get("is_ended") else data, tell=tell)
    )


async def _record_file(request: Request, batch: OwnedObject, vendor_id: str) -> str:
    public_id = encode_id(FILE, batch.provider, vendor_id)
    try:
        info = await request.client.files.get(vendor_id, provider=batch.provider)
    except NotFoundError:  # it was deleted: the batch still names it, and reading it is a 404
        return public_id
    await request.ownership.record(
        FILE,
        public_id,
        batch.owner,
        provider=batch.provider,
        vendor_id=vendor_id,
        data=describe_file(info, purpose="batch_output"),
    )
    return public_id


def _encode_kept(found: OwnedObject) -> dict[str, Any]:
    return encode_batch(found.public_id, found.data.get("record", {}), found.data["files"])
