"""The flows around an attempt that has budgets, several keys, or limits. Other attempts do not pass through them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from budwood.engine.budgets.flow import with_budgets
from budwood.engine.drivers.effects import Flow
from budwood.engine.keys.flow import with_key
from budwood.engine.limits.flow import with_limits
from budwood.engine.pipeline.attempt import Attempt

GUARDS: Final = (
    with_budgets,  # reserves the highest cost, settles the real one
    with_key,  # chooses a key that has room
    with_limits,  # waits until the limits have room
)


def guard(send: Callable[[Attempt], Flow[Any]]) -> Callable[[Attempt], Flow[Any]]:
    """Compose the guards around a flow."""
    for wrapper in reversed(GUARDS):
        send = wrapper(send)
    return send
