"""
Read how a server refuses a parameter, and make of it the row that the catalog lacks.

The texts are matched from their beginning, and only where status or code say that the request was bad. Several vendors
send the ones here, as recorded; those of one vendor are in its `ErrorCodes.refusals`.
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
Parameters without which a request still asks the same. A bound of the output is not among them, since it bounds the
bill; that it has another name can be learned.
"""

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

_NAME: Final = r"[\w.\[\]]+"

_REFUSALS: Final = (
    rf"Unsupported (?:parameters?|value)(?:\(s\))?: ['`\"]?({_NAME})",
    rf"(?:Unknown|Unrecognized) parameter: ['`\"]({_NAME})",
    r"['`\"]?([a-z_]+)['`\"]? is not supported (?:with|for|by) this model",
)
"""How refusals begin. They are compiled when the first error is read: most programs never need them."""

_BOTH: Final = r"['`\"]?(\w+)['`\"]? and ['`\"]?(\w+)['`\"]? cannot both be specified"
_INSTEAD: Final = r"\bUse ['`\"](\w+)['`\"] instead\b"
_VALUE: Final = r"does not support (?:['`\"]?([\w.-]+)['`\"]? with this model|effort level ['`\"](\w+))"
_ONLY_DEFAULT: Final = r"\bOnly the default\b"
_TAKEN: Final = r"\bSupported (?:values|levels)(?: are)?: ([^.]+)"


def refused_parameter(message: str, others: Iterable[str] = ()) -> str | None:
    """
    Return the parameter that a message rejects, by the vendor's name; None if it says something else.

    Args:
        message: The vendor's text.
        others: Further regular expressions for the start of the text. Their first group is the parameter.
    """
    if both := re.match(_BOTH, message):
        return both[2]
    found = (re.match(form, message, re.IGNORECASE) for form in (*_REFUSALS, *others))
    return next((match[1] for match in found if match), None)


def rule_of(parameter: str | None, message: str) -> ModelRules | None:
    """
    Make the row of the catalog that a refusal tells of.

    Args:
        parameter: What is refused, under our name.
        message: The vendor's words.

    Returns:
        None where the parameter can neither be renamed nor left out, or where only one value of it was refused and the
        words do not say which would do.
    """
    if parameter is None:
        return None
    if both := re.match(_BOTH, message):
        return ModelRules(refuses_beside={both[2]: both[1]})
    if instead := re.search(_INSTEAD, message):
        return ModelRules(renames={parameter: instead[1]})
    value = re.search(_VALUE, message)
    if value is not None and not re.search(_ONLY_DEFAULT, message):
        return _effort_rule(value[1] or value[2], message) if parameter == "reasoning_effort" else None
    return refusing(parameter) if parameter in DROPPABLE else None


def refusing(*parameters: str) -> ModelRules:
    """Make the row of a model that refuses parameters, whatever their value."""
    return ModelRules(refuses=frozenset(parameters))


def _effort_rule(refused: str, message: str) -> ModelRules | None:
    taken = re.search(_TAKEN, message)
    effort = nearest_effort(refused, re.findall(r"\w+", taken[1])) if taken else None
    return ModelRules(efforts={refused.lower(): effort}) if effort else None


def nearest_effort(wanted: str, taken: Iterable[str]) -> str | None:
    """
    Choose the effort that comes nearest to one that is refused: of two the smaller, and none at all only if need be.

    Returns:
        None where one of them is not known by our names.
    """
    known = [effort for effort in EFFORTS if effort in set(map(str.lower, taken))]
    if wanted.lower() not in EFFORTS or not known:
        return None
    place = EFFORTS.index(wanted.lower())
    return min(known, key=lambda effort: (effort == "none", abs(EFFORTS.index(effort) - place)))
