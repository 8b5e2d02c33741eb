"""The keys of an endpoint: which one an attempt uses, and which are out of use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from budwood import logs
from budwood.engine.keys.queue import KeyQueue
from budwood.engine.keys.record import KeyRecord
from budwood.errors import AuthenticationError, ProviderError, QuotaExhaustedError, RateLimitError

if TYPE_CHECKING:
    from random import Random

    from budwood.engine.endpoints.credentials import Lease
    from budwood.engine.keys.groups import KeyGroup, KeyGroups
    from budwood.engine.keys.queue import Waiter
    from budwood.types import RateLimits

NOTHING_AVOIDED: Final[Mapping[str, float]] = MappingProxyType({})

FREE_REJECTIONS: Final = 2
"""A rate limit counts as a retry once all groups have had this many in a row, and no success."""


class Key:
    """
    One key of a pool.

    Attributes:
        lease: The key, as attempts use it.
        group: The group that it shares its quota with.
        record: What is known of it.
        used: When it was used last, as a number of `KeyGroups.next_number`.
    """

    __slots__ = ("group", "lease", "record", "used")

    def __init__(self, lease: Lease, group: KeyGroup) -> None:
        self.lease = lease
        self.group = group
        self.record = KeyRecord()
        self.used = 0

    @property
    def is_rejected(self) -> bool:
        """Whether the vendor does not accept it."""
        return self.record.status == "rejected"


class Grant(NamedTuple):
    """A key that an attempt uses, and the number of the attempt."""

    key: Key
    number: int


class KeyPool:
    """
    The keys of one endpoint, shared by all clients of the process with the same settings and keys. Thread-safe.

    Args:
        name: The name of the endpoint, for logs and errors.
        keys: The keys.
        groups: The groups of the process.

    Attributes:
        has_several_quotas: Whether its keys belong to more than one group.
    """

    def __init__(self, name: str, keys: Iterable[Key], groups: KeyGroups) -> None:
        self.name: Final = name
        self.keys: Final = tuple(keys)
        self._groups = groups
        self._by_name = {key.group.name: key.group for key in self.keys}
        self.has_several_quotas: Final = len(self._by_name) > 1
        self._refusal: ProviderError | None = None
        self._queue = KeyQueue()

    def reset(self) -> None:
        """Forget everything; `KeyGroups.reset` makes the lock anew."""
        self._refusal = None
        self._queue = KeyQueue()
        for key in self.keys:
            key.used = 0
            key.record.reset()
            key.group.reset()

    def group(self, name: str) -> KeyGroup | None:
        """Return a group of its keys."""
        return self._by_name.get(name)

    def only(self, group: str) -> KeyPool:
        """Return a pool of the keys of one group, with the same state but a queue of its own."""
        return KeyPool(self.name, [key for key in self.keys if key.group.name == group], self._groups)

    def next_group(self, now: float, tried: Sequence[str] = ()) -> str | None:
        """Return the group that can be used first, of equal ones the least recently used; None if none is left."""
        with self._groups.lock:
            left = {key.group.name: key.group for key in self._accepted() if key.group.name not in tried}
            return min(left, key=lambda name: (left[name].ready_at(now), left[name].used), default=None)

    def acquire(
        self,
        now: float,
        preferred: Sequence[str] = (),
        avoided: Mapping[str, float] = NOTHING_AVOIDED,
        waiter: Waiter | None = None,
    ) -> Grant | None:
        """
        Return the key to use now: of the least recently used group with room, its least recently used key.

        Args:
            now: The time, by the monotonic clock.
            preferred: The names of groups that are used before others.
            avoided: Groups that are used after others, with the seconds after which they can be used.
            waiter: The place in the queue of an attempt that waits.

        Returns:
            The key; None if others wait, or if all keys are rejected, exhausted, or rest.
        """
        with self._groups.lock:
            if self._queue.first is not waiter:
                return None
            ready = self._ready(now)
            if not ready:
                return None

            def order(key: Key) -> tuple[float, int, int, int]:
                name = key.group.name
                rank = preferred.index(name) if name in preferred else len(preferred)
                return avoided.get(name, -1.0), rank, key.group.used, key.used

            key = min(ready, key=order)
            key.used = number = self._groups.next_number()
            key.group.take(number, now)
            return Grant(key, number)

    def give_back(self, grant: Grant) -> None:
        """Give back the key of an attempt that is not sent."""
        with self._groups.lock:
            grant.key.group.give_back()

    def has_others(self, group: str, now: float) -> bool:
        """Tell whether a key of another group can be used now."""
        with self._groups.lock:
            return any(key.group.name != group for key in self._ready(now))

    def _ready(self, now: float) -> list[Key]:
        return [key for key in self._accepted() if key.group.ready_at(now) <= now]

    def ready_in(self, now: float) -> float | None:
        """Return the seconds until the first key can be used; None if all are rejected or exhausted."""
        with self._groups.lock:
            times = [key.group.ready_at(now) for key in self._accepted()]
        return min(times) - now if times else None

    def join(self) -> Waiter:
        """Let an attempt wait. Attempts get keys in the order in which they joined."""
        with self._groups.lock:
            return self._queue.join()

    def begin_turn(self, waiter: Waiter, ready: float, now: float) -> bool:
        """
        Return whether it is the turn of an attempt that waits.

        Args:
            waiter: Its place in the queue.
            ready: When the next key can be used.
            now: The time. Both are by the monotonic clock.
        """
        with self._groups.lock:
            if self._queue.first is waiter:
                waiter.due = ready
                return True
            stalled = self._queue.pass_stalled(now)
        if stalled is not None:
            stalled.wake()
        return False

    def leave(self, waiter: Waiter) -> None:
        """End the wait of an attempt, and wake the next one."""
        with self._groups.lock:
            following = self._queue.leave(waiter)
        if following is not None:
            following.wake()

    def is_spent(self) -> bool:
        """Tell whether all keys are rejected or exhausted."""
        with self._groups.lock:
            return not self._accepted()

    def is_limited(self) -> bool:
        """Tell whether all keys that are in use were limited several times without a success."""
        with self._groups.lock:
            return all(key.group.rejections >= FREE_REJECTIONS for key in self._accepted())

    def _accepted(self) -> list[Key]:
        return [key for key in self.keys if not key.is_rejected and not key.group.is_exhausted]

    def record_limits(self, group: str, limits: RateLimits | None, now: float) -> None:
        """Record the rate limits in the headers of a reply."""
        if limits is not None and group in self._by_name:
            with self._groups.lock:
                self._by_name[group].record_limits(limits, now)

    def succeed(self, grant: Grant, tokens: int | None) -> None:
        """Record a reply, and the tokens that it used."""
        with self._groups.lock:
            record = grant.key.record
            record.calls += 1
            record.tokens += tokens or 0
            grant.key.group.succeed(grant.number, tokens)

    def fail(self, grant: Grant, error: ProviderError, limits: RateLimits | None, now: float, chance: Random) -> None:
        """
        Record an error, without secrets: a rejected key is not used again, a limited or exhausted group rests.

        Args:
            grant: The key that was used.
            error: The error.
            limits: The rate limits in its headers.
            now: The time, by the monotonic clock.
            chance: Yields the jitter.
        """
        key, event = grant.key, None
        with self._groups.lock:
            key.record.calls += 1
            key.record.last_error = type(error).__name__
            if isinstance(error, AuthenticationError):
                event = None if key.is_rejected else "key rejected"
                key.record.status = "rejected"
            elif isinstance(error, QuotaExhaustedError):
                event = None if key.group.is_exhausted else "quota exhausted"
                key.group.is_exhausted = True
            elif isinstance(error, RateLimitError):
                key.group.rest(error, limits, (grant.number, self._groups.next_number()), now, chance)
            if isinstance(error, AuthenticationError | QuotaExhaustedError):
                self._refusal = _copy(error)
        if event is not None:
            logs.emit(event, level="warning", endpoint=self.name, key=key.lease.credential.label)

    def refusal(self) -> ProviderError:
        """Return the last vendor's error, for an attempt when all keys are rejected or exhausted."""
        error = self._refusal
        if error is None:  # the other endpoints of a group exhausted it
            error = QuotaExhaustedError("The quota of all keys is used up.")
        error = _copy(error)
        error.hint = self.describe_refusal()
        return error

    def describe_refusal(self) -> str:
        """Return what to do when all keys are rejected or exhausted."""
        return (
            f"All {len(self.keys)} keys of {self.name} are rejected, or their quota is exhausted. Add another key, or "
            "call client.reset_keys() once these can be used again."
        )

    def restore(self) -> None:
        """Use rejected keys and exhausted groups again."""
        with self._groups.lock:
            for key in self.keys:
                key.record.restore()
                key.group.restore()
            first = self._queue.first
        if first is not None:
            first.wake()


def _copy(error: ProviderError) -> ProviderError:
    """Return an error of the same class without its traceback, which refers to the request."""
    return type(error)(error.message, hint=error.hint, status=error.status, code=error.code, param=error.param)
