"""
What vendors count, beside what we estimate: learned from the usage of replies, kept in the client's memory alone.

A reply leaves its request here and nothing else happens; the requests are estimated when someone wants a count.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from budwood.providing import count_characters
from budwood.types import ImagePart, ReasoningPart, ToolResultPart, VendorPart

if TYPE_CHECKING:
    from budwood.providing import TokenEstimate
    from budwood.types import ChatRequest

WAITING: Final = 8
"""How many requests of a model wait to be estimated; further ones are not kept."""

MOST_CHARACTERS: Final = 200_000
"""Longer requests are not kept, to bound the memory."""

MAX_COUNT: Final = 100_000_000
"""A larger count is a fault of the server."""

LEAST_TOKENS: Final = 100.0
"""In shorter requests most tokens are overhead, not text."""

WEIGHT: Final = 0.2
"""How much the latest request counts in the mean."""

BOUND: Final = math.log(4)
"""Nothing is taken for more than four times, or less than a quarter, of what we estimate."""

ENOUGH: Final = 3
"""The number of requests after which the bounds narrow."""

MARGIN: Final = 0.10
"""They never come nearer than a tenth."""

LONGER: Final = 4.0
"""A correction applies to requests up to this many times as long as the longest one it was learned from."""


_NO_TEXT: Final = (ImagePart, ReasoningPart, VendorPart)


class Calibration:
    """The ratios of counted to estimated tokens, by endpoint and model. Safe to use from several threads."""

    def __init__(self) -> None:
        self._ratios: dict[tuple[str, str, bool], _Ratio] = {}
        self._lock = threading.Lock()

    def learn(self, endpoint: str, request: ChatRequest, counted: int | None) -> None:
        """Keep a request with what its vendor counted, where that tells something: text, and not too much of it."""
        key = (endpoint, request.model, bool(request.tools or request.vendor_tools or request.output_schema))
        ratio = self._ratios.get(key)
        if ratio is not None and len(ratio.waiting) == WAITING:
            return  # enough until someone asks for an estimate: nearly all programs never do
        if not counted or not 0 < counted <= MAX_COUNT or not _is_text(request):
            return
        if ratio is None:
            with self._lock:
                ratio = self._ratios.setdefault(key, _Ratio())
        ratio.waiting.append((request, counted))

    def applied(self, endpoint: str, request: ChatRequest, estimate: TokenEstimate) -> TokenEstimate | None:
        """Correct an estimate by what was learned; None where nothing was that holds for this request."""
        if not _is_text(request):
            return None
        with self._lock:
            ratio = self._ratios.get(_key(endpoint, request))
            if ratio is None:
                return None
            ratio.take_in()
            return ratio.applied(estimate)


class _Ratio:
    """
    The ratio of one kind of request, as an exponentially weighted mean of its logarithm.

    ``spread`` is the same of its distance from the mean.
    """

    def __init__(self) -> None:
        self.waiting: deque[tuple[ChatRequest, int]] = deque(maxlen=WAITING)
        self.count = 0
        self.mean = 0.0
        self.spread = 0.0
        self.longest = 0.0

    def take_in(self) -> None:
        from budwood.providing import estimate_request

        for _ in range(len(self.waiting)):
            request, counted = self.waiting.popleft()
            estimated = estimate_request(request).tokens
            if estimated >= LEAST_TOKENS:
                self._add(max(-BOUND, min(BOUND, math.log(counted / estimated))))
                self.longest = max(self.longest, estimated)

    def _add(self, value: float) -> None:
        self.count += 1
        weight = max(WEIGHT, 1 / self.count)  # the first ones are a plain mean
        distance = abs(value - self.mean) if self.count > 1 else 0.0
        self.mean += weight * (value - self.mean)
        self.spread += weight * (distance - self.spread)

    def applied(self, estimate: TokenEstimate) -> TokenEstimate | None:
        if not self.count or not LEAST_TOKENS <= estimate.tokens <= LONGER * self.longest:
            return None
        tokens = estimate.tokens * math.exp(self.mean)
        if self.count < ENOUGH:
            return estimate._replace(low=min(estimate.low, tokens), tokens=tokens, high=max(estimate.high, tokens))
        margin = math.exp(max(MARGIN, 3 * self.spread))
        low = max(estimate.low, tokens / margin) if estimate.low < tokens else tokens / margin
        high = min(estimate.high, tokens * margin) if estimate.high > tokens else tokens * margin
        return estimate._replace(low=low, tokens=tokens, high=high)


def _key(endpoint: str, request: ChatRequest) -> tuple[str, str, bool]:
    """Tell apart what has tools or a schema, around which vendors put much."""
    return endpoint, request.model, bool(request.tools or request.vendor_tools or request.output_schema)


def _is_text(request: ChatRequest) -> bool:
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, _NO_TEXT) or (isinstance(part, ToolResultPart) and part.images):
                return False
    return count_characters(request.messages) <= MOST_CHARACTERS
