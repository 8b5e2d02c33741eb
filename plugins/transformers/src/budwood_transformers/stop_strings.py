"""End a reply before the first stop string."""

from __future__ import annotations

from collections.abc import Sequence


class StopStrings:
    """
    Returns the text before the first stop string, which may be split over several chunks.

    Attributes:
        found: The stop string that was found, or None.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._pending_text = ""
        self.found: str | None = None

    def add(self, text: str) -> str:
        """Add a chunk, and return the text that is certain to come before any stop string."""
        if self.found is not None:
            return ""
        self._pending_text += text
        matches = [(index, stop) for stop in self._stops if (index := self._pending_text.find(stop)) >= 0]
        if matches:
            end, self.found = min(matches)
            output, self._pending_text = self._pending_text[:end], ""
            return output
        end = len(self._pending_text) - self._partial_match_length()
        output, self._pending_text = self._pending_text[:end], self._pending_text[end:]
        return output

    def close(self) -> str:
        """Return the remaining text at the end of the reply."""
        remaining, self._pending_text = self._pending_text, ""
        return remaining

    def _partial_match_length(self) -> int:
        """Return the length of the longest suffix of the text that is a prefix of a stop string."""
        longest = max(map(len, self._stops), default=1) - 1
        for length in range(min(longest, len(self._pending_text)), 0, -1):
            if any(stop.startswith(self._pending_text[-length:]) for stop in self._stops):
                return length
        return 0
