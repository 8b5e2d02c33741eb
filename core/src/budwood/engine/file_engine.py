"""The operations of a client on files that vendors store, as flows."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from budwood.engine.chat.options import convert_error, override
from budwood.engine.drivers.effects import Flow, Invoke, Sleep
from budwood.engine.endpoints.endpoint import Target
from budwood.engine.job_engine import JobEngine
from budwood.engine.media_services import FILES, STORED_REPLIES
from budwood.engine.pipeline.offers import check_service
from budwood.errors import ConfigurationError, NotFoundError, PromptError, RequestTimeoutError, ResponseTooLargeError
from budwood.types import MediaPart

if TYPE_CHECKING:
    from budwood.engine.pipeline.call import Call
    from budwood.types import FileInfo, FileUpload, MediaFile, StoredReplyAction
    from budwood.types.record import JSON

FIRST_DELAY: Final = 1.0
MAX_DELAY: Final = 15.0
"""Seconds between two polls whether a file is ready: one, then 50 % more each time, up to fifteen."""

MAX_IN_MEMORY: Final = 64 * 1024 * 1024
"""The size of the largest content that is returned as bytes: 64 MiB."""

_GROWTH: Final = 1.5


class FileEngine(JobEngine):
    """The operations of a client on files that vendors store."""

    def upload_file(
        self,
        file: object,
        provider: str | None,
        *,
        purpose: str,
        name: str | None,
        media_type: str | None,
        expires_after: int | None,
        timeout: float | None,
        wait: float,
    ) -> Flow[FileInfo]:
        """Store a file at a vendor, and wait until it can be used."""
        from budwood.providing import name_file
        from budwood.types import FileUpload

        call = self._file_call(provider, timeout)

        def run() -> Flow[FileInfo]:
            opened = yield from _open(call, file)
            kind = media_type or opened.media_type
            try:
                upload = FileUpload(
                    data=opened.data,
                    path=opened.path,
                    name=name_file(name, kind, default=opened.name),
                    media_type=kind,
                    purpose=purpose,
                    expires_after=expires_after,
                )
            except ValidationError as error:
                raise convert_error(error) from None
            info = yield from store(call, upload)
            deadline = self.clock.monotonic() + wait
            ready = yield from self._wait_until_ready(info, call, deadline)
            return ready.model_copy(update={"adaptations": tuple(call.adaptations.values())})

        return run()

    def list_files(self, provider: str | None) -> Flow[tuple[FileInfo, ...]]:
        """List the files that a vendor stores."""
        call = self._file_call(provider)

        def run() -> Flow[tuple[FileInfo, ...]]:
            files = yield from _run(call, "list_files")
            return tuple(_complete(call, info) for info in files)

        return run()

    def get_file(self, file_id: str, provider: str | None) -> Flow[FileInfo]:
        """Return the metadata of a file at a vendor."""
        call = self._file_call(provider)

        def run() -> Flow[FileInfo]:
            return _complete(call, (yield from _run_with(call, "get_file", file_id)))

        return run()

    def delete_file(self, file_id: str, provider: str | None) -> Flow[None]:
        """Delete a file at a vendor. One that is gone after an ambiguous failure was deleted by the request before."""
        call = self._file_call(provider)

        def run() -> Flow[None]:
            try:
                yield from _run_with(call, "delete_file", file_id)
            except NotFoundError as error:
                if all(attempt.status in range(400, 500) for attempt in error.attempts):
                    raise

        return run()

    def read_file(self, file_id: str, provider: str | None, timeout: float | None) -> Flow[bytes]:
        """
        Return the content of a file at a vendor.

        Raises:
            ResponseTooLargeError: It has more than 64 MiB.
        """
        call = self._file_call(provider, timeout)

        def run() -> Flow[bytes]:
            folder = Path((yield Invoke(partial(tempfile.mkdtemp, prefix="budwood-"))))
            try:
                yield from _run_with(call, "download_file", file_id, folder / "content")
                data: bytes = yield Invoke(partial(_read_small, folder / "content"))
            finally:
                yield Invoke(partial(shutil.rmtree, folder, ignore_errors=True))
            return data

        return run()

    def save_file(self, file_id: str, provider: str | None, target: Path, timeout: float | None) -> Flow[None]:
        """Write the content of a file at a vendor to a file."""
        return _run_with(self._file_call(provider, timeout), "download_file", file_id, target)

    def call_stored_reply(
        self, reply_id: str, action: StoredReplyAction, query: Mapping[str, str], provider: str | None
    ) -> Flow[JSON]:
        """Read, delete or cancel a reply that a vendor keeps, or list its input."""
        call = self._new_call(Target(self._provider(provider), ""), self.options)
        call.route = None  # a reply is at one endpoint
        check_service(call.target, STORED_REPLIES)
        return _run_stored_reply(call, reply_id, action, query)

    def _file_call(self, provider: str | None, timeout: float | None = None) -> Call:
        options = self.options if timeout is None else override(self.options, {"timeout": timeout})
        call = self._new_call(Target(self._provider(provider), ""), options)
        call.route = None  # a file is at one endpoint
        check_service(call.target, FILES)
        return call

    def _wait_until_ready(self, info: FileInfo, call: Call, deadline: float) -> Flow[FileInfo]:
        delay = FIRST_DELAY
        while not info.ready:
            left = deadline - self.clock.monotonic()
            if left <= 0:
                raise RequestTimeoutError(
                    f"The vendor has not processed the file {info.id} in time.",
                    phase="deadline",
                    hint="Ask for it later: client.files.get(…).ready.",
                )
            yield Sleep(min(delay, left))
            delay = min(delay * _GROWTH, MAX_DELAY)
            renewed = self._renew(call)
            renewed.route = None
            info = _complete(renewed, (yield from _run(renewed, "get_file", info.id)))
        return info


def store(call: Call, upload: FileUpload) -> Flow[FileInfo]:
    """Store a file at the vendor of a call. It may not be ready yet."""
    from budwood.engine.uploads.changes import watch  # chat does not need it

    return _complete(call, (yield from _run(call, "upload_file", upload, before_each=watch(upload))))


def _run(call: Call, method: str, *arguments: object, before_each: Callable[[], None] | None = None) -> Flow[Any]:
    from budwood.engine.pipeline.steps import run_steps  # chat does not need it

    run = partial(run_steps, call, FILES, method, *arguments, before_each=before_each)
    if call.target.endpoint.pool is None:
        return run()
    from budwood.engine.keys.accounts import OF_KEYS, on_one_account  # only programs with several keys need it

    errors = OF_KEYS if method == "upload_file" else (*OF_KEYS, NotFoundError)  # the account of a file is not known
    return on_one_account(call, run, errors)


def _run_with(call: Call, method: str, file_id: object, *arguments: object) -> Flow[Any]:
    """
    Run a method on one file.

    Raises:
        ConfigurationError: The id is none: in the path of a URL, it would name something else, such as all files.
        NotFoundError: The vendor does not know the file.
    """
    if not isinstance(file_id, str) or not file_id.strip(" ./"):
        raise ConfigurationError(f"Invalid id of a file: {file_id!r}.", hint="Pass info.id of a FileInfo.")
    try:
        return (yield from _run(call, method, file_id, *arguments))
    except NotFoundError as error:
        error.hint = "Check the id and the provider. Vendors delete files when they expire."
        raise


def _run_stored_reply(call: Call, reply_id: str, action: StoredReplyAction, query: Mapping[str, str]) -> Flow[JSON]:
    """
    Run a method on a reply that a vendor keeps.

    Raises:
        ConfigurationError: The id is none: in the path of a URL, it would name something else.
    """
    from budwood.engine.pipeline.steps import run_steps  # chat does not need it

    if not reply_id.strip(" ./"):
        raise ConfigurationError(f"Invalid id of a reply: {reply_id!r}.", hint="Pass response.id of a reply.")
    run = partial(run_steps, call, STORED_REPLIES, "call_stored_reply", reply_id, action, query, is_observed=False)
    if call.target.endpoint.pool is None:
        answer: JSON = yield from run()
    else:
        from budwood.engine.keys.accounts import OF_KEYS, on_one_account  # only programs with several keys need it

        answer = yield from on_one_account(call, run, (*OF_KEYS, NotFoundError))
    return answer


def _complete(call: Call, info: FileInfo) -> FileInfo:
    return info if info.provider else info.model_copy(update={"provider": call.target.endpoint.name})


def _open(call: Call, file: object) -> Flow[MediaFile]:
    """
    Open a file; one at a URL is downloaded.

    Raises:
        PromptError: It cannot be read.
    """
    from budwood.engine.chat.files import Content, RemoteFile, locate_file, open_file

    location = locate_file(file)
    if isinstance(location, MediaPart):
        if location.file_id is not None:
            raise PromptError("The file is already at a vendor.", hint="Pass its content, to store it at another one.")
        name = location.name or "file"
        location = (
            RemoteFile(name, location.url)
            if location.url is not None
            else location.path or Content(name, location.data or b"")
        )
    if isinstance(location, RemoteFile):
        from budwood.engine.pipeline.media import fetch_file

        location = yield from fetch_file(call, location)
    opened: MediaFile = yield Invoke(partial(open_file, location))
    return opened


def _read_small(path: Path) -> bytes:
    if path.stat().st_size > MAX_IN_MEMORY:
        raise ResponseTooLargeError("The file has more than 64 MiB.", hint="Pass output=…, to write it to a file.")
    return path.read_bytes()
