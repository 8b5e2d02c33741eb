"""What is known of one key or token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budwood.errors import AuthenticationError, QuotaExhaustedError, RateLimitError

if TYPE_CHECKING:
    from budwood.types.endpoints import KeyStatus


class KeyRecord:
    """
    What is known of one key or token, for reports.

    Attempts write into it directly: a lost count among threads is acceptable, a lock for each attempt is not.

    Attributes:
        calls: The attempts with the key.
        tokens: The tokens that they used.
        status: Whether it was accepted last.
        last_error: The class of its last error.
        ready_at: The end of a rate limit, by the monotonic clock.
    """

    __slots__ = ("calls", "last_error", "ready_at", "status", "tokens")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.calls = 0
        self.tokens = 0
        self.last_error: str | None = None
        self.restore()

    def restore(self) -> None:
        """Forget that the key was rejected, or its quota exhausted."""
        self.status: KeyStatus = "ready"
        self.ready_at = 0.0

    def record_error(self, error: BaseException, now: float) -> None:
        """Record an attempt that failed."""
        self.calls += 1
        self.last_error = type(error).__name__
        match error:
            case AuthenticationError():
                self.status = "rejected"
            case QuotaExhaustedError():
                self.status = "exhausted"
            case RateLimitError():
                self.status, self.ready_at = "limited", now + (error.retry_after or 0.0)
            case _:
                pass
