"""``budwood server alerts``: the alerts of the settings, and whether they fire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budwood_cli import options, terminal
from budwood_server.commands.databases import URL, run_with_database

if TYPE_CHECKING:
    from budwood_server.api_models.alerts import AlertReply, AlertsReply
    from budwood_server.database import Database

_COLUMNS: Final = ("name", "state", "since", "value", "rule", "calls", "checked")


def list_alerts(
    *,
    database: URL = None,
    layout: options.Format = None,
    json_output: options.AsJSON = False,
) -> None:
    """
    List the alerts of the settings, and whether they fire.

    A running server checks them: states are those of its last check.
    """
    found = run_with_database(database, _read).alerts
    if json_output or layout is terminal.Layout.JSON:
        terminal.write_json([alert.model_dump(mode="json") for alert in found])
    elif found:
        terminal.write_table(_COLUMNS, map(_to_row, found), ("calls", "checked"), layout=layout)
    else:
        terminal.note("no alerts: the settings have no section [server.alerts.NAME].")


async def _read(database: Database) -> AlertsReply:
    from budwood import Settings
    from budwood_server.alerts.listing import list_alerts as read_alerts
    from budwood_server.settings import load_server_settings

    return await read_alerts(database, load_server_settings(Settings.load()).alerts)


def _to_row(alert: AlertReply) -> tuple[object, ...]:
    from budwood_cli.moments import format_moment

    since, checked = (
        None if moment is None else format_moment(moment.timestamp()) for moment in (alert.since, alert.checked)
    )
    value = None if alert.value is None else f"{alert.value:g}"
    rule = f"{alert.metric} {alert.condition} {alert.threshold:g}"
    return alert.name, alert.state, since, value, rule, alert.calls, checked
