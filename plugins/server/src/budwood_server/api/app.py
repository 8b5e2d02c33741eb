"""The application of FastAPI: most of the API of the server itself, under ``/api``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.routing import APIRoute

from budwood_server.api import (
    accounts,
    alerts,
    audit,
    auth,
    configuration,
    endpoints,
    events,
    keys,
    prompts,
    run_documents,
    runs,
    sessions,
    telemetry,
    tokens,
    webhooks,
)
from budwood_server.api.errors import add_error_handlers
from budwood_server.api.query_parameters import check_names
from budwood_server.openapi import add_routes

if TYPE_CHECKING:
    from budwood_server.worker import Worker

_PARTS: Final = (
    configuration,
    endpoints,
    auth,
    accounts,
    keys,
    tokens,
    prompts,
    sessions,
    telemetry,
    alerts,
    run_documents,
    runs,
    webhooks,
    events,
    audit,
)

_FIXED: Final = frozenset(
    route.path for module in _PARTS for route in module.router.routes if isinstance(route, APIRoute)
)


def create_api(worker: Worker) -> FastAPI:
    """Create the application, which starts and stops the worker if its server has a lifespan."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await worker.start()
        try:
            yield
        finally:
            await worker.stop()

    app = FastAPI(
        title="Budwood",
        summary="Any model of any provider for clients of OpenAI and Anthropic.",
        lifespan=lifespan,
        redirect_slashes=False,
        dependencies=[Depends(_check_method), Depends(check_names)],
    )
    app.state.worker = worker
    for module in _PARTS:
        app.include_router(module.router)
    add_error_handlers(app)
    add_routes(app, [route for module in _PARTS for route in module.router.routes])
    return app


def _check_method(request: Request) -> None:
    """Refuse other methods of a fixed path that also looks like one with a variable part: there is no such object."""
    if "{" in request.scope["route"].path and request.url.path in _FIXED:
        raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED)
