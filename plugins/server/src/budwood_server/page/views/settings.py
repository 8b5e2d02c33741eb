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
        "checks": await worker.check(),
        "problem": error,
        "models": worker.configuration.server.models,
        "values": await asyncio.to_thread(list_values, worker.configuration.settings),
    }
    return visit.render("settings.html", values, status=status)


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
