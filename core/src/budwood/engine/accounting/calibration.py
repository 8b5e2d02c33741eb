"""
Calibrate estimates of token counts by the usage that vendors report. The data are kept in memory only.

A reply only stores its request here; the request is estimated when a count is requested.
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

MAX_WAITING: Final = 8
"""The maximum number of stored requests per model that were not estimated yet."""

MAX_CHARACTERS: Final = 200_000
"""Longer requests are not stored, to limit the memory."""

MAX_COUNT: Final = 100_000_000
"""A larger count is a fault of the server."""

MIN_TOKENS: Final = 100.0
"""Most tokens of shorter requests are overhead, not text."""

WEIGHT: Final = 0.2
"""The weight of the latest request in the mean."""

MAX_CORRECTION: Final = math.log(4)
"""Counts are limited to between a quarter and four times the estimate."""

MIN_REQUESTS: Final = 3
"""The number of requests after which the bounds become narrower."""

MIN_MARGIN: Final = 0.10
"""The minimum margin of the bounds."""

MAX_LENGTH_RATIO: Final = 4.0
"""A correction applies to requests of up to this multiple of the longest one that it was learned from."""


_NO_TEXT: Final = (ImagePart, ReasoningPart, VendorPart)


class Calibration:
    """The ratios of counted to estimated tokens, by endpoint and model. Safe to use from several threads."""

    def __init__(self) -> None:
        self._ratios: dict[tuple[str, str, bool], _Ratio] = {}
        self._lock = threading.Lock()

    def learn(self, endpoint: str, request: ChatRequest, counted: int | None) -> None:
        """Store a request and the vendor's count, if the request contains only text and is not too long."""
        key = (endpoint, request.model, bool(request.tools or request.vendor_tools or request.output_schema))
        ratio = self._ratios.get(key)
        if ratio is not None and len(ratio.waiting) == MAX_WAITING:
            return  # enough until an estimate is requested, which few programs do
        if not counted or not 0 < counted <= MAX_COUNT or not _is_text(request):
            return
        if ratio is None:
            with self._lock:
                ratio = self._ratios.setdefault(key, _Ratio())
        ratio.waiting.append((request, counted))

    def correct(self, endpoint: str, request: ChatRequest, estimate: TokenEstimate) -> TokenEstimate | None:
        """Correct an estimate; return None if no correction for such requests was learned."""
        if not _is_text(request):
            return None
        with self._lock:
            ratio = self._ratios.get(_key(endpoint, request))
            if ratio is None:
                return None
            ratio.update()
            return ratio.correct(estimate)


class _Ratio:
    """
    The ratio for one kind of request, as an exponentially weighted mean of its logarithm.

    ``spread`` is the weighted mean of its distance from that mean.
    """

    def __init__(self) -> None:
        self.waiting: deque[tuple[ChatRequest, int]] = deque(maxlen=MAX_WAITING)
        self.count = 0
        self.mean = 0.0
        self.spread = 0.0
        self.longest = 0.0

    def update(self) -> None:
        """Estimate the stored requests, and add their ratios."""
        from budwood.providing import estimate_request

        for _ in range(len(self.waiting)):
            request, counted = self.waiting.popleft()
            estimated = estimate_request(request).tokens
            if estimated >= MIN_TOKENS:
                self._add(max(-MAX_CORRECTION, min(MAX_CORRECTION, math.log(counted / estimated))))
                self.longest = max(self.longest, estimated)

    def _add(self, value: float) -> None:
        self.count += 1
        weight = max(WEIGHT, 1 / self.count)  # the first ones have equal weights
        distance = abs(value - self.mean) if self.count > 1 else 0.0
        self.mean += weight * (value - self.mean)
        self.spread += weight * (distance - self.spread)

    def correct(self, estimate: TokenEstimate) -> TokenEstimate | None:
        """Correct an estimate; return None if the request is too short or too long."""
        if not self.count or not MIN_TOKENS <= estimate.tokens <= MAX_LENGTH_RATIO * self.longest:
            return None
        tokens = estimate.tokens * math.exp(self.mean)
        if self.count < MIN_REQUESTS:
            return estimate._replace(low=min(estimate.low, tokens), tokens=tokens, high=max(estimate.high, tokens))
        margin = math.exp(max(MIN_MARGIN, 3 * self.spread))
        low = max(estimate.low, tokens / margin) if estimate.low < tokens else tokens / margin
        high = min(estimate.high, tokens * margin) if estimate.high > tokens else tokens * margin
        return estimate._replace(low=low, tokens=tokens, high=high)


def _key(endpoint: str, request: ChatRequest) -> tuple[str, str, bool]:
    """Return the kind of a request. Vendors add many tokens around tools and schemas."""
    return endpoint, request.model, bool(request.tools or request.vendor_tools or request.output_schema)


def _is_text(request: ChatRequest) -> bool:
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, _NO_TEXT) or (isinstance(part, ToolResultPart) and part.images):
                return False
    return count_characters(request.messages) <= MAX_CHARACTERS
