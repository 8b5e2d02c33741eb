"""The fault boundary around the methods of transports, which the drivers call."""

from __future__ import annotations

from typing import Final

from budwood.engine.drivers.effects import Abandoned, Close, Effect, Open, Read, ReadAll, Save
from budwood.errors import BudwoodError
from budwood.plugins import faults
from budwood.plugins.faults import PluginSource

_METHODS: Final[dict[type[Effect], str]] = {
    Open: "open",
    Read: "read",
    ReadAll: "read_all",
    Save: "read",
    Close: "close",
}
"""The methods of a transport and its exchanges, by the effect that calls them."""


def convert(failure: BaseException, effect: Effect, source: PluginSource | None) -> BaseException:
    """
    Return what to throw into a flow for a failed effect: a fault of the transport's plugin as `PluginFaultError`.

    Args:
        failure: What performing the effect raised.
        effect: The effect.
        source: The plugin that the transport comes from; None for one that the program supplied, which is left alone.
    """
    method = _METHODS.get(type(effect))
    if source is None or method is None or isinstance(failure, Abandoned):
        return failure
    try:
        faults.calling(source, method).convert(failure)
    except BudwoodError as fault:
        return fault
    return failure
