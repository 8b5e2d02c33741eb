"""``/admin``: the first view of an account."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from budwood_server.page.navigation import Navigation
from budwood_server.page.routes import get
from budwood_server.page.visits import Visit


def make_home(navigation: Navigation) -> Route:
    """Return the route that leads to the first view that an account may see."""

    async def show(visit: Visit) -> Response:
        links = navigation.list_for(visit.principal)
        return visit.redirect(links[0].path if links else "/admin/account")

    return get("/admin", show, None)
