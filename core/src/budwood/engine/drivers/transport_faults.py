"""Attribute errors in the code of a transport to its plugin."""

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
    Return the error to throw into a flow for a failed effect: `PluginFaultError` for an error in the transport's code.

    Args:
        failure: The error that performing the effect raised.
        effect: The effect.
        source: The plugin of the transport; None for one that the program supplied, whose errors are not converted.
    """
    method = _METHODS.get(type(effect))
    if source is None or method is None or isinstance(failure, Abandoned):
        return failure
    try:
        faults.call_boundary(source, method).convert(failure)
    except BudwoodError as fault:
        return fault
    return failure
