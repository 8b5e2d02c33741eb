"""The ASGI application: thin handlers for the routes under ``/v1``, FastAPI for the rest."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI

from budwood import logs
from budwood_server.access.keys import ADMIN, INFER
from budwood_server.api import health
from budwood_server.formats.errors import ENCODERS
from budwood_server.gateway.errors import INTERNAL, NO_DATABASE, describe
from budwood_server.gateway.rates import count_request
from budwood_server.routes.client_api import find_api
from budwood_server.routes.requests import Request
from budwood_server.routes.table import ROUTES, Match, Route, RouteTable
from budwood_server.web.cors import allow_origin, answer_preflight
from budwood_server.web.exchange import Exchange
from budwood_server.web.problems import ClientGoneError, Problem, ProblemError
from budwood_server.worker import Worker

if TYPE_CHECKING:
    from budwood_server.access.keys import ApiKey
    from budwood_server.gateway.configuration import Configuration
    from budwood_server.web.exchange import Message, Receive, Send

PREFIX: Final = "/v1/"
_INVALID_KEY: Final = Problem(
    status=401,
    message="The API key is missing or not valid.",
    type="authentication_error",
    code="invalid_api_key",
    hint="Send a key of this server as 'Authorization: Bearer bw_live_…' or in the header x-api-key.",
    headers={"www-authenticate": "Bearer"},
)
_STOPPING: Final = Problem(
    status=503,
    message="The server is stopping.",
    type="server_error",
    code="server_stopping",
    hint="Send the request again.",
    headers={"retry-after": "1"},
)


def create_app(worker: Worker | None = None) -> Application:
    """
    Create the application, for uvicorn or another ASGI server.

    Args:
        worker: The state of the process; by default one from the settings.

    Raises:
        BudwoodError: The settings are not valid.
    """
    return Application(worker or Worker())


class Application:
    """
    The ASGI application.

    Args:
        worker: The state of the process.
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._routes = RouteTable(ROUTES)
        self._running: dict[Exchange, asyncio.Task[object] | None] = {}
        self.rest = _create_rest(worker)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, or take part in start and stop of the server."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self.rest(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send, f"req_{random.getrandbits(128):032x}")
        configuration = self._worker.configuration
        if allow_origin(exchange, configuration.server.allowed_origins):
            await answer_preflight(exchange)
            return
        match = self._routes.find(exchange.method, exchange.path)
        api = find_api(exchange, match.route)
        configuration.begin()
        self._running[exchange] = asyncio.current_task()
        try:
            await self._answer(exchange, match, configuration)
        except ClientGoneError:
            pass  # there is nobody to answer
        except asyncio.CancelledError:
            if (problem := exchange.accept_interruption()) is None:
                raise
            await _send_error(exchange, ProblemError(problem), api)
        except Exception as error:  # noqa: BLE001 - each becomes a reply
            await _send_error(exchange, error, api)
        finally:
            del self._running[exchange]
            await configuration.end()

    def interrupt(self) -> None:
        """End the requests under way with an error."""
        for exchange, task in self._running.items():
            if exchange.interruption is None and task is not None:
                exchange.interruption = _STOPPING
                task.cancel()

    async def _answer(self, exchange: Exchange, match: Match, configuration: Configuration) -> None:
        if match.route is None:
            raise _no_route(exchange, match.allowed)
        exchange.parameters.update(match.parameters)
        key = await self._authenticate(exchange, match.route)
        handle = self._routes.handler(match.route)
        request = Request(exchange, key, configuration, self._worker)
        services = self._worker.services
        if services is None or not key.has_rates or exchange.method != "POST":
            await handle(request)
        else:
            async with count_request(services.limits, key, exchange, configuration.server):
                await handle(request)

    async def _authenticate(self, exchange: Exchange, route: Route) -> ApiKey:
        token = _find_token(exchange)
        key = await self._worker.find_key(token) if token else None
        if key is None:
            raise ProblemError(_INVALID_KEY)
        if route.scope not in key.scopes:
            is_admin = ADMIN in key.scopes and route.scope == INFER
            hint = "An admin key cannot infer: create another key." if is_admin else None
            raise ProblemError(
                Problem(
                    status=403,
                    message=f"This key is not for {route.scope!r}.",
                    type="permission_error",
                    code="missing_scope",
                    hint=hint,
                )
            )
        return key


def _find_token(exchange: Exchange) -> str | None:
    """Return the key that a request has, in the header of OpenAI, Anthropic or Azure."""
    header = exchange.header(b"authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None
    return exchange.header(b"x-api-key") or exchange.header(b"api-key")


def _no_route(exchange: Exchange, allowed: frozenset[str]) -> ProblemError:
    if allowed:
        message = f"{exchange.path} does not have the method {exchange.method}."
        headers = {"allow": ", ".join(sorted(allowed))}
        return ProblemError(Problem(status=405, message=message, code="method_not_allowed", headers=headers))
    return ProblemError(Problem(status=404, message=f"There is no route {exchange.path}.", code="unknown_route"))


async def _send_error(exchange: Exchange, error: Exception, api: str) -> None:
    problem = describe(error)
    if problem is INTERNAL or problem is NO_DATABASE:
        logs.emit(
            "request failed",
            level="warning",
            request_id=exchange.request_id,
            path=exchange.path,
            error=type(error).__name__ if problem is INTERNAL else str(error),
        )
    if exchange.is_started:
        raise error  # the server closes the connection, so that the reply is not taken for complete
    headers = [(name.encode(), value.encode("latin-1")) for name, value in problem.headers.items()]
    await exchange.send_json(ENCODERS[api](problem, exchange.request_id), problem.status, headers)


def _create_rest(worker: Worker) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await worker.start()
        try:
            yield
        finally:
            await worker.stop()

    app = FastAPI(title="Budwood", lifespan=lifespan)
    app.state.worker = worker
    app.include_router(health.router)
    return app
