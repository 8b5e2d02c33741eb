"""
The ASGI application: thin handlers for the routes under ``/v1`` and monitoring, the admin page, FastAPI for the rest.

The page and FastAPI are imported by their first requests: a gateway whose clients only call models saves their memory.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from budwood import logs
from budwood_server.access.callers import Callers
from budwood_server.formats.errors import ENCODERS, OWN
from budwood_server.gateway.errors import INTERNAL, NO_DATABASE, describe
from budwood_server.gateway.rates import count_request
from budwood_server.gateway.reply_headers import list_headers
from budwood_server.metrics import REFUSALS
from budwood_server.monitoring import HANDLERS, answer_monitoring
from budwood_server.routes.client_api import find_api
from budwood_server.routes.requests import Request
from budwood_server.routes.table import ROUTES, RUN, Match, RouteTable
from budwood_server.web.body_limits import find_limit, is_read_before
from budwood_server.web.cors import allow_origin, answer_preflight
from budwood_server.web.exchange import Exchange
from budwood_server.web.paths import EVENTS, GATEWAY, is_page
from budwood_server.web.problems import CLIENT_GONE, ClientGoneError, Problem, ProblemError, describe_unknown_route
from budwood_server.worker import Worker

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp

    from budwood_server.gateway.configuration import Configuration
    from budwood_server.web.exchange import Message, Receive, Send

T = TypeVar("T")

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
        self._rest = _Lazy(lambda: _create_rest(worker))
        self._page = _Lazy(lambda: _create_page(worker, self))
        self._callers = Callers(worker, self._rest.find)

    @property
    def rest(self) -> FastAPI:
        """The application of FastAPI."""
        return self._rest.load()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, or take part in start and stop of the server."""
        request_id = f"req_{random.getrandbits(128):032x}"
        if scope["type"] == "websocket":
            from budwood_server.events.sockets import serve_socket  # most workers have none

            await serve_socket(scope, receive, send, self._worker, request_id)
            return
        if scope["type"] != "http":
            await self.rest(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send, request_id)
        if exchange.path == RUN:
            await self._serve(exchange)
            return
        if not exchange.path.startswith(GATEWAY):
            await self._serve_rest(exchange, receive, send)
            return
        if allow_origin(exchange, self._worker.configuration.server.allowed_origins):
            await answer_preflight(exchange)
        elif exchange.path == EVENTS:
            await self._attend(exchange, EVENTS, OWN, self._follow_events(exchange))
        else:
            await self._serve(exchange)

    async def _serve(self, exchange: Exchange) -> None:
        """Answer a request by a thin handler. It keeps the present configuration to its end."""
        configuration = self._worker.configuration
        match = self._routes.find(exchange.method, exchange.path)
        path = "unknown" if match.route is None else match.route.path
        configuration.begin()
        try:
            answering = self._answer(exchange, match, configuration)
            await self._attend(exchange, path, find_api(exchange, match.route), answering)
        finally:
            await configuration.end()

    async def _attend(self, exchange: Exchange, path: str, api: str, answering: Awaitable[None]) -> None:
        """Await the answer to a request, and send an error in the form of its API if that fails."""
        if logs.is_enabled():
            from structlog.contextvars import bind_contextvars  # imported already

            bind_contextvars(request_id=exchange.request_id)  # each request has a context of its own
        started = time.perf_counter()
        self._worker.running.add(exchange)
        try:
            await answering
        except ClientGoneError:
            pass  # no client is left to answer
        except asyncio.CancelledError:
            if (problem := exchange.accept_interruption()) is None:
                raise
            await _send_error(exchange, ProblemError(problem), api)
        except Exception as error:  # noqa: BLE001 - each becomes a reply
            self._count_refusal(error)
            await _send_error(exchange, error, api)
        finally:
            self._worker.running.remove(exchange)
            self._record(exchange, path, time.perf_counter() - started)

    async def _follow_events(self, exchange: Exchange) -> None:
        """Send events as they come. Such a stream may last for days, so it keeps no configuration."""
        if exchange.method != "GET":
            raise _no_route(exchange, frozenset({"GET"}))
        from budwood_server.routes.events import follow_events  # most workers have no such streams

        await follow_events(exchange, self._worker)

    def interrupt(self) -> None:
        """End the requests under way with an error."""
        for exchange in self._worker.running:
            if exchange.interruption is None:
                exchange.interruption = _STOPPING
                exchange.task.cancel()

    async def _serve_rest(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        """Have FastAPI or the admin page answer, with the id of the request in the reply and in errors."""

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = [*message["headers"], *exchange.headers]
            await send(message)

        exchange.scope.setdefault("state", {})["request_id"] = exchange.request_id
        if exchange.path in HANDLERS:  # they are sent too often to be of interest
            await self._answer_monitoring(exchange)
            return
        started = time.perf_counter()
        try:
            await self._answer_rest(exchange, receive, send_with_id)
        finally:
            route = getattr(exchange.scope.get("route"), "path", "unknown")
            self._record(exchange, route, time.perf_counter() - started)

    async def _answer_monitoring(self, exchange: Exchange) -> None:
        try:
            await answer_monitoring(exchange, self._worker)
        except ClientGoneError:
            pass  # no client is left to answer
        except Exception as error:  # noqa: BLE001 - each becomes a reply
            await _send_error(exchange, error, OWN)

    async def _answer_rest(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        try:
            if is_read_before(exchange):
                server = self._worker.configuration.server
                limit = await find_limit(exchange, self._callers.find_principal)
                setting = None if limit < server.max_body else "max_body"
                await exchange.read_body(min(limit, server.max_body), server.body_timeout, setting)
                receive = exchange.replay(receive)
        except ClientGoneError:
            return
        except Exception as error:  # noqa: BLE001 - each becomes a reply
            await _send_error(exchange, error, OWN)
            return
        app: ASGIApp = await self._page.find() if is_page(exchange.path) else await self._rest.find()
        await app(exchange.scope, receive, send)

    def _record(self, exchange: Exchange, route: str, seconds: float) -> None:
        status = exchange.status or CLIENT_GONE
        if (metrics := self._worker.metrics) is not None:
            metrics.count(route, status, seconds)
        if self._worker.access_log:
            logs.emit(
                "http request",
                method=exchange.method,
                path=exchange.path,
                status=status,
                milliseconds=round(seconds * 1000, 1),
                request_id=exchange.request_id,
                key=exchange.key_id,
            )

    def _count_refusal(self, error: Exception) -> None:
        if self._worker.metrics is None or not isinstance(error, ProblemError):
            return
        if (code := error.problem.code) in REFUSALS:
            self._worker.metrics.refuse(code)

    async def _answer(self, exchange: Exchange, match: Match, configuration: Configuration) -> None:
        if match.route is None:
            raise _no_route(exchange, match.allowed)
        exchange.parameters.update(match.parameters)
        key = await self._callers.find_key(exchange, match.route)
        exchange.key_id = key.id
        handle = self._routes.handler(match.route)
        request = Request(exchange, key, configuration, self._worker)
        services = self._worker.services
        if services is None or not key.has_rates or exchange.method != "POST":
            await handle(request)
        else:
            async with count_request(services.limits, key, exchange, configuration.server):
                await handle(request)


class _Lazy(Generic[T]):
    """What the first request that needs it creates."""

    def __init__(self, create: Callable[[], T]) -> None:
        self._create = create
        self._created: T | None = None
        self._turns = asyncio.Lock()

    def load(self) -> T:
        """Return it."""
        if self._created is None:
            self._created = self._create()
        return self._created

    async def find(self) -> T:
        """Return it. It is created in a thread, since imports take long."""
        if self._created is None:
            async with self._turns:
                return await asyncio.to_thread(self.load)
        return self._created


def _create_rest(worker: Worker) -> FastAPI:
    from budwood_server.api.app import create_api

    return create_api(worker)


def _create_page(worker: Worker, root: ASGIApp) -> ASGIApp:
    from budwood_server.page.app import create_page

    return create_page(worker, root)


def _no_route(exchange: Exchange, allowed: frozenset[str]) -> ProblemError:
    if allowed:
        message = f"{exchange.path} does not have the method {exchange.method}."
        headers = {"allow": ", ".join(sorted(allowed))}
        return ProblemError(Problem(status=405, message=message, code="method_not_allowed", headers=headers))
    return ProblemError(describe_unknown_route(exchange.path))


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
    if attempts := getattr(error, "attempts", ()):
        headers += list_headers(attempts[-1].provider, attempts[-1].model, attempts=attempts, cached=False)
    await exchange.send_json(ENCODERS[api](problem, exchange.request_id), problem.status, headers)
