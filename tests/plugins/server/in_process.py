"""The gateway without a server: requests are ASGI messages."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

from budwood import Settings
from budwood_server.access.keys import INFER, ApiKey
from budwood_server.app import create_app
from budwood_server.worker import Worker

KEY = ApiKey(id="abc", name="tests", scopes=frozenset({INFER}), created=datetime(2026, 1, 1, tzinfo=UTC))


class Answer(NamedTuple):
    """
    The reply of the gateway.

    Attributes:
        status: The HTTP status.
        headers: The headers; of repeated ones the last.
        body: The body.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The JSON of the body."""
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The data of an event stream; JSON is parsed."""
        data = [line.removeprefix("data: ") for line in self.body.decode().splitlines() if line.startswith("data: ")]
        return [json.loads(text) if text.startswith("{") else text for text in data]


class Gateway:
    """
    The gateway, with settings of its own.

    Args:
        settings: The settings.
        key: The key of all requests.
    """

    def __init__(self, settings: dict[str, Any], key: ApiKey = KEY) -> None:
        self._settings = settings
        self._key = key

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        """Send a request with a JSON body."""
        return self.send("POST", path, json.dumps(body).encode(), **headers)

    def get(self, path: str, **headers: str) -> Answer:
        """Send a request without a body."""
        return self.send("GET", path, b"", **headers)

    def send(self, method: str, path: str, body: bytes, **headers: str) -> Answer:
        """Send a request in an event loop of its own."""
        return asyncio.run(self._send(method, path, body, headers))

    async def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        worker = Worker(lambda: Settings.load(self._settings), authenticate=lambda _: self._key)
        messages: list[Any] = []
        requests = [{"type": "http.request", "body": body}]

        async def receive() -> Any:
            return requests.pop() if requests else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            messages.append(message)

        sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        path, _, query = path.partition("?")
        scope = {"type": "http", "method": method, "path": path, "query_string": query.encode()}
        await create_app(worker)(scope | {"headers": [(b"authorization", b"Bearer key"), *sent]}, receive, send)
        await worker.stop()
        received = {str(name, "latin-1"): str(value, "latin-1") for name, value in messages[0]["headers"]}
        return Answer(messages[0]["status"], received, b"".join(message["body"] for message in messages[1:]))
