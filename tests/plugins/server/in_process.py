"""The gateway without a server: requests are ASGI messages."""

from __future__ import annotations

import asyncio
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from budwood import Settings
from budwood_server.app import create_app
from budwood_server.worker import Worker
from tests.plugins.server.keys import KEY

if TYPE_CHECKING:
    from budwood_server.access.keys import ApiKey
    from budwood_server.app import Application


CLIENT = ("127.0.0.1", 50_000)
"""The address of the client."""


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
    The gateway, with settings of its own. In a ``with`` block all requests share its state; else each starts anew.

    Args:
        settings: The settings.
        key: The key of all requests.
    """

    def __init__(self, settings: dict[str, Any], key: ApiKey = KEY) -> None:
        self._settings = settings
        self._key = key
        self._runner: asyncio.Runner | None = None
        self._worker: Worker | None = None

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner()
        self._worker = self._create_worker()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._runner is not None
        assert self._worker is not None
        self._runner.run(self._worker.stop())
        self._runner.close()

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        """Send a request with a JSON body."""
        return self.send("POST", path, json.dumps(body).encode(), **headers)

    def get(self, path: str, **headers: str) -> Answer:
        """Send a request without a body."""
        return self.send("GET", path, b"", **headers)

    def send(self, method: str, path: str, body: bytes, **headers: str) -> Answer:
        """Send a request."""
        if self._runner is not None and self._worker is not None:
            return self._runner.run(send_request(self._worker, method, path, body, headers))
        return asyncio.run(self._send_alone(method, path, body, headers))

    async def _send_alone(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        worker = self._create_worker()
        received = await send_request(worker, method, path, body, headers)
        await worker.stop()
        return received

    def _create_worker(self) -> Worker:
        return Worker(lambda: Settings.load(self._settings), authenticate=lambda _: self._key)


@lru_cache(maxsize=1)
def find_app(worker: Worker) -> Application:
    """Return the application of a worker; one takes longer to create than to answer a request."""
    return create_app(worker)


async def send_request(worker: Worker, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
    """
    Send a request to a worker.

    Args:
        worker: It answers.
        method: The method of HTTP.
        path: The path, and the query if there is one.
        body: The body.
        headers: Headers, with underscores in place of hyphens; an empty one is not sent.
    """
    messages: list[Any] = []
    requests = [{"type": "http.request", "body": body}]

    async def receive() -> Any:
        return requests.pop() if requests else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        messages.append(message)

    headers = {"authorization": "Bearer key"} | headers
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items() if value]
    path, _, query = path.partition("?")
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "client": CLIENT}
    await find_app(worker)(scope | {"headers": sent}, receive, send)
    received = {str(name, "latin-1"): str(value, "latin-1") for name, value in messages[0]["headers"]}
    return Answer(messages[0]["status"], received, b"".join(message["body"] for message in messages[1:]))
