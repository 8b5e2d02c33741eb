"""One of the flows that the blocking driver runs side by side, in a thread of its own."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from typing import TYPE_CHECKING, Any, Final

from budwood.engine.drivers.effects import Abandoned, Effect, Flow, Open, Read, ReadAll, Save
from budwood.engine.drivers.latch import Latch
from budwood.errors import BudwoodError

if TYPE_CHECKING:
    from budwood.engine.drivers.groups import Group

_SENDING: Final = frozenset({Open, Read, ReadAll, Save})
"""Effects that `Transport.interrupt` ends."""


class Side:
    """
    One flow of a group.

    Attributes:
        place: Its number among the flows.
        perform: Performs its effects.
        signal: Ends what the flow waits for once it is set, or None if nothing does any more.
        value: The flow's result.
        error: What the flow ended with instead.
    """

    def __init__(self, group: Group, place: int, flow: Flow[Any]) -> None:
        self.place = place
        self.perform = group.driver.performers(self)
        self.signal: Latch | None = group.abandoned
        self.value: Any = None
        self.error: BaseException | None = None
        self._group = group
        self._flow = flow
        self._context = contextvars.copy_context()
        self._lock = threading.Lock()
        self._thread: int | None = None
        self._effect: type[Effect] | None = None

    def run(self) -> None:
        """Perform the flow in this thread, to its end."""
        if self._group.abandoned.is_set:
            self.error = Abandoned()
            return
        self._thread = threading.get_ident()
        try:
            self.value = self._context.run(self._group.driver.finish_side, self._flow, self)
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller that waits for the flow
            self.error = error
        with self._lock:  # from here on the thread is not interrupted: it works for others
            self._thread = None

    def enter(self, effect: Effect) -> None:
        """
        Note what the flow is about to do.

        Raises:
            Abandoned: Its caller has left.
        """
        self._effect = type(effect)  # before the signal is read: the code that sets it reads this afterwards
        if self.signal is not None and self.signal.is_set:
            raise Abandoned

    def fail(self, failure: BaseException) -> BaseException:
        """Return what to throw into the flow: if its caller has left, `Abandoned` in place of what that led to."""
        signal = self.signal
        if signal is None or not signal.is_set:
            return failure
        with self._lock:
            self.signal = self._group.overdue if signal is self._group.abandoned else None
        if isinstance(failure, Abandoned):
            return failure
        abandoned = Abandoned()
        abandoned.__cause__ = failure
        return abandoned

    def is_sending(self) -> bool:
        """Tell whether it has yet to learn that it was abandoned, and waits for a server until then."""
        return self._thread is not None and self.signal is self._group.abandoned and self._effect in _SENDING

    def interrupt(self) -> None:
        """End what the thread waits for, unless the flow knows and cleans up."""
        with self._lock:
            if self._thread is None or self.signal is None or not self.signal.is_set or self._effect not in _SENDING:
                return
            with contextlib.suppress(BudwoodError):  # the client was closed, which ends all waiting
                self._group.driver.interrupt(self._thread)

    def result(self) -> Any:  # noqa: ANN401 - whatever the flow returned
        """Return what the flow returned, or raise what it raised."""
        error, self.error = self.error, None
        if error is None:
            return self.value
        try:
            raise error
        finally:
            del error  # its traceback holds this frame
