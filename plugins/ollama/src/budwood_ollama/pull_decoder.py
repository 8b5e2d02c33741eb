"""Decode the progress of ``/api/pull``: one JSON object a line. Source: Ollama's API description, ``StatusEvent``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from budwood.errors import ProviderError, StreamInterruptedError
from budwood.providing import parse_count
from budwood.types import PullProgress
from budwood.wire import NDJSONDecoder
from budwood_ollama.stream_decoder import Failure, parsed

_DONE: Final = "success"


class PullDecoder:
    """
    Decodes the progress of one model.

    Args:
        failure: Makes the error of a line that holds one: the status stays 200.
    """

    def __init__(self, *, failure: Failure) -> None:
        self._failure = failure
        self._lines = NDJSONDecoder()
        self._finished = False
        self._failed: ProviderError | None = None

    def feed(self, data: bytes) -> list[PullProgress]:
        """Decode what came; see `budwood.contracts.PullDecoder`."""
        return self._decoded(self._lines.feed(data))

    def close(self) -> list[PullProgress]:
        """Decode what is left; see `budwood.contracts.PullDecoder`."""
        progress = self._decoded(self._lines.close())
        if self._failed is not None:
            raise self._failed
        if not self._finished:
            raise StreamInterruptedError(
                "The server stopped before it had the whole model.", hint="Pull it again: it goes on where it was."
            )
        return progress

    def _decoded(self, lines: list[bytes]) -> list[PullProgress]:
        if self._failed is not None:
            raise self._failed
        progress: list[PullProgress] = []
        for line in lines:
            record = parsed(line)
            if record.get("error"):
                self._failed = self._failure(record)
                break
            progress.append(_progress(record))
        if self._failed is not None and not progress:
            raise self._failed
        self._finished = self._finished or any(step.status == _DONE for step in progress)
        return progress


def _progress(record: Mapping[str, Any]) -> PullProgress:
    """Read one line; where ``total`` stands and ``completed`` does not, Go has left out a 0."""
    total = parse_count(record.get("total"))
    completed = parse_count(record.get("completed"))
    return PullProgress(
        status=str(record.get("status") or ""),
        digest=record.get("digest") or None,
        completed=0 if completed is None and total is not None else completed,
        total=total,
    )
