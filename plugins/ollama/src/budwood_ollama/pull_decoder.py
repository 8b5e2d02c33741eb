"""Decode the progress of ``/api/pull``, one JSON object per line. Source: Ollama's API description, ``StatusEvent``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from budwood.errors import ProviderError, StreamInterruptedError
from budwood.providing import parse_count
from budwood.types import PullProgress
from budwood.wire import NDJSONDecoder
from budwood_ollama.stream_decoder import MakeError, parse_line

_DONE: Final = "success"


class PullDecoder:
    """
    Decodes the progress of pulling one model.

    Args:
        make_error: Makes the error that a line reports; the status stays 200.
    """

    def __init__(self, *, make_error: MakeError) -> None:
        self._make_error = make_error
        self._lines = NDJSONDecoder()
        self._is_finished = False
        self._error: ProviderError | None = None

    def feed(self, data: bytes) -> list[PullProgress]:
        """Decode the next bytes; see `budwood.contracts.PullDecoder`."""
        return self._decode_lines(self._lines.feed(data))

    def close(self) -> list[PullProgress]:
        """Decode what remains at the end; see `budwood.contracts.PullDecoder`."""
        progress = self._decode_lines(self._lines.close())
        if self._error is not None:
            raise self._error
        if not self._is_finished:
            raise StreamInterruptedError(
                "The server stopped before the model was complete.", hint="Pull it again: the download resumes."
            )
        return progress

    def _decode_lines(self, lines: list[bytes]) -> list[PullProgress]:
        if self._error is not None:
            raise self._error
        progress: list[PullProgress] = []
        for line in lines:
            record = parse_line(line)
            if record.get("error"):
                self._error = self._make_error(record)
                break
            progress.append(_decode_progress(record))
        if self._error is not None and not progress:
            raise self._error
        self._is_finished = self._is_finished or any(step.status == _DONE for step in progress)
        return progress


def _decode_progress(record: Mapping[str, Any]) -> PullProgress:
    """Decode one line. With ``total`` but without ``completed``, the latter is 0, which Go leaves out."""
    total = parse_count(record.get("total"))
    completed = parse_count(record.get("completed"))
    return PullProgress(
        status=str(record.get("status") or ""),
        digest=record.get("digest") or None,
        completed=0 if completed is None and total is not None else completed,
        total=total,
    )
