"""The routes under ``/v1`` and the one for inference under ``/api``, and their handlers."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

from budwood_server.access.keys import INFER
from budwood_server.formats.errors import OWN

if TYPE_CHECKING:
    from budwood_server.routes.requests import Request

RUN: Final = "/api/run"
"""The route for inference by keys and accounts."""

Handler = Callable[["Request"], Awaitable[None]]


class Route(NamedTuple):
    """
    A route.

    Attributes:
        method: The HTTP method.
        path: The path; ``{name}`` is a part that varies, and ``{name:path}`` one that may have slashes.
        target: The handler as ``module:function``, below `budwood_server.routes`. It is imported at the first request.
        scope: What the key must be for.
        api: Whose API it is, which determines the form of errors: ``"openai"``, ``"anthropic"`` or ``"budwood"``; empty
            if it depends on the client.
    """

    method: str
    path: str
    target: str
    scope: str = INFER
    api: str = "openai"

    def load(self) -> Handler:
        """Import the handler."""
        module, _, name = self.target.partition(":")
        handler: Handler = getattr(import_module(f"budwood_server.routes.{module}"), name)
        return handler


ROUTES: Final = (
    Route("POST", "/v1/chat/completions", "chat:create"),
    Route("GET", "/v1/chat/completions", "chat:list_stored"),
    Route("GET", "/v1/chat/completions/{id}", "chat:refuse_stored"),
    Route("POST", "/v1/chat/completions/{id}", "chat:refuse_stored"),
    Route("DELETE", "/v1/chat/completions/{id}", "chat:refuse_stored"),
    Route("GET", "/v1/chat/completions/{id}/messages", "chat:refuse_stored"),
    Route("POST", "/v1/completions", "completions:create"),
    Route("POST", "/v1/embeddings", "embeddings:create"),
    Route("GET", "/v1/models", "models:list_all", api=""),
    Route("GET", "/v1/models/{id:path}", "models:get", api=""),
    Route("POST", "/v1/moderations", "moderations:create"),
    Route("POST", "/v1/images/generations", "images:generate"),
    Route("POST", "/v1/images/edits", "images:edit"),
    Route("POST", "/v1/images/variations", "images:vary"),
    Route("POST", "/v1/audio/speech", "audio:speak"),
    Route("POST", "/v1/audio/transcriptions", "audio:transcribe"),
    Route("POST", "/v1/audio/translations", "audio:translate"),
    Route("POST", "/v1/messages", "messages:create", api="anthropic"),
    Route("POST", "/v1/messages/count_tokens", "messages:count_tokens", api="anthropic"),
    Route("POST", "/v1/files", "files:upload"),
    Route("GET", "/v1/files", "files:list_files"),
    Route("GET", "/v1/files/{file_id}", "files:get"),
    Route("DELETE", "/v1/files/{file_id}", "files:delete"),
    Route("GET", "/v1/files/{file_id}/content", "files:read"),
    Route("POST", "/v1/responses", "responses:create"),
    Route("POST", "/v1/responses/input_tokens", "responses:count_tokens"),
    Route("GET", "/v1/responses/{id}", "stored_responses:get"),
    Route("DELETE", "/v1/responses/{id}", "stored_responses:delete"),
    Route("POST", "/v1/responses/{id}/cancel", "stored_responses:cancel"),
    Route("GET", "/v1/responses/{id}/input_items", "stored_responses:list_input_items"),
    Route("POST", "/v1/batches", "batches:create"),
    Route("GET", "/v1/batches", "batches:list_batches"),
    Route("GET", "/v1/batches/{batch_id}", "batches:get"),
    Route("POST", "/v1/batches/{batch_id}/cancel", "batches:cancel"),
    Route("POST", RUN, "run:create", api=OWN),
)


class Match(NamedTuple):
    """
    The route of a request.

    Attributes:
        route: The route; None if there is none with its path and method.
        parameters: The parts of the path that vary, by name.
        allowed: The methods of the path, if there is one with it.
    """

    route: Route | None
    parameters: Mapping[str, str] = {}
    allowed: frozenset[str] = frozenset()


class RouteTable:
    """Finds the route of a request: fixed paths by one look-up, others by their patterns."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._fixed: dict[str, dict[str, Route]] = {}
        self._patterns: list[tuple[re.Pattern[str], Route]] = []
        self._handlers: dict[Route, Handler] = {}
        for route in routes:
            if "{" in route.path:
                pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(route.path))
                pattern = re.sub(r"\\\{(\w+):path\\\}", r"(?P<\1>.+)", pattern)
                self._patterns.append((re.compile(pattern), route))
            else:
                self._fixed.setdefault(route.path, {})[route.method] = route

    def find(self, method: str, path: str) -> Match:
        """Return the route of a request. HEAD is answered as GET, without a body."""
        method = "GET" if method == "HEAD" else method
        fixed = self._fixed.get(path)
        if fixed is not None:
            return Match(fixed.get(method), allowed=frozenset(fixed))
        allowed = set()
        for pattern, route in self._patterns:
            if found := pattern.fullmatch(path):
                if route.method == method:
                    return Match(route, found.groupdict())
                allowed.add(route.method)
        return Match(None, allowed=frozenset(allowed))

    def handler(self, route: Route) -> Handler:
        """Return the handler of a route."""
        handler = self._handlers.get(route)
        if handler is None:
            handler = self._handlers[route] = route.load()
        return handler
