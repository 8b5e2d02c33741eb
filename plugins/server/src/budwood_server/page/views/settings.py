"""``/admin/settings``: the settings that are in use, and the workers that use them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import SecretStr
from starlette.responses import Response

from budwood import Settings
from budwood.errors import BudwoodError
from budwood_cli.setting_origins import collect_values
from budwood_server.access.keys import ADMIN
from budwood_server.api import configuration
from budwood_server.page.navigation import Link
from budwood_server.page.routes import get, post
from budwood_server.page.visits import Visit

PATH: Final = "/admin/settings"
LINK: Final = Link("Settings", PATH, "settings", "System", ADMIN)

NOTES: Final = {
    "configuration": "Newer settings are not valid.",
    "tokens": "Stored tokens are not used: see Vendor tokens.",
}
HIDDEN: Final = "…"
"""What is shown in place of a token of the server, whose end the view of tokens shows."""

Row = tuple[str, str, str]
"""A setting, its value without secrets, and where it is set."""


async def show_settings(visit: Visit) -> Response:
    """Show what is in use."""
    return await _show(visit, None, 200)


async def reload_settings(visit: Visit) -> Response:
    """Load the settings again, in all workers."""
    try:
        await configuration.reload_configuration(visit.request, visit.principal)
    except BudwoodError as error:
        return await _show(visit, error, 409)
    return visit.redirect(PATH, "settings-loaded")


async def _show(visit: Visit, error: BudwoodError | None, status: int) -> Response:
    worker = visit.worker
    values: Mapping[str, Any] = {
        "configuration": await configuration.get_configuration(visit.request, visit.principal),
        "checks": [_describe(name, check) for name, check in (await worker.check()).items() if name != "draining"],
        "problem": error,
        "models": worker.configuration.server.models,
        "values": await asyncio.to_thread(list_values, worker.configuration.settings),
    }
    return visit.render("settings.html", values, status=status)


def _describe(name: str, check: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return the name of a check, its state, what else is known, and the tone."""
    title = name.capitalize()
    if not check["ok"]:
        return title, "Not ready", str(check.get("error", "")), "bad"
    if "note" in check:
        return title, "Attention", NOTES.get(name, check["note"]), "warn"
    return title, "Ready", f"Version {check['version']}" if "version" in check else "It answers", "good"


def list_values(settings: Settings) -> Sequence[Row]:
    """Return all values that are set, without secrets, in the order of their keys."""
    values = collect_values(settings, defaults=False)
    return [(value.key, _to_text(value.value), value.name or value.origin) for value in values]


def _to_text(value: object) -> str:
    """Return a value as it would be in a file; texts without quotation marks."""
    if isinstance(value, str):
        return value
    return HIDDEN if isinstance(value, SecretStr) else json.dumps(value, default=lambda _: HIDDEN, ensure_ascii=False)


ROUTES: Final = [get(PATH, show_settings, ADMIN), post(f"{PATH}/reload", reload_settings, ADMIN)]
