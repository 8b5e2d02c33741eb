"""``/v1/files``: files that vendors store for the owner of a key."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from budwood.errors import NotFoundError
from budwood_server.access.public_ids import FILE, encode_id
from budwood_server.batches.kept_files import open_kept_files
from budwood_server.formats.openai.files import (
    BATCH,
    MAX_LISTED,
    describe_file,
    encode_file,
    parse_expiry,
    parse_purpose,
    translate_purpose,
)
from budwood_server.formats.openai.lists import collect_page, encode_list, parse_page
from budwood_server.gateway.file_providers import find_provider, find_provider_api
from budwood_server.settings import DAY_SECONDS
from budwood_server.web.problems import reject
from budwood_server.web.temporary import temporary_folder

if TYPE_CHECKING:
    from budwood.types import FileInfo
    from budwood_server.access.ownership import OwnedObject
    from budwood_server.batches.uploaded_lines import BatchLines
    from budwood_server.routes.requests import Request
    from budwood_server.web.exchange import Exchange
    from budwood_server.web.forms import Form, FormFile

LINES_TYPE: Final = "application/jsonl"
BLOCK: Final = 256 * 1024
"""The bytes that are read of a file at once."""


async def upload(request: Request) -> None:
    """``POST /v1/files``."""
    request.exchange.tokens = 0
    async with request.read_form() as form:
        await _upload(request, form)


async def list_files(request: Request) -> None:
    """``GET /v1/files``: the newest first."""
    query = request.exchange.query
    page = parse_page(query, default=MAX_LISTED, maximum=MAX_LISTED)
    purpose, now = query.get("purpose"), time.time()

    def matches(found: OwnedObject) -> bool:
        expires = found.data.get("expires_at")
        return (purpose is None or found.data.get("purpose") == purpose) and (expires is None or expires > now)

    found, has_more = await collect_page(request.ownership, FILE, request.key.owner, page, matches)
    rows = [encode_file(each.public_id, each.data) for each in found]
    await request.exchange.send_json(encode_list(rows, has_more=has_more))


async def get(request: Request) -> None:
    """``GET /v1/files/{file_id}``."""
    found = await _find(request)
    if found.data.get("kept"):
        await request.exchange.send_json(encode_file(found.public_id, found.data))
        return
    files = request.client.files
    info = await request.exchange.run(files.get(found.vendor_id, provider=found.provider))
    kept = {name: found.data[name] for name in ("purpose", "filename") if name in found.data}
    await request.exchange.send_json(encode_file(found.public_id, {**describe_file(info), **kept}))


async def read(request: Request) -> None:
    """``GET /v1/files/{file_id}/content``: the bytes of the file."""
    found = await _find(request)
    if found.data.get("kept"):
        await request.exchange.run(_send_kept(request, found))
        return
    async with temporary_folder("file") as folder:
        await request.exchange.run(_send_content(request, found, folder / "content"))


async def delete(request: Request) -> None:
    """``DELETE /v1/files/{file_id}``. One that the vendor no longer has is forgotten."""
    found = await _find(request)
    if found.data.get("kept"):
        await open_kept_files(request).delete(found)
    else:
        await _delete_at_vendor(request, found)
    await request.exchange.send_json({"id": found.public_id, "object": FILE, "deleted": True})


async def _find(request: Request) -> OwnedObject:
    found = await request.ownership.find(FILE, request.exchange.parameters["file_id"], request.key.owner)
    if found.data.get("kept"):
        open_kept_files(request).check(found)
    return found


async def _delete_at_vendor(request: Request, found: OwnedObject) -> None:
    try:
        await request.client.files.delete(found.vendor_id, provider=found.provider)
    except NotFoundError:
        await request.ownership.delete(FILE, found.public_id, request.key.owner)
        raise
    await request.ownership.delete(FILE, found.public_id, request.key.owner)


async def _upload(request: Request, form: Form) -> None:
    fields, file = form.fields, form.require_file("file")
    purpose, expiry = parse_purpose(fields), parse_expiry(fields)
    facts: dict[str, Any] = {}
    if purpose == BATCH:
        from budwood_server.batches.uploaded_lines import rewrite_lines  # other uploads do not need it

        lines = await request.exchange.run(rewrite_lines(request, file.path))
        if lines.is_kept:
            await _keep(request, file, lines, expiry)
            return
        provider, file = lines.provider, file._replace(path=lines.path, media_type=LINES_TYPE)
        facts["batch"] = lines.to_data()
    else:
        provider = find_provider(request.exchange, request.configuration, fields)
    vendor_purpose = translate_purpose(purpose, find_provider_api(request.configuration, provider))
    info = await request.exchange.run(_store(request, file, provider, vendor_purpose, expiry))
    facts |= describe_file(info, purpose=purpose, name=file.name or None)
    public_id = encode_id(FILE, provider, info.id)
    owner = request.key.owner
    await request.ownership.record(FILE, public_id, owner, provider=provider, vendor_id=info.id, data=facts)
    await request.exchange.send_json(encode_file(public_id, facts))


async def _keep(request: Request, file: FormFile, lines: BatchLines, expiry: int | None) -> None:
    """Keep a file with lines of a batch that the server translates."""
    server, size = request.configuration.server.batches, file.path.stat().st_size
    if size > server.max_file:
        raise reject(
            f"The file has {size:,} bytes, and this server keeps files of batches with up to {server.max_file:,}.",
            param="file",
            code="file_too_large",
            hint="Split the lines into several files.",
            status=413,
        )
    facts = {"filename": file.name or "lines.jsonl", "purpose": BATCH, "batch": lines.to_data()}
    file_id, seconds = f"kept-{uuid.uuid4().hex}", expiry or server.retention * DAY_SECONDS
    kept = await open_kept_files(request).add(
        file.path, file_id, seconds, facts, owner=request.key.owner, provider=lines.provider
    )
    await request.exchange.send_json(encode_file(kept.public_id, kept.data))


async def _send_kept(request: Request, found: OwnedObject) -> None:
    await _send_blocks(request.exchange, found.data["bytes"], open_kept_files(request).read(found))


async def _store(request: Request, file: FormFile, provider: str, purpose: str, expiry: int | None) -> FileInfo:
    return await request.client.files.upload(
        file.path,
        provider=provider,
        purpose=purpose,
        name=file.name or None,
        media_type=file.media_type,
        expires_after=expiry,
    )


async def _send_content(request: Request, found: OwnedObject, path: Path) -> None:
    await request.client.files.content(found.vendor_id, output=path, provider=found.provider)
    with path.open("rb") as content:
        await _send_blocks(request.exchange, os.fstat(content.fileno()).st_size, _read_blocks(content))


async def _read_blocks(content: BinaryIO) -> AsyncIterator[bytes]:
    while block := await asyncio.to_thread(content.read, BLOCK):
        yield block


async def _send_blocks(exchange: Exchange, size: int, blocks: AsyncIterator[bytes]) -> None:
    """Send a file of some bytes, block by block."""
    headers = [(b"content-type", b"application/octet-stream"), (b"content-length", str(size).encode())]
    await exchange.start_stream(headers)
    async for block in blocks:
        await exchange.send_part(block)
    await exchange.end_stream()
