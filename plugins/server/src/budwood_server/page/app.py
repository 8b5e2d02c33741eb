"""The application of the admin page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from budwood_server.page import assets
from budwood_server.page.errors import HANDLERS
from budwood_server.page.navigation import Navigation
from budwood_server.page.security import SecurityHeaders
from budwood_server.page.templating import create_environment
from budwood_server.page.views import (
    account,
    alerts,
    audit,
    deliveries,
    endpoints,
    events,
    keys,
    login,
    overview,
    people,
    prompt_tests,
    prompts,
    run_documents,
    runs,
    settings,
    telemetry,
    tokens,
    webhook_acts,
    webhooks,
)
from budwood_server.page.views.home import make_home

if TYPE_CHECKING:
    from types import ModuleType

    from starlette.types import ASGIApp

    from budwood_server.worker import Worker

VIEWS: Final[tuple[ModuleType, ...]] = (
    overview,
    telemetry,
    endpoints,
    events,
    alerts,
    webhooks,
    webhook_acts,
    deliveries,
    prompts,
    prompt_tests,
    run_documents,
    runs,
    keys,
    tokens,
    people,
    settings,
    audit,
    account,
)
"""The views in the order of the navigation. Each module has ``ROUTES``, and ``LINK`` if the navigation shows it."""


def create_page(worker: Worker, root: ASGIApp) -> Starlette:
    """
    Create the application. It answers the paths that begin with ``/admin``.

    Args:
        worker: The state of the process.
        root: The application of the gateway, to which views send requests.
    """
    navigation = Navigation([view.LINK for view in VIEWS if hasattr(view, "LINK")])
    routes: list[Route] = [assets.ROUTE, *login.ROUTES, make_home(navigation)]
    for view in VIEWS:
        routes += view.ROUTES
    app = Starlette(routes=routes, middleware=[Middleware(SecurityHeaders)], exception_handlers=HANDLERS)
    app.state.worker = worker
    app.state.root = root
    app.state.templates = create_environment(navigation)
    return app
