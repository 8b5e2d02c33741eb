"""The drawing of a progress bar at a terminal whose width may change."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, RenderResult
from rich.control import Control
from rich.live_render import LiveRender
from rich.segment import Segment


class ReflowedRender(LiveRender):
    """
    Erases all rows of the last drawing, also if the terminal was made narrower since and has broken its lines.

    Args:
        console: The terminal.
    """

    def __init__(self, console: Console) -> None:
        super().__init__("")
        self._console = console
        self._widths: list[int] = []

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        segments = [item for item in super().__rich_console__(console, options) if isinstance(item, Segment)]
        self._widths = [Segment.get_line_length(line) for line in Segment.split_lines(segments)]
        yield from segments

    def position_cursor(self) -> Control:
        """Return the codes that erase the drawing, and move the cursor to its beginning."""
        self._count_rows()
        return super().position_cursor()

    def restore_cursor(self) -> Control:
        """Return the codes that erase the drawing at the end."""
        self._count_rows()
        return super().restore_cursor()

    def _count_rows(self) -> None:
        if self._shape is not None:
            width = max(self._console.width, 1)
            rows = sum(max(-(-length // width), 1) for length in self._widths)
            self._shape = (self._shape[0], max(rows, 1))
