"""``/admin/audit``: who did what."""

from __future__ import annotations

import re
from typing import Final

from starlette.responses import Response

from budwood_server.access.keys import ADMIN
from budwood_server.api import audit
from budwood_server.page.navigation import Link
from budwood_server.page.routes import get
from budwood_server.page.visits import Visit

PATH: Final = "/admin/audit"
LINK: Final = Link("Audit log", PATH, "audit", "System", ADMIN)

_FILTER: Final = re.compile(r"[!-~]{1,128}")


async def show_log(visit: Visit) -> Response:
    """Show the entries, the newest first: all, those of one action, or those of one key or account."""
    filters = {name: _read_filter(visit.query.get(name)) for name in ("action", "principal_id")}
    page = await audit.list_audit(visit.request, visit.paging(), visit.principal, **filters)
    template = "audit_entries.html" if visit.is_fragment else "audit.html"
    return visit.render(template, {"page": page, "filters": filters})


def _read_filter(text: str | None) -> str | None:
    """Return a filter; None if it is empty, or if no entry can have it."""
    stripped = (text or "").strip()
    return stripped if _FILTER.fullmatch(stripped) else None


ROUTES: Final = [get(PATH, show_log, ADMIN)]
