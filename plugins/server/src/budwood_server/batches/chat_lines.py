"""The lines of a batch of chats as requests of the core, for vendors whose batches have another form."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json, to_json

from budwood import BatchRequest
from budwood_server.access.file_ids import MARK, translate_file_ids
from budwood_server.batches.uploaded_lines import BOM, name_line
from budwood_server.formats.openai.chat_request import ChatCall, read_chat
from budwood_server.web.problems import ProblemError, reject

if TYPE_CHECKING:
    from pathlib import Path

    from budwood_server.gateway.plan import CallPlan
    from budwood_server.routes.requests import Request

_WITHOUT_MEANING: Final = ("cache", "cache_namespace", "fallbacks", "routing")
"""Options of a call that a batch does not have: it has one vendor, and its replies are not cached."""


@dataclass(slots=True)
class ChatLines:
    """
    The lines of a batch, which were checked.

    Attributes:
        path: The file with them, with the vendor's ids of files.
        custom_ids: The ids that the client gave them.
        functions: The lines with the older ``functions``, by index.
        known: The ids as a set.
    """

    path: Path
    custom_ids: list[str] = field(default_factory=list)
    functions: list[int] = field(default_factory=list)
    known: set[str] = field(default_factory=set)

    def make_requests(self, request: Request) -> Iterator[BatchRequest]:
        """Yield the requests of the core. One at a time is in memory."""
        with self.path.open("rb") as reading:
            for text in reading:
                call, plan = _read_body(request, from_json(text)["body"])
                tags = {**call.options.pop("tags", {}), "model": plan.name}
                options = {name: value for name, value in call.options.items() if name not in _WITHOUT_MEANING}
                yield BatchRequest(call.messages, **options, tags=tags)


async def check_lines(request: Request, source: Path, provider: str) -> ChatLines:
    """
    Check that all lines of a file can be translated, and write them with the vendor's ids of files beside it.

    Args:
        request: The request for a batch.
        source: The file, whose lines were checked at its upload.
        provider: The provider of the batch.

    Raises:
        ProblemError: The body of a line is not valid, or two lines have the same id.
    """
    lines = ChatLines(source.with_name(f"{source.name}.checked"))
    number = 0
    with source.open("rb") as reading, lines.path.open("wb") as writing:
        while text := await asyncio.to_thread(reading.readline):
            number += 1
            text = text.removeprefix(BOM) if number == 1 else text
            if text.strip():
                content = from_json(text)
                if MARK in text or b"\\u" in text:
                    await translate_file_ids(content["body"], lambda: request.ownership, request.key.owner, provider)
                await asyncio.to_thread(writing.write, to_json({"body": content["body"]}) + b"\n")
                _add_line(request, lines, number, content)
    return lines


def _add_line(request: Request, lines: ChatLines, number: int, content: dict[str, Any]) -> None:
    custom_id = content["custom_id"]
    if custom_id in lines.known:
        message = f"The custom_id {custom_id!r} is also that of a line before."
        raise name_line(reject(message, code="invalid_line"), number, "custom_id")
    try:
        call, _ = _read_body(request, content["body"])
        if call.is_streamed:
            raise reject("The reply to a line of a batch cannot be streamed.", hint="Leave out 'stream'.")
    except ProblemError as error:
        raise name_line(error, number, ".".join(filter(None, ("body", error.problem.param)))) from None
    if call.has_functions:
        lines.functions.append(len(lines.custom_ids))
    lines.known.add(custom_id)
    lines.custom_ids.append(custom_id)


def _read_body(request: Request, body: dict[str, Any]) -> tuple[ChatCall, CallPlan]:
    plan = request.plan(body)
    return read_chat(body, plan), plan
