"""What all clients of a process know together about endpoints: their health, their keys, and conversations."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from budwood.clock import SystemClock
from budwood.engine.endpoints.health import Health

if TYPE_CHECKING:
    from budwood.contracts import Clock, Limiter
    from budwood.engine.keys.groups import KeyGroups
    from budwood.engine.keys.pool import KeyPool

T = TypeVar("T")

_MAX_CONVERSATIONS: Final = 10_000
"""The number of conversations, and of stored responses, whose endpoints are remembered; see `Affinities`."""

_MAX_RECENT: Final = 1000
"""The number of endpoints and pools of keys that are remembered although no client has them."""


class Affinity(NamedTuple):
    """The endpoint with its model, as in `Target.name`, and the group of keys that answered a conversation."""

    endpoint: str
    group: str | None = None


class Affinities:
    """
    What answered conversations, or wrote stored responses, by their ids. Safe to use from threads.

    The least recently used is forgotten first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Affinity] = OrderedDict()

    def get(self, name: str) -> Affinity | None:
        """Return what answered last."""
        with self._lock:
            known = self._known.get(name)
            if known is not None:
                self._known.move_to_end(name)
            return known

    def set(self, name: str, affinity: Affinity) -> None:
        """Remember what answered."""
        with self._lock:
            self._known[name] = affinity
            self._known.move_to_end(name)
            if len(self._known) > _MAX_CONVERSATIONS:
                self._known.popitem(last=False)


class SharedState:
    """
    The state of endpoints, by the identity of their settings, which contains no secret. Safe to use from threads.

    Attributes:
        conversations: What answered conversations.
        responses: What wrote the responses that vendors store.
    """

    def __init__(self) -> None:
        self._healths: weakref.WeakValueDictionary[str, Health] = weakref.WeakValueDictionary()
        self._pools: weakref.WeakValueDictionary[str, KeyPool] = weakref.WeakValueDictionary()
        self._recent: OrderedDict[object, None] = OrderedDict()  # keeps parts that no client has at the moment
        self._groups: KeyGroups | None = None
        self._limiters: dict[str, Limiter] = {}
        self.reset()
        _states.add(self)

    def reset(self) -> None:
        """Forget everything. Endpoints keep the objects that they have."""
        self._lock = threading.RLock()
        self._rotations: dict[str, int] = {}
        self.conversations = Affinities()
        self.responses = Affinities()
        for part in (*self._healths.values(), self._groups, *self._pools.values(), *self._limiters.values()):
            reset = getattr(part, "reset", None)
            if reset is not None:
                reset()

    def health(self, identity: str) -> Health:
        """Return the health of an endpoint."""
        return self._get(self._healths, identity, Health)

    def pool(self, identity: str, create: Callable[[], KeyPool]) -> KeyPool:
        """Return the pool of keys of an endpoint; ``create`` makes it once."""
        return self._get(self._pools, identity, create)

    @property
    def key_groups(self) -> KeyGroups:
        """The groups of keys that share a quota."""
        from budwood.engine.keys.groups import KeyGroups  # only programs with several keys need it

        with self._lock:
            if self._groups is None:
                self._groups = KeyGroups()
            return self._groups

    def local_limiter(self, create: Callable[[], Limiter]) -> Limiter:
        """Return the limiter inside the process; ``create`` makes it once."""
        return self._get(self._limiters, "local", create)

    def next_rotation(self, identity: str) -> int:
        """Return how often a list of endpoints was used before."""
        with self._lock:
            number = self._rotations.get(identity, 0)
            self._rotations[identity] = number + 1
            return number

    def _get(self, parts: MutableMapping[str, T], identity: str, create: Callable[[], T]) -> T:
        with self._lock:
            part = parts.get(identity)
            if part is None:
                part = parts[identity] = create()
            self._recent[part] = None
            self._recent.move_to_end(part)
            if len(self._recent) > _MAX_RECENT:
                self._recent.popitem(last=False)
            return part


_states: Final[weakref.WeakSet[SharedState]] = weakref.WeakSet()
_by_id: Final[dict[int, tuple[weakref.ref[object], SharedState]]] = {}  # not by hash: dataclasses often have none
_lock = threading.RLock()


def find_state(clock: Clock, transport: object) -> SharedState:
    """
    Return the state that a client shares with others.

    Clients with a transport or a clock of their own, as in tests, share it only with clients that have the same one.

    Args:
        clock: The clock of the client.
        transport: The transport that was passed to it; a name or None for one that it creates.
    """
    own = transport if transport is not None and not isinstance(transport, str) else clock
    if type(own) is SystemClock:  # a subclass may show another time
        return _process_state
    with _lock:
        known = _by_id.get(id(own))
        if known is None:
            try:
                reference = weakref.ref(own, partial(_by_id.pop, id(own)))  # removes it when `own` is gone
            except TypeError:  # such as an object with slots
                return SharedState()
            known = _by_id[id(own)] = reference, SharedState()
        return known[1]


def reset_all() -> None:
    """Forget the state of all endpoints, for tests."""
    for state in tuple(_states):
        state.reset()


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - a thread of the parent process may have held it
    _lock = threading.RLock()
    reset_all()


_process_state: Final = SharedState()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
