"""The clients of an LLM or an embedding model, which are created when they are used."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Mapping
from typing import Any, Self

from budwood import AsyncClient, Client, ModelDetails
from budwood.contracts import Observer
from budwood.errors import ConfigurationError
from budwood_llama_index.threads import ThreadedClient


class Clients:
    """
    A blocking and an async client for the same model. Threads can share them.

    Clients that were passed are used as they are, and their owner closes them. Without any, one of each kind is created
    at its first use, and closed by `close`, or when this object is no longer used, or at the end of the program.

    Args:
        client: The blocking client that the user passed. Without an async one, it runs async calls in threads, so that
            its cache, budgets and keys hold.
        async_client: The async client that the user passed.
        arguments: The arguments of clients that are created: ``model``, ``api_key`` and ``base_url``.
    """

    def __init__(self, client: Client | None, async_client: AsyncClient | None, arguments: Mapping[str, Any]) -> None:
        self._client = client
        self._async_client = async_client
        self._arguments = arguments
        self._created: list[Client | AsyncClient] = []
        self._own: dict[type, Any] = {}
        self._details: dict[str | None, ModelDetails] = {}
        self._lock = threading.Lock()
        weakref.finalize(self, _close_all, self._created)

    def __deepcopy__(self, memo: object) -> Self:
        return self  # connections cannot be copied

    @property
    def blocking(self) -> Client:
        """
        The client of methods that block.

        Raises:
            ConfigurationError: Only an async client was passed.
        """
        if self._client is not None:
            return self._client
        if self._async_client is not None:
            raise ConfigurationError(
                "Blocking methods need a client; only async_client= was passed.",
                hint="Pass client=Client(…) as well, or call async methods.",
            )
        client: Client = self._get_own(Client)
        return client

    @property
    def asynchronous(self) -> AsyncClient | ThreadedClient:
        """The client of async methods."""
        if self._async_client is not None:
            return self._async_client
        if self._client is not None:
            return ThreadedClient(self._client)
        client: AsyncClient = self._get_own(AsyncClient)
        return client

    def describe(self, model: str | None) -> ModelDetails:
        """Return what is known about a model. Nothing is sent."""
        details = self._details.get(model)
        if details is None:
            details = self._details[model] = self._any().model(model)
        return details

    def observers(self) -> tuple[str | Observer, ...]:
        """Return the observers to which the clients report their calls."""
        return self._any().observers()

    def _any(self) -> Client | AsyncClient:
        return self._client or self._async_client or self.blocking

    def close(self) -> None:
        """Close the clients that were created here. The next use creates new ones."""
        with self._lock:
            self._own.clear()
        _close_all(self._created)

    async def aclose(self) -> None:
        """Close the clients that were created here; see `close`."""
        with self._lock:
            self._own.clear()
        while self._created:
            client = self._created.pop()
            if isinstance(client, AsyncClient):
                await client.close()
            else:
                await asyncio.to_thread(client.close)

    def _get_own(self, kind: type[Client | AsyncClient]) -> Any:
        with self._lock:
            if kind not in self._own:
                self._own[kind] = kind(**self._arguments)
                self._created.append(self._own[kind])
            return self._own[kind]


def _close_all(clients: list[Client | AsyncClient]) -> None:
    while clients:
        client = clients.pop()
        if isinstance(client, Client):
            client.close()
        else:
            _close_async_client(client)


def _close_async_client(client: AsyncClient) -> None:
    """Close an async client from blocking code. If an event loop runs in this thread, another thread does it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(client.close())
    else:  # without waiting, because the client may have connections that only this event loop can close
        threading.Thread(target=lambda: asyncio.run(client.close()), name="budwood-close").start()
