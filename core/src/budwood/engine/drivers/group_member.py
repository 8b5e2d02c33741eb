"""One of the flows that the blocking driver runs in parallel, each in its own thread."""

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

_INTERRUPTIBLE: Final = frozenset({Open, Read, ReadAll, Save})
"""Effects that `Transport.interrupt` ends."""


class GroupMember:
    """
    One flow of a group.

    Attributes:
        index: Its position among the flows.
        handlers: Perform its effects.
        signal: A latch that ends the flow's wait when it is set; None if no latch does any more.
        value: The result of the flow.
        error: The error that the flow ended with.
    """

    def __init__(self, group: Group, index: int, flow: Flow[Any]) -> None:
        self.index = index
        self.handlers = group.driver.effect_handlers(self)
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
            self.value = self._context.run(self._group.driver.run_member, self._flow, self)
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller that waits for the flow
            self.error = error
        with self._lock:  # from here on, the thread must not be interrupted: it may run another flow
            self._thread = None

    def start_effect(self, effect: Effect) -> None:
        """
        Record the effect that the flow is about to perform.

        Raises:
            Abandoned: The caller has left.
        """
        self._effect = type(effect)  # before the signal is read, because the code that sets it reads this afterwards
        if self.signal is not None and self.signal.is_set:
            raise Abandoned

    def convert_failure(self, failure: BaseException) -> BaseException:
        """Return the error to throw into the flow: if the caller has left, `Abandoned`, caused by the failure."""
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

    def is_waiting_for_server(self) -> bool:
        """Tell whether it waits for a server and does not know yet that it was abandoned."""
        return self._thread is not None and self.signal is self._group.abandoned and self._effect in _INTERRUPTIBLE

    def interrupt(self) -> None:
        """End the wait of the thread, unless the flow knows that it was abandoned and is cleaning up."""
        with self._lock:
            if (
                self._thread is None
                or self.signal is None
                or not self.signal.is_set
                or self._effect not in _INTERRUPTIBLE
            ):
                return
            with contextlib.suppress(BudwoodError):  # the client was closed, which ends all waits
                self._group.driver.interrupt(self._thread)

    def result(self) -> Any:  # noqa: ANN401 - any result of a flow
        """Return the result of the flow, or raise its error."""
        error, self.error = self.error, None
        if error is None:
            return self.value
        try:
            raise error
        finally:
            del error  # its traceback refers to this frame
