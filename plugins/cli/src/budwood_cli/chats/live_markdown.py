"""
Markdown that is rendered at a terminal while it arrives.

Complete blocks, such as paragraphs and tables, are printed once and stay. Only the last block is drawn again. If it is
higher than the terminal, only its end is visible until it is complete. So nothing is lost when lines scroll away.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console
from rich.live import Live
from rich.segment import Segment, Segments

from budwood_cli import terminal
from budwood_cli.chats.markdown import THEME, Reply, find_last_block

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderResult

FRAME_SECONDS: Final = 0.08
"""The least time between two frames."""

WAITING: Final = "…"
"""What is shown before the first text."""


class LiveMarkdown:
    """
    Prints Markdown as it arrives. Use it in a ``with`` block, whose end prints what is left.

    A thread draws, so that the terminal also shows the last text before a pause of the model.
    """

    def __init__(self) -> None:
        self._console = Console(file=sys.stdout, theme=THEME, highlight=False)
        self._lock = threading.Lock()
        self._pending = ""
        self._has_printed = False
        self._is_changed = threading.Event()
        self._is_ending = threading.Event()
        self._error: Exception | None = None
        self._live = Live(
            self,
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="visible",
        )
        self._thread = threading.Thread(target=self._draw_frames, name="budwood-markdown", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._live.start(refresh=True)
            self._thread.start()
        except BaseException:
            self._live.stop()  # shows the cursor again
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_ending.set()
        self._is_changed.set()
        try:
            self._thread.join()
        finally:
            pending, self._pending = self._pending, ""
            self._live.stop()  # also shows the cursor again
        self._print(pending)
        if self._error is not None and error is None:
            raise self._error

    @property
    def is_empty(self) -> bool:
        """Whether there was no text yet."""
        return not self._has_printed and not self._pending

    def add(self, text: str) -> None:
        """Add text. Control characters are escaped."""
        if self._error is not None:
            raise self._error
        with self._lock:
            self._pending += terminal.escape(text)
        self._is_changed.set()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render the end of the last block, as far as it fits the terminal."""
        if self.is_empty and not self._is_ending.is_set():
            yield Segment(WAITING)
            return
        lines = list(self._render(self._pending))
        for line in lines[-max(options.size.height - 1, 1) :]:
            yield from line
            yield Segment.line()

    def _draw_frames(self) -> None:
        try:
            while not self._is_ending.is_set():
                self._is_changed.wait()
                self._is_changed.clear()
                started = time.monotonic()
                self._draw_frame()
                drawn = time.monotonic() - started
                self._is_ending.wait(max(FRAME_SECONDS, 3 * drawn))  # a long block takes time from reading the text
        except Exception as error:  # noqa: BLE001 - raised in the thread that adds text
            self._error = error

    def _draw_frame(self) -> None:
        with self._lock:
            text = self._pending
        start = find_last_block(text)
        with self._lock:
            self._pending = self._pending[start:]
        if text[:start].strip():
            self._print(text[:start])
        self._live.refresh()

    def _print(self, text: str) -> None:
        """Print complete blocks, above the last one."""
        lines = list(self._render(text))
        if lines:
            self._has_printed = True
            segments = (segment for line in lines for segment in (*line, Segment.line()))
            self._console.print(Segments(segments), end="")

    def _render(self, text: str) -> Iterator[list[Segment]]:
        """Yield the lines of a text, after an empty line if it follows other blocks."""
        lines = [list(_without_padding(line)) for line in self._console.render_lines(Reply(text), pad=False)]
        filled = [number for number, line in enumerate(lines) if line]
        if filled:
            yield from [[]] if self._has_printed else []
            yield from lines[filled[0] : filled[-1] + 1]


def _without_padding(line: Iterable[Segment]) -> Iterator[Segment]:
    """Yield a line without spaces at its end, which would be copied, and would wrap in a narrower window."""
    segments = list(line)
    while segments and not segments[-1].text.rstrip():
        segments.pop()
    if segments:
        last = segments.pop()
        yield from segments
        yield Segment(last.text.rstrip(), last.style)
