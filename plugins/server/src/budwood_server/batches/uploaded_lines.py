"""The lines of a batch in OpenAI's form, when they are uploaded: check them, and rewrite them for the vendor."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from pydantic_core import from_json, to_json

from budwood.types import Capability
from budwood_server.access.file_ids import find_file_ids, find_vendor_id
from budwood_server.gateway.plan import resolve_allowed
from budwood_server.gateway.request_options import FIELD
from budwood_server.web.problems import ProblemError, reject

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from budwood_server.gateway.names import ResolvedModel
    from budwood_server.routes.requests import Request

CHAT: Final = "/v1/chat/completions"

ENDPOINTS: Final = (
    CHAT,
    "/v1/responses",
    "/v1/embeddings",
    "/v1/completions",
    "/v1/moderations",
    "/v1/images/generations",
    "/v1/images/edits",
)
"""What the lines of a batch may ask for. Source: openai 3.57.0, ``types/batch_create_params.py``."""

MAX_LINE: Final = 64 * 1024 * 1024
"""The largest line in bytes."""

AT_ONCE: Final = 1024 * 1024
"""The bytes of lines that are in memory at once, besides the last one of them."""

BOM: Final = b"\xef\xbb\xbf"
"""What some programs write before the first line."""


@dataclass(slots=True)
class BatchLines:
    """
    The lines of a batch, rewritten for a vendor.

    Attributes:
        path: The file with them.
        provider: The provider to which all of them go.
        endpoint: What all of them ask for, such as ``"/v1/chat/completions"``.
        models: The models by the names that limits and budgets know, each as ``provider/model``.
        count: The number of lines with a request.
        number: The number of the last line that was read.
        is_kept: Whether the server keeps the file and translates the lines, since the vendor has another form.
    """

    path: Path
    provider: str = ""
    endpoint: str = ""
    models: dict[str, str] = field(default_factory=dict)
    count: int = 0
    number: int = 0
    is_kept: bool = False

    def to_data(self) -> dict[str, Any]:
        """Return what is kept about them."""
        return {"endpoint": self.endpoint, "models": self.models, "count": self.count}


class _Line:
    """A line that was parsed: its number, its content, and its model."""

    __slots__ = ("content", "number", "resolved")

    def __init__(self, number: int, content: dict[str, Any], resolved: ResolvedModel) -> None:
        self.number = number
        self.content = content
        self.resolved = resolved


async def rewrite_lines(request: Request, source: Path) -> BatchLines:
    """
    Check the lines of an uploaded file, and write them as the vendor expects them beside it.

    Names of models become those of the vendor, ids of files too, and the field ``budwood`` is left out. The memory that
    it needs does not depend on the size of the file.

    Args:
        request: The upload.
        source: The file.

    Raises:
        ProblemError: A line is not valid, the key may not use its model, or the lines belong to several providers.
    """
    lines = BatchLines(source.with_name(f"{source.name}.lines"))
    known: dict[str, str] = {}
    with source.open("rb") as reading, lines.path.open("wb") as writing:
        while block := await asyncio.to_thread(_read_block, request, reading, lines):
            for public_id in {each for line in block for _, _, each in find_file_ids(line.content)} - known.keys():
                known[public_id] = await find_vendor_id(public_id, request.ownership, request.key.owner, lines.provider)
            await asyncio.to_thread(_write_block, block, known, writing)
    if not lines.count:
        raise reject("The file has no lines.", param="file", code="empty_file")
    lines.is_kept = _needs_translation(request, lines)
    return lines


def check_models(request: Request, models: Mapping[str, str]) -> None:
    """
    Check that a key may still use the models of a batch, and that they still are what they were.

    Raises:
        ProblemError: It may not, or a name stands for another model now.
    """
    for name, model in models.items():
        resolved = resolve_allowed(request.configuration, request.key, name)
        if resolved.options["model"] != model:
            raise reject(
                f"The model {name!r} is another one since the file was uploaded.",
                param="input_file_id",
                code="model_changed",
                hint="Upload the file again.",
            )


def _needs_translation(request: Request, lines: BatchLines) -> bool:
    """Tell whether the server keeps the file, since the vendor's batches have another form than OpenAI's."""
    details = request.configuration.client.model(f"{lines.provider}/-")
    if details.has_batch_files:
        return False
    if Capability.BATCHES not in details.capabilities:
        raise reject(
            f"The provider {lines.provider} has no batches.",
            param="file",
            code="unsupported",
            hint="Use a model of a provider with batches.",
        )
    if lines.endpoint != CHAT:
        raise reject(
            f"The batches of {lines.provider} can only have lines for {CHAT}.",
            param="file",
            code="unsupported",
            hint="Use a model of a provider with OpenAI's form of batches.",
        )
    return True


def _read_block(request: Request, reading: BinaryIO, lines: BatchLines) -> list[_Line]:
    """Read and check the next lines. It blocks."""
    block: list[_Line] = []
    size = 0
    while size < AT_ONCE and (text := reading.readline(MAX_LINE + 1)):
        lines.number += 1
        if len(text) > MAX_LINE:
            raise _refuse(lines.number, f"it has more than {MAX_LINE:,} bytes")
        text = text.removeprefix(BOM) if lines.number == 1 else text
        if text.strip():
            size += len(text)
            block.append(_parse_line(request, text, lines))
    lines.count += len(block)
    return block


def _parse_line(request: Request, text: bytes, lines: BatchLines) -> _Line:
    number = lines.number
    try:
        content = from_json(text, allow_inf_nan=False)
    except (ValueError, RecursionError) as error:
        raise _refuse(number, f"it is not valid JSON: {error}") from None
    body = content.get("body") if isinstance(content, dict) else None
    if not isinstance(body, dict):
        raise _refuse(number, "it must be an object with custom_id, method, url and body")
    if not isinstance(content.get("custom_id"), str) or not content["custom_id"]:
        raise _refuse(number, "custom_id must be a text that is not empty")
    if content.get("method") != "POST":
        raise _refuse(number, "method must be 'POST'")
    if content.get("url") not in ENDPOINTS:
        raise _refuse(number, f"url must be one of {', '.join(ENDPOINTS)}")
    name = body.get("model")
    if not isinstance(name, str) or not name:
        raise _refuse(number, "body.model must be the name of a model")
    _check_objects(request, body, number)
    resolved = _resolve(request, name, number)
    _unite(lines, number, content["url"], resolved)
    body.pop(FIELD, None)
    body["model"] = resolved.options["model"].partition("/")[2]
    return _Line(number, content, resolved)


def _check_objects(request: Request, body: Mapping[str, Any], number: int) -> None:
    try:
        request.check_objects(body)
    except ProblemError as error:
        raise name_line(error, number, f"body.{error.problem.param}") from None


def _resolve(request: Request, name: str, number: int) -> ResolvedModel:
    try:
        return resolve_allowed(request.configuration, request.key, name)
    except ProblemError as error:
        raise name_line(error, number, "body.model") from None


def name_line(error: ProblemError, number: int, path: str) -> ProblemError:
    """Return a problem with the number of its line, and with the place in the line."""
    found = error.problem
    return ProblemError(replace(found, message=f"Line {number}: {found.message}", param=f"lines[{number - 1}].{path}"))


def _unite(lines: BatchLines, number: int, url: str, resolved: ResolvedModel) -> None:
    """Check that a line has the provider and the endpoint of all lines before it."""
    lines.provider = lines.provider or resolved.provider
    lines.endpoint = lines.endpoint or url
    if resolved.provider != lines.provider:
        message = f"its model is one of {resolved.provider}, but those before it are of {lines.provider}"
        raise _refuse(number, message, hint="Upload one file for each provider.")
    if url != lines.endpoint:
        raise _refuse(number, f"its url is {url}, but that of the lines before it is {lines.endpoint}")
    lines.models[resolved.name] = resolved.options["model"]


def _write_block(block: list[_Line], file_ids: Mapping[str, str], writing: BinaryIO) -> None:
    """Write lines. It blocks."""
    for line in block:
        for place, key, public_id in list(find_file_ids(line.content)):
            place[key] = file_ids[public_id]
        writing.write(to_json(line.content) + b"\n")


def _refuse(number: int, reason: str, *, hint: str | None = None) -> ProblemError:
    return reject(f"Line {number}: {reason}.", param=f"lines[{number - 1}]", code="invalid_line", hint=hint)
