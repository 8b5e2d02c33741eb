"""Fields of OpenAI's requests for media as options of the core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from budwood_server.formats.openai.json_values import Check
from budwood_server.gateway.plan import add_tags

if TYPE_CHECKING:
    from budwood_server.gateway.plan import CallPlan

OF_END_USERS: Final = ("user", "safety_identifier")
"""Fields that identify who uses a program: dimensions of telemetry. No vendor needs something in their place."""


def convert_fields(body: Mapping[str, Any], known: Mapping[str, tuple[str, Check]], plan: CallPlan) -> dict[str, Any]:
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
