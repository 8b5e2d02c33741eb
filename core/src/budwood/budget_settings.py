"""The settings of budgets: ``[budgets.NAME]``, and the option ``budget`` of a call."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from budwood.errors import ConfigurationError
from budwood.option_settings import TimeZone
from budwood.settings import validate_settings
from budwood.types.limits import BudgetPeriod

MAX_DOLLARS: Final = 10**9
MAX_TOKENS: Final = 10**15
"""The highest limits, below which limiters count without large rounding errors."""

_HINT: Final = 'Set a limit and a period: { dollars = 50, per = "month" }, or { tokens = 1000000, per = "day" }.'
_CALL_HINT: Final = 'Pass dollars, as in budget=0.5, or budget={"tokens": 20000}.'


class BudgetSettings(BaseModel):
    """
    A budget. It has either ``dollars`` or ``tokens``.

    Attributes:
        dollars: The limit in US dollars.
        tokens: The limit in tokens, input and output together.
        per: What it applies to: each ``"call"``, with all its attempts and rounds; all calls of a ``"client"``; or all
            calls of a ``"day"``, a ``"week"`` or a ``"month"``, of all processes that share the counters. A week begins
            on Monday.
        label: Only calls with this label count; by default all.
        timezone: The time zone in which a day, a week or a month begins, such as ``"Europe/Oslo"``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    dollars: Annotated[Decimal, Field(gt=0, le=MAX_DOLLARS, allow_inf_nan=False)] | None = None
    tokens: Annotated[int, Field(ge=1, le=MAX_TOKENS)] | None = None
    per: BudgetPeriod
    label: Annotated[str, Field(min_length=1)] | None = None
    timezone: TimeZone = "UTC"

    @model_validator(mode="after")
    def _has_one_limit(self) -> Self:
        if (self.dollars is None) == (self.tokens is None):
            both = self.dollars is not None
            raise ValueError("it has both dollars and tokens" if both else "it has neither dollars nor tokens")
        return self


def parse_budgets(settings: Mapping[str, Any], arguments: object) -> dict[str, BudgetSettings]:
    """
    Parse the budgets of the settings and of a client; those of the client override settings of the same name.

    Raises:
        ConfigurationError: A budget is not valid.
    """
    if arguments is not None and not isinstance(arguments, Mapping):
        raise ConfigurationError(
            f"budgets= must be a dictionary of budgets by name; got {type(arguments).__name__}.",
            hint='Pass budgets={"monthly": {"dollars": 50, "per": "month"}}.',
        )
    merged = {**settings, **(arguments or {})}
    return {str(name): _parse(budget, f"budgets.{name}", _HINT) for name, budget in merged.items()}


def parse_call_budget(budget: object) -> BudgetSettings:
    """
    Parse the budget of one call: a number of dollars, or a dictionary with ``dollars`` or ``tokens``.

    Raises:
        ConfigurationError: It is not valid.
    """
    if isinstance(budget, Mapping):
        if unknown := sorted(str(name) for name in budget if name not in ("dollars", "tokens")):
            raise ConfigurationError(f"budget=: unknown key {unknown[0]!r}.", hint=_CALL_HINT)
        return _parse({**budget, "per": "call"}, "budget=", _CALL_HINT)
    return _parse({"dollars": budget, "per": "call"}, "budget=", _CALL_HINT)


def _parse(budget: object, where: str, hint: str) -> BudgetSettings:
    if not isinstance(budget, Mapping):
        raise ConfigurationError(f"{where} must be a table; got {type(budget).__name__}.", hint=hint)
    values = {name: value for name, value in budget.items() if value is not None}
    if wrong := [name for name in ("dollars", "tokens") if isinstance(values.get(name), bool)]:
        raise ConfigurationError(f"{where}: {wrong[0]!r} must be a number.", hint=hint)
    try:
        return validate_settings(BudgetSettings, values, where=where)
    except ConfigurationError as error:
        error.hint = hint
        raise
