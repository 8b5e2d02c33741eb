"""The states of alerts, and what changes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from budwood_server.alerts.measures import Measured
    from budwood_server.alerts.rules import AlertRule

Reason = Literal["cleared", "no_calls", "rule_changed", "rule_removed"]


@dataclass(frozen=True, slots=True)
class AlertState:
    """
    The state of an alert. Moments are seconds since 1970.

    Attributes:
        fired: Since when it fires; None if it does not.
        pending: Since when the value is beyond the threshold, but not long enough; None if it is not.
        value: The value at the last check.
        calls: The number of calls that it is about.
        checked: When that was; None before the first check.
        rule: The rule at that time.
    """

    fired: float | None = None
    pending: float | None = None
    value: float | None = None
    calls: int = 0
    checked: float | None = None
    rule: AlertRule | None = None


class Change(NamedTuple):
    """
    An alert has started or ended.

    Attributes:
        state: Which of both.
        since: When it started.
        reason: Why it ended; None for a start.
    """

    state: Literal["firing", "ended"]
    since: float
    reason: Reason | None = None


def advance(
    rule: AlertRule, state: AlertState, measured: Measured, now: float, max_gap: float
) -> tuple[AlertState, Change | None]:
    """
    Return the state of an alert after a check, and what has changed.

    Args:
        rule: The rule.
        state: The state before.
        measured: What was measured.
        now: The time of the check.
        max_gap: Seconds without checks after which it is not known whether a value was beyond the threshold all along.
    """
    new = replace(state, value=measured.value, calls=measured.calls, checked=now, rule=rule)
    if state.fired is not None:
        reason = _find_end(rule, state, measured)
        if reason is None:
            return new, None
        return replace(new, fired=None), Change("ended", state.fired, reason)
    if measured.value is None or measured.calls < rule.least_calls or not rule.is_beyond(measured.value):
        return replace(new, pending=None), None
    began = now if _begins(rule, state, now, max_gap) or state.pending is None else state.pending
    if now - began < rule.hold:
        return replace(new, pending=began), None
    return replace(new, pending=None, fired=now), Change("firing", now)


def _find_end(rule: AlertRule, state: AlertState, measured: Measured) -> Reason | None:
    if _is_other(rule, state):
        return "rule_changed"
    if measured.value is None:
        return "no_calls"
    return "cleared" if rule.is_clear(measured.value) else None


def _begins(rule: AlertRule, state: AlertState, now: float, max_gap: float) -> bool:
    """Tell whether what was measured before does not count."""
    return _is_other(rule, state) or state.checked is None or now - state.checked > max_gap


def _is_other(rule: AlertRule, state: AlertState) -> bool:
    """Tell whether the value of the state is about something else than the rule measures."""
    return state.rule is not None and _find_subject(state.rule) != _find_subject(rule)


def _find_subject(rule: AlertRule) -> tuple[object, ...]:
    return rule.metric, rule.condition, rule.filters
