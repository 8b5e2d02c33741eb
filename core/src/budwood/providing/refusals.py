"""
Parse messages that reject a parameter, and make the catalog row that avoids the error.

Messages are matched from the start, and only if status or code indicate an invalid request. The patterns here were
recorded from several vendors; patterns of a single vendor are in its `ErrorCodes.refusals`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from budwood.types import ModelRules

DROPPABLE: Final = frozenset(
    {
        "temperature",
        "top_p",
        "stop",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "reasoning_effort",
        "reasoning_budget",
        "parallel_tool_calls",
    }
)
"""
Parameters that can be dropped without changing the task. A limit of the output is not among them, since it
limits the cost; that it has another name can be learned.
"""

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

_NAME: Final = r"[\w.\[\]]+"

_REFUSALS: Final = (
    rf"Unsupported (?:parameters?|value)(?:\(s\))?: ['`\"]?({_NAME})",
    rf"(?:Unknown|Unrecognized) parameter: ['`\"]({_NAME})",
    r"['`\"]?([a-z_]+)['`\"]? is not supported (?:with|for|by) this model",
)
"""The start of messages that reject a parameter; compiled at the first error, since most programs never need them."""

_BOTH: Final = r"['`\"]?(\w+)['`\"]? and ['`\"]?(\w+)['`\"]? cannot both be specified"
_REPLACEMENT: Final = r"\bUse ['`\"](\w+)['`\"] instead\b"
_VALUE: Final = r"does not support (?:['`\"]?([\w.-]+)['`\"]? with this model|effort level ['`\"](\w+))"
_ONLY_DEFAULT: Final = r"\bOnly the default\b"
_SUPPORTED: Final = r"\bSupported (?:values|levels)(?: are)?: ([^.]+)"


def find_refused_parameter(message: str, others: Iterable[str] = ()) -> str | None:
    """
    Return the parameter that a message rejects, by the vendor's name; None if the message is about something else.

    Args:
        message: The vendor's message.
        others: Further regular expressions for the start of the message. Their first group is the parameter.
    """
    if both := re.match(_BOTH, message):
        return both[2]
    found = (re.match(form, message, re.IGNORECASE) for form in (*_REFUSALS, *others))
    return next((match[1] for match in found if match), None)


def make_rule(parameter: str | None, message: str) -> ModelRules | None:
    """
    Make the catalog row for a parameter that a server rejected.

    Args:
        parameter: The parameter, by our name.
        message: The vendor's message.

    Returns:
        None if the parameter can be neither renamed nor dropped, or if only its value was rejected and the message does
        not name a valid one.
    """
    if parameter is None:
        return None
    if both := re.match(_BOTH, message):
        return ModelRules(refuses_beside={both[2]: both[1]})
    if replacement := re.search(_REPLACEMENT, message):
        return ModelRules(renames={parameter: replacement[1]})
    value = re.search(_VALUE, message)
    if value is not None and not re.search(_ONLY_DEFAULT, message):
        return _effort_rule(value[1] or value[2], message) if parameter == "reasoning_effort" else None
    return make_refusal_rule(parameter) if parameter in DROPPABLE else None


def make_refusal_rule(*parameters: str) -> ModelRules:
    """Make the catalog row of a model that rejects parameters, whatever their value."""
    return ModelRules(refuses=frozenset(parameters))


def _effort_rule(rejected: str, message: str) -> ModelRules | None:
    supported = re.search(_SUPPORTED, message)
    effort = find_nearest_effort(rejected, re.findall(r"\w+", supported[1])) if supported else None
    return ModelRules(efforts={rejected.lower(): effort}) if effort else None


def find_nearest_effort(effort: str, supported: Iterable[str]) -> str | None:
    """
    Return the supported effort nearest to a rejected one: the lower of two, and ``none`` only if it is the only one.

    Returns:
        None if the effort, or all that are supported, are unknown to us.
    """
    names = set(map(str.lower, supported))
    known = [one for one in EFFORTS if one in names]
    if effort.lower() not in EFFORTS or not known:
        return None
    place = EFFORTS.index(effort.lower())
    return min(known, key=lambda one: (one == "none", abs(EFFORTS.index(one) - place)))
