"""The methods of providers that return `Steps`, and how to run them without an engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from budwood.errors import ProviderError, UnsupportedError
from budwood.types import (
    BatchInput,
    Capability,
    ChatResponse,
    FileInfo,
    FileUpload,
    HTTPCall,
    HTTPReply,
    JobKind,
    JobRef,
    JobState,
    ReplyHead,
    SavedReply,
    VideoRequest,
    VideoResponse,
)
from budwood_testing.examples.wire import Replies, WireBody, WireReply
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.provider.bench import JSON_HEADERS, Bench, as_bytes, as_reply
from budwood_testing.suites.provider.request_content import holds_bytes

JOB: Final = "job-77"
CONTENT: Final = b"words of conformance: \xc3\xa4, \xe2\x80\xa8."
"""The content of results: UTF-8, with a line separator."""

UPLOADED: Final = b"conformance\x00\xff\r\n--content"
FILES: Final = tuple(
    FileInfo(id=f"file-{number}", name=f"notes-{number}.txt", size=len(UPLOADED) + number, media_type="text/plain")
    for number in range(3)
)
MAX_REQUESTS: Final = 20
"""Requests after which a method counts as one that never ends."""


@dataclass(frozen=True, kw_only=True)
class StepMethod:
    """
    A method, as its tests need it.

    Attributes:
        name: Its name.
        capability: The capability that requires it.
        result: The type of its result.
        kind: The kind of its job; None for files.
        has_data: Whether it reads its last reply.
    """

    name: str
    capability: Capability
    result: type[Any]
    kind: JobKind | None = None
    has_data: bool = True

    @property
    def may_be_empty(self) -> bool:
        """Whether a reply without any field is valid: vendors may omit an empty list."""
        return self.result is tuple

    def arguments(self, bench: Bench, folder: Path) -> tuple[Any, ...]:
        """Return its arguments."""
        match self.name:
            case "upload_file":
                return next(self.uploads(folder))
            case "list_files":
                return ()
            case "submit_video":
                return (VideoRequest(model=bench.model, prompt="A storm over Oslo.", seconds=4, size="1280x720"),)
            case "submit_response":
                return (bench.request(),)
            case "submit_batch":
                return (make_batch(bench, folder),)
            case "fetch_response":
                return (self.finished_job(bench, folder),)
            case "fetch_batch":
                return self.finished_job(bench, folder), folder
            case "fetch_video":
                return self.finished_job(bench, folder), folder / "target"
            case "download_file":
                return FILES[0].id, folder / "target"
            case _:
                return (FILES[0].id,) if self.kind is None else (self.job(bench),)

    def uploads(self, folder: Path) -> Iterator[tuple[FileUpload]]:
        """Yield uploads of the same content from memory and from a file."""
        path = folder / "notes.txt"
        path.write_bytes(UPLOADED)
        for source in ({"data": UPLOADED}, {"path": path}):
            yield (FileUpload.model_validate({"name": FILES[0].name, "media_type": "text/plain", **source}),)

    def holds_upload(self, call: HTTPCall) -> bool:
        """Return whether a call contains the content of an upload."""
        return holds_bytes(call, UPLOADED)

    def job(self, bench: Bench, data: Mapping[str, Any] | None = None) -> JobRef:
        """Return a job of its kind."""
        assert self.kind is not None
        return JobRef(
            kind=self.kind,
            provider=bench.instance.name,
            model=bench.model,
            id=JOB,
            created=1_700_000_000.0,
            data=dict(data or {}),
        )

    def finished_job(self, bench: Bench, folder: Path) -> JobRef:
        """Return a job with the data of its last state, which is that it has succeeded."""
        poll = METHODS[f"poll_{self.name.partition('_')[2]}"]
        replies = bench.examples.job(poll.name, JobState(id=JOB, status="succeeded"))
        _, state = drive(bench, poll, (self.job(bench),), bench.required(replies, "job", self.capability))
        return self.job(bench, state.data)

    def replies(self, bench: Bench, job: JobRef | None = None) -> Replies:
        """Return the example of the replies to its requests; fail without it."""
        if self.kind is None:
            files = FILES if self.name == "list_files" else FILES[:1]
            return bench.required(bench.examples.files(self.name, files), "files", self.capability)
        if self.name.startswith("fetch_"):
            example = bench.examples.job_result(self.name, job or self.job(bench), self.content)
            return bench.required(example, "job_result", self.capability)
        status: Any = {"submit": "queued", "poll": "running", "cancel": "cancelled"}[self.name.partition("_")[0]]
        state = JobState(id=JOB, status=status)
        return bench.required(bench.examples.job(self.name, state), "job", self.capability)

    @property
    def content(self) -> bytes:
        """The content of the result of a job."""
        return CONTENT if self.kind != "batch" else b'{"line": 1}\n{"line": 2}\n'

    def content_of(self, result: Any) -> bytes:  # noqa: ANN401 - each method has its own
        """Return the content of the result of a job."""
        match result:
            case ChatResponse():
                return result.text.encode()
            case VideoResponse():
                return result.video.read()
            case _:
                return b"".join(one.read_bytes() if isinstance(one, Path) else one for one in result)

    def start(self, bench: Bench, arguments: tuple[Any, ...], provider: Any = None) -> Any:  # noqa: ANN401 - a generator
        """Call the method."""
        return getattr(provider or bench.provider, self.name)(*arguments)

    def check_supported(self, bench: Bench) -> None:
        """Skip the test if the vendor cannot cancel: the method raises UnsupportedError before its first call."""
        if not self.name.startswith("cancel_"):
            return
        try:
            next(self.start(bench, (self.job(bench),)))
        except UnsupportedError:
            pytest.skip(f"{bench.instance.name} cannot cancel: {self.name}() raises UnsupportedError")

    def as_http(self, reply: WireBody | WireReply, call: HTTPCall) -> HTTPReply:
        """Return a reply as the transport returns it: in a file if the call asks for that."""
        wire_reply = as_reply(reply)
        head = ReplyHead(wire_reply.status, {**JSON_HEADERS, **wire_reply.headers})
        body = as_bytes(wire_reply.body)
        if call.reply_to is None:
            return HTTPReply(head, body)
        call.reply_to.write_bytes(body)
        return HTTPReply(head, b"", SavedReply(call.reply_to, len(body)))


def _make(name: str, capability: Capability, result: type[Any], *, has_data: bool = True) -> StepMethod:
    kind: Any = name.partition("_")[2]
    return StepMethod(
        name=name,
        capability=capability,
        result=result,
        kind=kind if kind in ("video", "response", "batch") else None,
        has_data=has_data,
    )


METHODS: Final[Mapping[str, StepMethod]] = {
    method.name: method
    for method in (
        _make("upload_file", Capability.FILES, FileInfo),
        _make("list_files", Capability.FILES, tuple),
        _make("get_file", Capability.FILES, FileInfo),
        _make("delete_file", Capability.FILES, type(None), has_data=False),
        _make("download_file", Capability.FILES, type(None), has_data=False),
        _make("submit_video", Capability.VIDEOS, JobState),
        _make("poll_video", Capability.VIDEOS, JobState),
        _make("cancel_video", Capability.VIDEOS, JobState, has_data=False),
        _make("fetch_video", Capability.VIDEOS, VideoResponse, has_data=False),
        _make("submit_response", Capability.BACKGROUND, JobState),
        _make("poll_response", Capability.BACKGROUND, JobState),
        _make("cancel_response", Capability.BACKGROUND, JobState),
        _make("fetch_response", Capability.BACKGROUND, ChatResponse),
        _make("submit_batch", Capability.BATCHES, JobState),
        _make("poll_batch", Capability.BATCHES, JobState),
        _make("cancel_batch", Capability.BATCHES, JobState),
        _make("fetch_batch", Capability.BATCHES, tuple, has_data=False),
    )
}
"""The methods by their names."""


def make_batch(bench: Bench, folder: Path) -> BatchInput:
    """Create a batch of two requests, with the lines of the provider in a file."""
    call = bench.provider.encode(bench.request(), stream=False)
    lines = [join(bench.provider.encode_batch_line(f"line-{number}", call)) for number in range(2)]
    limits = bench.provider.batch_limits(bench.model)
    content = limits.separator.join(lines)
    path = folder / "lines"
    path.write_bytes(content)
    return BatchInput(
        id="conformance",
        model=bench.model,
        url=call.url,
        path=path,
        count=2,
        size=len(content),
        data=content if len(content) <= limits.inline_bytes else None,
        headers=dict(call.headers),
    )


def join(body: Any) -> bytes:  # noqa: ANN401 - a body without files
    """Return a body without files as bytes."""
    return body if isinstance(body, bytes) else b"".join(body)


def drive(
    bench: Bench,
    method: StepMethod,
    arguments: tuple[Any, ...],
    replies: Sequence[WireBody | WireReply],
    *,
    provider: Any = None,  # noqa: ANN401 - any provider
) -> tuple[list[HTTPCall], Any]:
    """
    Answer the calls of a method with these replies. The method itself does no I/O.

    If it looks for a batch after a reply to the creation that it cannot read, the vendor's list is unreadable as well.

    Returns:
        The calls that got a reply, and the result.
    """
    calls: list[HTTPCall] = []
    bench.instance.context.rules(bench.model)  # the catalog reads its own file, once
    with bench.decoding(method.name):
        try:
            with no_io():
                steps = method.start(bench, arguments, provider)
                call = next(steps)
            for reply in replies:
                calls.append(call)
                http_reply = method.as_http(reply, call)
                with no_io():
                    call = steps.send(http_reply)
            if method.name == "submit_batch" and call.method == "GET":
                call = steps.throw(ProviderError("The list of batches cannot be read."))
        except StopIteration as end:
            return calls, end.value
    pytest.fail(
        f"{method.name}() sends {call!r} after the last reply of its example: return the result, or add the reply to "
        "the example"
    )


def run_to_error(
    bench: Bench,
    method: StepMethod,
    arguments: tuple[Any, ...],
    replies: Sequence[WireBody | WireReply],
    error: Exception,
) -> BaseException | None:
    """Answer calls with these replies and all further ones with an error. Returns what the method raises."""
    steps = method.start(bench, arguments)
    try:
        call = next(steps)
        for reply in replies:
            call = steps.send(method.as_http(reply, call))
        for _ in range(MAX_REQUESTS):
            steps.throw(error)
    except StopIteration:
        return None
    except Exception as raised:  # noqa: BLE001 - the caller checks it
        return raised
    pytest.fail(f"{method.name}() does not end after {MAX_REQUESTS} errors: raise the error")
