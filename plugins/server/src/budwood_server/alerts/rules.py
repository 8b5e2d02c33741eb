"""The rules of alerts: the sections ``[server.alerts.NAME]`` of the settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from budwood.errors import ConfigurationError
from budwood.types import CallFilter
from budwood_cli.errors import ArgumentError
from budwood_cli.moments import parse_duration
from budwood_server.telemetry.dimensions import TAGS

if TYPE_CHECKING:
    from budwood.settings_sources import Source

LOG: Final = "log"
EVENT: Final = "event"
_NO_CALLBACKS: Final = frozenset({LOG, EVENT})
"""The values of ``to`` that are no functions."""

Metric = Literal["success_rate", "error_rate", "p95_latency", "cost", "tokens", "calls"]
Condition = Literal["above", "below"]

SHARES: Final = frozenset({"success_rate", "error_rate"})
"""The metrics that are parts of all calls, from 0 to 1."""

SUMS: Final = frozenset({"cost", "tokens", "calls"})
"""The metrics that are 0 without calls."""

MIN_CALLS: Final = 10
"""The default of ``min_calls`` for the other metrics."""

_HYSTERESIS: Final = 0.1
"""How far a value must be back from the threshold by default, as a part of it, before an alert ends."""

_CALLBACK: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_FILTERS: Final = (*TAGS, "provider", "vendor_model", "vendor_key", "label")
_MAX_WINDOW: Final = 31 * 86400.0


def _parse_seconds(value: object) -> object:
    """Return the seconds of a text such as ``"5m"``."""
    if not isinstance(value, str):
        return value
    try:
        return parse_duration(value, option="")
    except ArgumentError:
        raise ValueError("must be a number of seconds, or a text such as '30s', '5m', '1h' or '1d'") from None


Number = Annotated[float, Field(allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1, max_length=500)]


class AlertRule(BaseModel):
    """
    ``[server.alerts.NAME]``: an alert.

    Attributes:
        metric: What is measured of the calls of the window: ``"success_rate"`` and ``"error_rate"`` from 0 to 1,
            ``"p95_latency"`` in seconds, of calls that succeeded without the cache; the sums ``"cost"`` in US dollars,
            ``"tokens"`` and ``"calls"``.
        above: The alert starts when the value is higher. A rule has this or ``below``.
        below: The alert starts when the value is lower.
        clear: The alert ends when the value is this, or further from the threshold. By default the distance is a tenth
            of the threshold; of ``below`` for a success rate, a tenth of the failures that it admits.
        window: The time before now whose calls count: seconds, or a text such as ``"1h"``.
        hold: Called ``for`` in the settings: how long the value must be beyond the threshold before the alert starts.
        min_calls: The alert starts only if the window has as many calls; 10 by default, 0 for sums.
        to: Whom a start and an end are told: ``"log"``, ``"event"``, or Python functions ``"module:function"``.
        provider: Only calls that this provider answered.
        vendor_model: Only those of its model, alone or as ``provider/model``; ``vendor_key`` is the label of its key.
        key: Only calls with this API key, by its id; ``team`` is its team.
        model: Only calls of this model, by the name that was requested.
        user: Only calls of this user; ``client``, ``prompt`` and ``label`` likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    metric: Metric
    above: Annotated[Number, Field(ge=0)] | None = None
    below: Annotated[Number, Field(gt=0)] | None = None
    clear: Annotated[Number, Field(ge=0)] | None = None
    window: Annotated[Number, BeforeValidator(_parse_seconds), Field(ge=10, le=_MAX_WINDOW)] = 300.0
    hold: Annotated[Number, BeforeValidator(_parse_seconds), Field(alias="for", ge=0, le=_MAX_WINDOW)] = 0.0
    min_calls: Annotated[int, Field(ge=0)] | None = None
    to: tuple[Text, ...] = (LOG, EVENT)
    provider: Text | None = None
    vendor_model: Text | None = None
    vendor_key: Text | None = None
    key: Text | None = None
    team: Text | None = None
    model: Text | None = None
    user: Text | None = None
    client: Text | None = None
    prompt: Text | None = None
    label: Text | None = None

    @field_validator("to")
    @classmethod
    def _check_targets(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        for target in targets:
            if target not in _NO_CALLBACKS and not _CALLBACK.fullmatch(target):
                raise ValueError('must be "log", "event", or functions as "module:function"')
        return targets

    @model_validator(mode="after")
    def _check_thresholds(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("set either above or below")
        if self.metric in SHARES and max(self.threshold, self.clear or 0) > 1:
            raise ValueError(f"{self.metric} is between 0 and 1: write 0.05 for 5 %")
        if self.clear is not None and self.is_beyond(self.clear):
            raise ValueError("clear must be on the other side of the threshold, or the threshold")
        return self

    @property
    def condition(self) -> Condition:
        """The side of the threshold on which the alert starts."""
        return "below" if self.above is None else "above"

    @property
    def threshold(self) -> float:
        """The value of ``above`` or ``below``."""
        return self.above if self.above is not None else self.below or 0.0

    @property
    def clear_value(self) -> float:
        """The value at which the alert ends."""
        if self.clear is not None:
            return self.clear
        if self.above is not None:
            return self.above * (1 - _HYSTERESIS)
        if self.metric == "success_rate":
            return self.threshold + (1 - self.threshold) * _HYSTERESIS
        raised = self.threshold * (1 + _HYSTERESIS)
        return min(raised, 1.0) if self.metric in SHARES else raised

    @property
    def least_calls(self) -> int:
        """The number of calls without which the alert does not start."""
        if self.min_calls is not None:
            return self.min_calls
        return 0 if self.metric in SUMS else MIN_CALLS

    @property
    def filters(self) -> dict[str, str]:
        """The values that calls must have."""
        found = {name: getattr(self, name) for name in _FILTERS}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def callbacks(self) -> tuple[str, ...]:
        """The functions that are called."""
        return tuple(target for target in self.to if target not in _NO_CALLBACKS)

    def is_beyond(self, value: float) -> bool:
        """Tell whether a value starts the alert."""
        return value > self.threshold if self.above is not None else value < self.threshold

    def is_clear(self, value: float) -> bool:
        """Tell whether a value ends the alert."""
        return value <= self.clear_value if self.above is not None else value >= self.clear_value

    def select_calls(self) -> CallFilter:
        """Return the filter of its calls."""
        return CallFilter(
            tags={name: value for name in TAGS if (value := getattr(self, name)) is not None},
            provider=self.provider,
            model=self.vendor_model,
            key=self.vendor_key,
            label=self.label,
        )

    def describe(self) -> dict[str, Any]:
        """Return what events say about the rule."""
        return {
            "metric": self.metric,
            "condition": self.condition,
            "threshold": self.threshold,
            "clear": self.clear_value,
            "window": self.window,
            "filters": self.filters,
        }


def dump_rule(rule: AlertRule) -> dict[str, Any]:
    """Return a rule as JSON. It has no functions: those of a database are never called."""
    fields = rule.model_dump(mode="json", by_alias=True, exclude_none=True)
    return fields | {"to": [target for target in rule.to if target in _NO_CALLBACKS]}


def load_rule(fields: Mapping[str, Any] | None) -> AlertRule | None:
    """Return the rule of JSON that `dump_rule` made; None if there is none, or it is of another version."""
    if fields is None:
        return None
    try:
        rule = AlertRule.model_validate(fields)
    except ValidationError:
        return None
    return None if rule.callbacks else rule


Rules = Mapping[str, AlertRule]
"""Rules by their names."""


def check_sources(rules: Rules, folder_sources: Iterable[Source]) -> None:
    """
    Check that no function is named by a file of the current folder, which may be the work of others.

    Args:
        rules: The rules.
        folder_sources: The settings of that folder.

    Raises:
        ConfigurationError: There is one.
    """
    for source in folder_sources:
        table = source.tree.get("server", {}).get("alerts", {})
        for name, rule in rules.items():
            if set(rule.callbacks) & set(table.get(name, {}).get("to", ())):
                raise ConfigurationError(
                    f"server.alerts.{name}: a function is named by {source.name}, a file of the current folder.",
                    hint="If you trust it, start the server with --settings FILE, or move the setting to the user's "
                    "budwood.toml or an environment variable.",
                )
