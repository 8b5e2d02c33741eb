"""The file format of cassettes: requests and replies as readable JSON."""

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
"""The errors of transports that can be recorded."""

_KINDS: Final[dict[_Failure, type[BadResponseError | ConnectionFailedError]]] = {
    "BadResponseError": BadResponseError,
    "ConnectionFailedError": ConnectionFailedError,
    "ResponseTooLargeError": ResponseTooLargeError,
}


def _parse_bytes(value: object) -> object:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and value.keys() == {"base64"} and isinstance(value["base64"], str):
        return b64decode(value["base64"], validate=True)
    return value


def _serialize_bytes(value: bytes) -> str | dict[str, str]:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(value).decode()}


Bytes = Annotated[bytes, BeforeValidator(_parse_bytes), PlainSerializer(_serialize_bytes)]
"""Text if the bytes are UTF-8, otherwise ``{"base64": …}``; all bytes are preserved."""


class RecordedCall(Record):
    """A request."""

    method: str
    url: str
    headers: Mapping[str, str] = Field(default_factory=dict)
    body: Bytes = b""


class RecordedReply(Record):
    """
    A reply.

    Attributes:
        status: The HTTP status.
        headers: The headers, with names in lower case.
        body: The chunks of the body.
        seconds: When each chunk arrived, in seconds since the request; None if times were not recorded.
        complete: Whether the caller read the reply to its end.
    """

    status: int
    headers: Mapping[str, str] = Field(default_factory=dict)
    body: tuple[Bytes, ...] = ()
    seconds: tuple[float, ...] | None = None
    complete: bool = True


class RecordedFailure(Record):
    """The failure of a call, or of reading its reply."""

    error: _Failure
    message: str
    hint: str | None = None
    retryable: bool
    phase: Literal["connect", "head", "read", "attempt", "deadline"] | None = None

    @classmethod
    def from_error(cls, failure: ProviderError) -> RecordedFailure | None:
        """Return the recording of an error, or None if transports do not raise such errors."""
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

    def to_error(self) -> ProviderError:
        """Return a new error like the recorded one."""
        failure: ProviderError
        if self.error == "RequestTimeoutError":
            failure = RequestTimeoutError(self.message, phase=self.phase or "read", hint=self.hint)
        else:
            failure = _KINDS[self.error](self.message, hint=self.hint)
        failure.retryable = self.retryable
        return failure


class Recording(Record):
    """A call with its reply, its failure, or both if reading the reply failed."""

    call: RecordedCall
    reply: RecordedReply | None = None
    failure: RecordedFailure | None = None

    def __str__(self) -> str:
        outcome = [str(self.reply.status)] if self.reply else []
        outcome += [self.failure.error] if self.failure else []
        return f"{self.call.method} {self.call.url} ({', '.join(outcome)})"


class _File(Record):
    """The content of a cassette."""

    format: Literal["budwood-cassette-1"]
    recordings: tuple[Recording, ...]


class CassetteWriter:
    """
    Collects recordings and writes them to a file.

    Args:
        path: The file, which is replaced after each call.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last_position = 0
        self._recordings: dict[int, Recording] = {}

    def reserve_position(self) -> int:
        """Reserve the position of a call that starts: recordings have the order in which calls were sent."""
        self._last_position += 1
        return self._last_position

    def update_all(self, update: Callable[[Recording], Recording]) -> None:
        """Apply a function to all recordings so far; the next write includes the result."""
        self._recordings = {position: update(recording) for position, recording in self._recordings.items()}

    def write(self, position: int, recording: Recording) -> None:
        """
        Add a recording, and replace the file atomically.

        Raises:
            ConfigurationError: The file cannot be written.
        """
        self._recordings[position] = recording
        self._save(_File(format=FORMAT, recordings=tuple(one for _, one in sorted(self._recordings.items()))))

    def _save(self, content: _File) -> None:
        text = json.dumps(content.model_dump(exclude_none=True, exclude_defaults=True), indent=2, ensure_ascii=False)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_file_atomically(self.path, text + "\n")
        except OSError as error:
            raise ConfigurationError(
                f"Cannot write the cassette {self.path}: {error.strerror or error}.",
                hint="Use a path in a writable folder.",
            ) from error


def load(path: Path) -> tuple[Recording, ...]:
    """
    Read a cassette.

    Raises:
        ConfigurationError: The file cannot be read, or is invalid.
    """
    try:
        return _File.model_validate_json(path.read_bytes()).recordings
    except OSError as error:
        raise ConfigurationError(
            f"Cannot read the cassette {path}: {error.strerror or error}.",
            hint="Set BUDWOOD_CASSETTES=record and run the program to record it.",
        ) from error
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise ConfigurationError(
            f"Invalid cassette {path}: {'.'.join(map(str, detail['loc'])) or 'the file'}: {detail['msg']}.",
            hint="Restore the file, or delete it and record again.",
        ) from None
