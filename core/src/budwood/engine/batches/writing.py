"""Write the requests of a batch to files, split by the limits of the vendor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from budwood.engine.batches.record import RequestForm, make_line_id, make_mark
from budwood.engine.pipeline.endpoint_choice import prepare
from budwood.engine.pipeline.media_sources import replace_media
from budwood.engine.pipeline.sending import encode, encode_again
from budwood.engine.pipeline.window import check_window
from budwood.errors import BudwoodError, PromptError
from budwood.plugins import faults
from budwood.providing import find_media
from budwood.types import BatchInput, BatchLimits, Body, HTTPCall
from budwood.wire.uploads import body_size, prepare_body

if TYPE_CHECKING:
    from budwood.contracts import BatchProvider
    from budwood.engine.chat.structured import Output
    from budwood.engine.endpoints.endpoint import Target
    from budwood.engine.pipeline.attempt import Attempt
    from budwood.engine.pipeline.call import Round

_SEEDS: Final = {"messages": (), "seed": None}
"""Fields that differ from request to request, and that decoding does not need."""


@dataclass
class LineFile:
    """
    A file with the lines of one batch.

    Attributes:
        target: The endpoint and the model.
        url: The URL of its requests.
        limits: The limits of the vendor.
        path: The file.
        indices: The requests in it.
        headers: The values of each header of its requests.
    """

    target: Target
    url: str
    limits: BatchLimits
    path: Path
    size: int = 0
    indices: list[int] = field(default_factory=list)
    headers: dict[str, dict[str, None]] = field(default_factory=dict)

    def has_room(self, size: int) -> bool:
        """Tell whether a line still fits."""
        total = self.size + len(self.limits.separator) + size
        return len(self.indices) < self.limits.requests and total <= self.limits.bytes

    def make_input(self, submission: str) -> BatchInput:
        """Return what the provider submits, with the id of the submission. A small file is read into memory."""
        is_small = self.size <= self.limits.inline_bytes
        return BatchInput(
            id=submission,
            model=self.target.model,
            url=self.url,
            path=self.path,
            count=len(self.indices),
            size=self.size,
            data=self.path.read_bytes() if is_small else None,
            headers={name: ",".join(values) for name, values in self.headers.items()},
        )


class BatchWriter:
    """
    Encodes requests and writes them to files. One line at a time is in memory.

    Args:
        folder: The folder of the files.
        expected: The hashes that requests must have, by index, if they are submitted again.

    Attributes:
        marks: The hash of each request.
        forms: What requests have in common.
        uses: The form of each request.
        files: The files.
        errors: The error of each request that was not written, by index.
        outputs: The structured output of each form that has one.
    """

    def __init__(self, folder: Path, expected: Mapping[int, str] | None = None) -> None:
        self.marks: dict[int, str] = {}
        self.forms: list[RequestForm] = []
        self.uses: dict[int, int] = {}
        self.files: list[LineFile] = []
        self.errors: dict[int, BudwoodError] = {}
        self.outputs: dict[int, Output] = {}
        self._folder = folder
        self._expected = expected
        self._open: dict[tuple[str, str, str], LineFile] = {}
        self._form_numbers: dict[bytes, int] = {}
        self._limits: dict[tuple[str, str], BatchLimits] = {}

    def fail(self, index: int, error: BudwoodError) -> None:
        """Record the error of a request that cannot be written."""
        self.errors[index] = error
        self.marks[index] = ""
        self.uses[index] = 0

    def add_all(self, rounds: Sequence[tuple[int, Round, Mapping[str, str]]]) -> None:
        """
        Write some requests with their indices, and the hashes of their uploaded files by the id.

        An error is the result of its request, and does not affect others.
        """
        for index, round_, contents in rounds:
            self.add(index, round_, contents)

    def add(self, index: int, round_: Round, contents: Mapping[str, str]) -> None:
        """Write one request; see `add_all`."""
        try:
            attempt = prepare(round_)
            check_window(attempt)
            call = encode(attempt)
            mark = self._check_mark(index, make_mark(_encode_content(attempt, contents) if contents else call.body))
            self._write(index, attempt, call, make_line_id(index, mark))
        except BudwoodError as error:
            self.fail(index, error)
            return
        self.marks[index] = mark
        self.uses[index] = self._number_form(attempt)

    def _check_mark(self, index: int, mark: str) -> str:
        expected = None if self._expected is None else self._expected.get(index)
        if expected and expected != mark:
            raise PromptError(
                f"The request {index} differs from the one that was submitted first.",
                hint="Pass the same prompts and options as in the first submission.",
            )
        return mark

    def _write(self, index: int, attempt: Attempt, call: HTTPCall, line_id: str) -> None:
        provider = cast("BatchProvider", attempt.endpoint.remote)
        with faults.encoding_boundary(attempt.endpoint.source, "encode_batch_line"):
            line = prepare_body(provider.encode_batch_line(line_id, call))
        size = body_size(line)
        file = self._find_file(attempt, call, size)
        with file.path.open("ab") as stream:
            if file.indices:
                file.size += stream.write(file.limits.separator)
            file.size += _write_line(stream, (line,) if isinstance(line, bytes) else line)
        file.indices.append(index)
        for name, value in call.headers.items():
            file.headers.setdefault(name, {})[value] = None

    def _find_file(self, attempt: Attempt, call: HTTPCall, size: int) -> LineFile:
        key = attempt.endpoint.name, attempt.model, call.url
        limits = self._find_limits(attempt)
        if size > limits.bytes:
            raise PromptError(
                f"The request has {size:,} bytes, and a whole batch may have {limits.bytes:,}.",
                hint='Shorten it, or send it as a live call: lane="live".',
            )
        file = self._open.get(key)
        if file is None or not file.has_room(size):
            path = self._folder / f"{len(self.files)}.jsonl"
            file = self._open[key] = LineFile(attempt.target, call.url, limits, path)
            self.files.append(file)
        return file

    def _find_limits(self, attempt: Attempt) -> BatchLimits:
        key = attempt.endpoint.name, attempt.model
        if key not in self._limits:
            with faults.call_boundary(attempt.endpoint.source, "batch_limits"):
                self._limits[key] = cast("BatchProvider", attempt.endpoint.remote).batch_limits(attempt.model)
        return self._limits[key]

    def _number_form(self, attempt: Attempt) -> int:
        """Return the number of the form of a request; equal forms are stored once."""
        form = make_form(attempt)
        key = form.model_dump_json().encode()
        if key not in self._form_numbers:
            self._form_numbers[key] = len(self.forms)
            self.forms.append(form)
            if attempt.round.output is not None:
                self.outputs[self._form_numbers[key]] = attempt.round.output
        return self._form_numbers[key]


def make_form(attempt: Attempt) -> RequestForm:
    """Return the form of a request; see `RequestForm`."""
    round_ = attempt.round
    schema = round_.output.schema if round_.output is not None else None
    tools = round_.tools
    return RequestForm(
        request=attempt.request.model_copy(update=_SEEDS),
        schema_=schema.schema.json_schema if schema is not None else None,
        is_wrapped=schema is not None and schema.is_wrapped,
        takes_tools=tools is not None and bool(tools.tools),
        adaptations=tuple(attempt.adaptations.values()),
        label=round_.call.label,
        tags=dict(round_.call.tags or {}),
    )


def _encode_content(attempt: Attempt, contents: Mapping[str, str]) -> Body:
    """Encode a request with the hashes of its uploaded files in place of their ids, which change with each upload."""
    request = attempt.request
    hashes = {
        id(part): part.model_copy(update={"file_id": content})
        for part in find_media(request)
        if (content := contents.get(part.file_id or ""))
    }
    attempt.request = replace_media(request, hashes)
    try:
        return encode_again(attempt).body
    finally:
        attempt.request = request


def _write_line(stream: BinaryIO, blocks: object) -> int:
    return sum(stream.write(block) for block in cast("tuple[bytes, ...]", blocks))
