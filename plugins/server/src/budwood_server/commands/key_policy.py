"""The policy that the options of ``budwood server keys create`` describe."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

from budwood_cli.errors import ArgumentError
from budwood_cli.moments import parse_future
from budwood_server.access.keys import KeyPolicy

NO_OPTIONS: Final = "none"
"""What stands for no option of requests."""

_OPTIONS: Final = {
    "name": "NAME",
    "scopes": "--scope",
    "models": "--model",
    "dollars": "--budget-dollars",
    "tokens": "--budget-tokens",
    "request_options": "--request-option",
}
"""What users type for a field, if it is not the name of the field."""


def read_expiry(text: str | None) -> datetime | None:
    """
    Return when a key ends.

    Raises:
        ArgumentError: The text is no time to come.
    """
    return None if text is None else datetime.fromtimestamp(parse_future(text, time.time(), option="--expires"), UTC)


def read_budget(
    dollars: str | None, tokens: int | None, per: str | None, timezone: str | None
) -> dict[str, Any] | None:
    """
    Return the fields of a budget; None without one.

    Raises:
        ArgumentError: There is a period without an amount, or there are two amounts.
    """
    amounts = {"dollars": dollars, "tokens": tokens}
    known = {name: value for name, value in amounts.items() if value is not None}
    period = {name: value for name, value in {"per": per, "timezone": timezone}.items() if value is not None}
    if len(known) == 1:
        return known | period
    if known:
        raise ArgumentError("A budget has either dollars or tokens.", hint="Leave one of the two options out.")
    if period:
        option = "--per" if per else "--timezone"
        raise ArgumentError(f"{option} is given without a budget.", hint="Add --budget-dollars or --budget-tokens.")
    return None


def read_policy(values: Mapping[str, Any]) -> KeyPolicy:
    """
    Return the policy that options describe. Those that were not given are None.

    Raises:
        ArgumentError: A value is not valid.
    """
    fields = {name: value for name, value in values.items() if value is not None}
    if fields.get("request_options") == [NO_OPTIONS]:
        fields["request_options"] = []
    try:
        return KeyPolicy.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    names = [str(part) for part in first["loc"] if isinstance(part, str)] or ["name"]
    option = _OPTIONS.get(names[-1], f"--{names[-1].replace('_', '-')}")
    text = first["msg"].removeprefix("Value error, ")
    raise ArgumentError(
        f"{option}: {text[:1].lower()}{text[1:]}.", hint="`budwood server keys create --help` explains it."
    )
