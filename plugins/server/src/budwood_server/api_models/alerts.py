"""Alerts, as they are shown."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from budwood_server.alerts.rules import Condition, Metric
from budwood_server.api_models.moments import Moment


class AlertReply(BaseModel):
    """
    An alert.

    Attributes:
        name: The name of its rule.
        state: ``"firing"``; ``"pending"`` while the value is beyond the threshold, but not long enough; else ``"ok"``.
        since: Since when it is firing or pending, or null.
        value: The value at the last check; null if the window has no calls.
        calls: The number of calls that it is about.
        checked: When the last check was; null if there was none yet.
        metric: What the rule measures.
        condition: The side of the threshold on which the alert starts.
        threshold: The threshold.
        clear: The value at which it ends.
        window: The length of the window in seconds.
        hold: How many seconds the value must be beyond the threshold before it starts: ``for`` of the rule.
        min_calls: The number of calls without which it does not start.
        filters: The values that calls must have to count.
    """

    name: str
    state: Literal["ok", "pending", "firing"]
    since: Moment | None
    value: float | None
    calls: int
    checked: Moment | None
    metric: Metric
    condition: Condition
    threshold: float
    clear: float
    window: float
    hold: float
    min_calls: int
    filters: dict[str, str]


class AlertsReply(BaseModel):
    """
    Alerts.

    Attributes:
        alerts: The alerts, by the names of their rules.
    """

    alerts: list[AlertReply]
