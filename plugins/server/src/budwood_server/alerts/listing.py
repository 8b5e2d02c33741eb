"""Alerts with their states, for those who list them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budwood_server.alerts.states import AlertState
from budwood_server.alerts.store import AlertStore
from budwood_server.api_models.alerts import AlertReply, AlertsReply

if TYPE_CHECKING:
    from budwood_server.alerts.rules import AlertRule, Rules
    from budwood_server.database import Database


async def list_alerts(database: Database, rules: Rules) -> AlertsReply:
    """
    Return the alerts of rules with their states, by name.

    Raises:
        DatabaseError: The database cannot be used.
    """
    claims = await AlertStore(database).read()
    states = {name: claims[name].state if name in claims else AlertState() for name in sorted(rules)}
    return AlertsReply(alerts=[_describe(name, rules[name], state) for name, state in states.items()])


def _describe(name: str, rule: AlertRule, state: AlertState) -> AlertReply:
    since, word = state.pending, "ok" if state.pending is None else "pending"
    if state.fired is not None:
        since, word = state.fired, "firing"
    fields: dict[str, Any] = rule.describe() | {"hold": rule.hold, "min_calls": rule.least_calls}
    fields |= {"value": state.value, "calls": state.calls, "checked": state.checked}
    return AlertReply.model_validate(fields | {"name": name, "state": word, "since": since})
