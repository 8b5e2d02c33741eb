"""A cassette's file: what was sent, what came back, in JSON that people can read and compare."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

from pydantic import BeforeValidator, Field, PlainSerializer, ValidationError

from budwood.errors import (
    BadResponseError,
    ConfigurationError,
    ConnectionFailedError,
    ProviderError,
    RequestTimeoutError,
    ResponseTooLargeError,
)
from budwood.providing import write_file_atomically
from budwood.types import Record

FORMAT: Final = "budwood-cassette-1"

_Failure = Literal["BadResponseError", "ConnectionFailedError", "RequestTimeoutError", "ResponseTooLargeError"]
"""What a transport may raise that a recording can hold."""

_KINDS: Final[dict[_Failure, type[BadResponseError | ConnectionFailedError]]] = {
    "BadResponseError": BadResponseError,
    "ConnectionFailedError": ConnectionFailedError,
    "ResponseTooLargeError": ResponseTooLargeError,
}


def _read_bytes(value: object) -> object:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and value.keys() == {"base64"} and isinstance(value["base64"], str):
        return b64decode(value["base64"], validate=True)
    return value


def _written_bytes(value: bytes) -> str | dict[str, str]:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(value).decode()}


Bytes = Annotated[bytes, BeforeValidator(_read_bytes), PlainSerializer(_written_bytes)]
"""Text where the bytes are UTF-8, ``{"base64": …}`` where they are not: either way every byte is kept."""


class RecordedCall(Record):
    """What was sent."""

    method: str
    url: str
    headers: Mapping[str, str] = Field(default_factory=dict)
    body: Bytes = b""


class RecordedReply(Record):
    """
    What came back.

    Attributes:
        status: The HTTP status.
        headers: Their names in lower case.
        body: In the pieces in which it came.
        seconds: When each piece came, since the call was sent; only where times were wanted.
        complete: Whether the caller read it to its end.
    """

    status: int
    headers: Mapping[str, str] = Field(default_factory=dict)
    body: tuple[Bytes, ...] = ()
    seconds: tuple[float, ...] | None = None
    complete: bool = True


class RecordedFailure(Record):
    """How a call, or the reading of its reply, failed."""

    error: _Failure
    message: str
    hint: str | None = None
    retryable: bool
    phase: Literal["connect", "head", "read", "attempt", "deadline"] | None = None

    @classmethod
    def of(cls, failure: ProviderError) -> RecordedFailure | None:
        """Describe a failure; None for one that no transport should raise."""
        name = next((kind.__name__ for kind in type(failure).__mro__ if kind.__name__ in get_args(_Failure)), None)
        if name is None:
            return None
        phase = failure.phase if isinstance(failure, RequestTimeoutError) else None
        return cls.model_validate(
            {
                "error": name,
                "message": failure.message,
                "hint": failure.hint,
                "retryable": failure.retryable,
                "phase": phase,
            }
        )

    def again(self) -> ProviderError:
        """Make the error anew."""
        failure: ProviderError
        if self.error == "RequestTimeoutError":
            failure = RequestTimeoutError(self.message, phase=self.phase or "read", hint=self.hint)
        else:
            failure = _KINDS[self.error](self.message, hint=self.hint)
        failure.retryable = self.retryable
        return failure


class Recording(Record):
    """One call with what became of it: a reply, a failure, or a reply that broke."""

    call: RecordedCall
    reply: RecordedReply | None = None
    failure: RecordedFailure | None = None

    def __str__(self) -> str:
        became = [str(self.reply.status)] if self.reply else []
        became += [self.failure.error] if self.failure else []
        return f"{self.call.method} {self.call.url} ({', '.join(became)})"


class _File(Record):
    """A cassette's content."""

    format: Literal["budwood-cassette-1"]
    recordings: tuple[Recording, ...]


class Tape:
    """
    Where recordings are gathered and written.

    Args:
        path: The file. It is replaced when the first call has ended, and again after each further one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places = 0
        self._recordings: dict[int, Recording] = {}

    def place(self) -> int:
        """Reserve a place for a call that begins: recordings are in the order in which calls were sent."""
        self._places += 1
        return self._places

    def change(self, changed: Callable[[Recording], Recording]) -> None:
        """Change all recordings so far; they are written with the next one."""
        self._recordings = {place: changed(recording) for place, recording in self._recordings.items()}

    def write(self, place: int, recording: Recording) -> None:
        """
        Add a recording, and write the file in one step.

        Raises:
            ConfigurationError: The file cannot be written.
        """
        self._recordings[place] = recording
        self._save(_File(format=FORMAT, recordings=tuple(one for _, one in sorted(self._recordings.items()))))

    def _save(self, content: _File) -> None:
        text = json.dumps(content.model_dump(exclude_none=True, exclude_defaults=True), indent=2, ensure_ascii=False)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_file_atomically(self.path, text + "\n")
        except OSError as error:
            raise ConfigurationError(
                f"The cassette {self.path} cannot be written: {error.strerror or error}.",
                hint="Name a file in a folder that can be written to.",
            ) from error


def load(path: Path) -> tuple[Recording, ...]:
    """
    Read a cassette.

    Raises:
        ConfigurationError: There is none, or it is not whole.
    """
    try:
        return _File.model_validate_json(path.read_bytes()).recordings
    except OSError as error:
        raise ConfigurationError(
            f"The cassette {path} cannot be read: {error.strerror or error}.", hint="Record it first."
        ) from error
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise ConfigurationError(
            f"{path} is no whole cassette: {'.'.join(map(str, detail['loc'])) or 'the file'}: {detail['msg']}.",
            hint="Restore it, or delete it and record anew.",
        ) from None
