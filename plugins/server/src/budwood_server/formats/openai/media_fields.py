"""Fields of OpenAI's requests for media as options of the core."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from budwood_server.gateway.plan import add_tags

if TYPE_CHECKING:
    from budwood_server.gateway.plan import CallPlan

Parser = Callable[[Any], bool]
"""Tells whether the core takes a value as an option."""

OF_END_USERS: Final = ("user", "safety_identifier")
"""Fields that identify who uses a program: dimensions of telemetry. No vendor needs something in their place."""


def is_text(value: object) -> bool:
    """Tell whether a value is a text that is not empty."""
    return isinstance(value, str) and bool(value)


def is_positive_int(value: object) -> bool:
    """Tell whether a value is a whole number from 1 on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def is_count(value: object) -> bool:
    """Tell whether a value is a whole number from 0 on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_number(value: object) -> bool:
    """Tell whether a value is a finite number from 0 on."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def convert_fields(body: Mapping[str, Any], known: Mapping[str, tuple[str, Parser]], plan: CallPlan) -> dict[str, Any]:
    """
    Return the options for the fields of a request.

    A vendor of the same API gets all other fields, and values that the core does not know, unchanged. For another one
    they are left out, as ``on_unsupported`` says.

    Args:
        body: The fields, without those that have been read.
        known: The option of a field, and whether the core takes its value.
        plan: What the request asks for.

    Raises:
        ProblemError: A field cannot be translated, and the request wants an error then.
    """
    options: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for name, value in body.items():
        option, takes = known.get(name, ("", None))
        if value is None:
            continue
        if name in OF_END_USERS:
            add_tags(plan, name, value)
        if takes is not None and takes(value):
            options[option] = value
        elif plan.api == "openai":
            extra[name] = value
        elif name not in OF_END_USERS:
            reason = "the value cannot be translated" if option else "other APIs do not have it"
            plan.leave_out(name, reason)
    if extra:
        plan.keep_api()
        options["extra"] = extra
    return options
