"""Batches whose lines and results the server translates: they are jobs of the core."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from budwood_server.access.public_ids import BATCH, encode_id
from budwood_server.batches.chat_lines import check_lines
from budwood_server.batches.endings import describe_end, sum_costs
from budwood_server.batches.kept_files import open_kept_files
from budwood_server.formats.openai.batch_results import encode_result
from budwood_server.formats.openai.batch_states import end_record, make_record, update_record
from budwood_server.formats.openai.files import parse_expiry
from budwood_server.gateway.plan import resolve_allowed
from budwood_server.gateway.signs import LEASE_SECONDS, with_signs
from budwood_server.settings import DAY_SECONDS
from budwood_server.web.temporary import temporary_folder

if TYPE_CHECKING:
    from budwood import AsyncBatchJob, AsyncClient
    from budwood.errors import BudwoodError
    from budwood.types import ChatResponse, JobState
    from budwood_server.access.ownership import OwnedObject
    from budwood_server.formats.openai.batches import NewBatch
    from budwood_server.routes.requests import Request

_FILES: Final = {"output_file_id": "output", "error_file_id": "error"}
"""The files with results, and how their ids end."""


async def create(request: Request, file: OwnedObject, batch: NewBatch, models: Mapping[str, str]) -> OwnedObject:
    """
    Submit a batch, and record it.

    Args:
        request: The request for it.
        file: The file with its lines, which the server keeps.
        batch: What the request contains.
        models: The models of the lines by their names, each as ``provider/model``.

    Raises:
        ProblemError: A line cannot be translated. Nothing was sent.
        BudwoodError: The vendor has rejected the batch, or no request could be sent, such as for a budget.
    """
    seconds = parse_expiry({"expires_after": batch.fields.get("output_expires_after")})
    name, model = next(iter(models.items()))
    client = request.configuration.client_for(request.key, resolve_allowed(request.configuration, request.key, name))
    async with temporary_folder("batch") as folder:
        await open_kept_files(request).write_to(file, folder / "lines")
        lines = await check_lines(request, folder / "lines", file.provider)
        requests = lines.make_requests(request)
        job: Any = await request.exchange.run(client.submit_batch(requests, lane="batch", model=model))
    if not job.id:  # none could be sent
        raise (await job.result())[0]
    data = {
        "kept": True,
        "key": request.key.id,
        "model": name,
        "job": job.to_json(),
        "custom_ids": lines.custom_ids,
        "functions": lines.functions,
        "seconds": seconds,
        "files": {file.vendor_id: file.public_id},
        "record": make_record(batch.fields, file.vendor_id, len(lines.custom_ids), time.time()),
        "is_ended": False,
    }
    public_id, owner = encode_id(BATCH, file.provider, job.id), request.key.owner
    return await request.ownership.record(BATCH, public_id, owner, provider=file.provider, vendor_id=job.id, data=data)


async def refresh(request: Request, found: OwnedObject, *, cancels: bool = False) -> OwnedObject:
    """
    Return a batch in its present state. Its results are collected once it has ended.

    Args:
        request: The request.
        found: The batch.
        cancels: Whether the batch is cancelled.
    """
    if found.data["is_ended"] or _is_claimed(found.data, time.time()):
        return found
    job = _open_job(request.client, found)
    state = await (job.cancel() if cancels else job.poll())
    now = time.time()

    def update(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if data["is_ended"] or _is_claimed(data, now):
            return None
        record = dict(data["record"])
        if cancels:
            record["cancelling_at"] = record["cancelling_at"] or int(now)
        return {**data, "job": job.to_json(), "record": update_record(record, state, now)}

    found = await request.ownership.change(found, update)
    if not state.is_ended:
        return found
    collector = request.worker.batches
    await collector.run(found.public_id, request.configuration, lambda: _collect(request, found, state))
    return await request.ownership.find(BATCH, found.public_id, found.owner)


async def _collect(request: Request, found: OwnedObject, state: JobState) -> None:
    """
    Fetch the results, unless another worker does, and keep them as files.

    The core counts their cost for the budget and the usage of the key. So only the worker with the claim fetches them.
    """
    token = uuid.uuid4().hex
    claimed = await request.ownership.change(found, lambda data: _claim(data, token))
    if claimed.data.get("claim", {}).get("token") != token:
        return

    async def give_sign() -> bool:
        await request.ownership.change(found, lambda data: _claim(data, token))
        return True

    try:
        client = await request.client_of_creator(claimed.data)
        results = await with_signs(_open_job(client, claimed).result(), give_sign)
        await with_signs(_end(request, claimed, state, results), give_sign)
    except BaseException:
        await asyncio.shield(request.ownership.change(found, lambda data: _release(data, token)))
        raise


async def _end(
    request: Request, found: OwnedObject, state: JobState, results: Sequence[ChatResponse | BudwoodError]
) -> None:
    """Keep the results, and record that the batch has ended."""
    data, files, names = found.data, dict(found.data["files"]), {}
    seconds = data["seconds"] or request.configuration.server.batches.retention * DAY_SECONDS
    async with temporary_folder("batch") as folder:
        completed = await asyncio.to_thread(_write_results, folder, found, results)
        written = {"output": completed > 0, "error": completed < len(results)}
        for field_name, ending in _FILES.items():
            path = folder / ending
            if not written[ending]:
                continue
            file_id = f"{found.vendor_id}-{ending}"
            facts = {"filename": f"{found.public_id}_{ending}.jsonl", "purpose": "batch_output"}
            kept = await open_kept_files(request).add(
                path, file_id, seconds, facts, owner=found.owner, provider=found.provider
            )
            names[field_name], files[file_id] = file_id, kept.public_id
    record = end_record(data["record"], state, names, completed, time.time())
    ended = {"kept": True, "files": files, "record": record, "is_ended": True}
    event = describe_end(found, record, sum_costs(results))
    await request.ownership.change(found, lambda now: None if now["is_ended"] else ended, tell=lambda *_: [event])


def _write_results(folder: Path, found: OwnedObject, results: Sequence[ChatResponse | BudwoodError]) -> int:
    """Write the files with results, and return the number of replies. It blocks."""
    functions = frozenset(found.data["functions"])
    completed = 0
    with (folder / _FILES["output_file_id"]).open("wb") as output, (folder / _FILES["error_file_id"]).open("wb") as bad:
        for index, (custom_id, result) in enumerate(zip(found.data["custom_ids"], results, strict=True)):
            line_id = f"{found.public_id}/{index}"
            line = encode_result(result, line_id, custom_id, has_functions=index in functions)
            (output if line.is_reply else bad).write(line.content)
            completed += line.is_reply
    return completed


def _open_job(client: AsyncClient, found: OwnedObject) -> AsyncBatchJob:
    return client.job(found.data["job"])  # type: ignore[return-value] # by its kind


def _is_claimed(data: Mapping[str, Any], now: float) -> bool:
    return bool(data.get("claim", {}).get("until", 0.0) > now)


def _claim(data: Mapping[str, Any], token: str) -> Mapping[str, Any] | None:
    """Return the data with the claim of a worker; None if another one has it or has ended the batch."""
    now = time.time()
    is_own = data.get("claim", {}).get("token") == token
    if data["is_ended"] or (_is_claimed(data, now) and not is_own):
        return None
    return {**data, "claim": {"token": token, "until": now + LEASE_SECONDS}}


def _release(data: Mapping[str, Any], token: str) -> Mapping[str, Any] | None:
    if data.get("claim", {}).get("token") != token:
        return None
    return {name: value for name, value in data.items() if name != "claim"}
