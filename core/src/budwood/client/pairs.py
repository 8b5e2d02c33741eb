"""The clients of a component that another framework calls from blocking and from async code."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import NoReturn, Self, TypeVar, Unpack

from budwood.client.asynchronous import AsyncClient
from budwood.client.blocking import Client
from budwood.client.threaded import ThreadedClient
from budwood.engine import AskOptions, Prompt
from budwood.engine.drivers.blocking import BlockingDriver
from budwood.errors import BudwoodError, ConfigurationError
from budwood.names import identify
from budwood.providing.addresses import hide_secrets
from budwood.types import ModelDetails, TokenCount

C = TypeVar("C", Client, AsyncClient)


class ClientPair:
    """
    A blocking and an async client for one model, for components of other frameworks. Threads can share a pair.

    Clients that are passed stay their owner's, who closes them. Without any, each client is created at its first use,
    and closed by `close` or `aclose`, or when the pair is dropped, or at the end of the program.

    A copy of a pair, also a deep one, is the pair itself. A pickle contains neither clients nor keys: a loaded pair
    creates its clients from the settings, for the same model and address.

    Args:
        model: ``provider/model``; by default that of the settings.
        client: A blocking client. Without an ``async_client``, it also answers async calls, in threads, so that its
            cache, budgets and keys apply.
        async_client: An async client.
        api_key: The key, or several, of the clients that are created.
        base_url: Their address of the provider.

    Raises:
        ConfigurationError: A client was passed together with a key or an address, which would not be used.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        client: Client | None = None,
        async_client: AsyncClient | None = None,
        api_key: str | Sequence[str] | None = None,
        base_url: str | None = None,
    ) -> None:
        self._passed, self._passed_async = client, async_client
        self._is_own = client is None and async_client is None
        unused = [name for name, value in (("api_key", api_key), ("base_url", base_url)) if value]
        if unused and not self._is_own:
            names = " and ".join(unused)
            raise ConfigurationError(
                f"{names} cannot be passed together with a client.",
                hint=f"Pass {names} to the client instead: Client(model, {unused[0]}=…).",
            )
        self._model, self._api_key, self._base_url = model, api_key, base_url
        self._lock = threading.Lock()
        self._blocking: Client | None = None
        self._asynchronous: AsyncClient | None = None
        self._open: list[Client | AsyncClient] = []
        weakref.finalize(self, _close_all, self._open)

    @property
    def blocking(self) -> Client:
        """
        The client for blocking code.

        Raises:
            ConfigurationError: Only an async client was passed, or the settings are invalid.
        """
        if self._passed is not None:
            return self._passed
        if not self._is_own:
            raise ConfigurationError(
                "Blocking calls need a client, and only async_client was passed.",
                hint="Pass client=Client(…) as well, or use async calls.",
            )
        with self._lock:
            if self._blocking is None:
                self._blocking = self._create(Client)
                self._open.append(self._blocking)
            return self._blocking

    @property
    def asynchronous(self) -> AsyncClient:
        """
        The client for async code.

        Raises:
            ConfigurationError: The settings are invalid.
        """
        if self._passed_async is not None:
            return self._passed_async
        with self._lock:
            if self._asynchronous is None:
                self._asynchronous = self._create(AsyncClient) if self._passed is None else ThreadedClient(self._passed)
                self._open.append(self._asynchronous)
            return self._asynchronous

    def describe(self, model: str | None = None) -> ModelDetails:
        """
        Return what is known about a model; by default that of the clients. Nothing is sent.

        Raises:
            ConfigurationError: No model is configured, or the settings are invalid.
        """
        return self._any().model(model)

    def count_tokens(self, prompt: Prompt, **options: Unpack[AskOptions]) -> TokenCount:
        """
        Count the tokens of a request offline, as `Client.count_tokens` does; also if only an async client was passed.

        Raises:
            ConfigurationError: An option or the settings are invalid.
        """
        client = self._any()
        if isinstance(client, Client):
            return client.count_tokens(prompt, offline=True, **options)
        flow = client._engine.count_tokens(prompt, options, offline=True)  # noqa: SLF001 - not for users; likewise below
        return BlockingDriver(_reject_request, client._clock).run(flow)  # noqa: SLF001

    def observer_ids(self) -> list[str]:
        """
        Return the observers of blocking calls, for ``reported_to`` of `budwood.CallReporter.start`.

        Pass them in the metadata of a run, to report no call twice: they are text, and valid in this process. The list
        is empty if no client can be created, which the call reports.
        """
        return _identify_observers(self._any)

    def async_observer_ids(self) -> list[str]:
        """Return the observers of async calls; see `observer_ids`. Clients that were passed can have different ones."""
        return _identify_observers(lambda: self._passed_async or self._any())

    def close(self) -> None:
        """Close the clients that were created. The next use creates new ones. Closing twice is no error."""
        _close_all(self._take())

    async def aclose(self) -> None:
        """Close the clients that were created; see `close`."""
        clients = self._take()
        while clients:
            client = clients.pop()
            if isinstance(client, Client):
                await asyncio.to_thread(client.close)
            else:
                await client.close()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[partial[ClientPair], tuple[()]]:
        address = None if self._base_url is None else hide_secrets(self._base_url)
        return partial(type(self), self._model, base_url=address), ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._model!r})"

    def _any(self) -> Client | AsyncClient:
        return self._passed or self._passed_async or self.blocking

    def _create(self, kind: type[C]) -> C:
        return kind(self._model, api_key=self._api_key, base_url=self._base_url)

    def _take(self) -> list[Client | AsyncClient]:
        with self._lock:
            self._blocking = self._asynchronous = None
            clients, self._open[:] = list(self._open), []
        return clients


def _identify_observers(find_client: Callable[[], Client | AsyncClient]) -> list[str]:
    try:
        return [identify(observer) for observer in find_client().observers()]
    except BudwoodError:
        return []


def _reject_request() -> NoReturn:
    raise AssertionError("tokens are counted offline")


def _close_all(clients: list[Client | AsyncClient]) -> None:
    while clients:
        client = clients.pop()
        if isinstance(client, Client):
            client.close()
        elif isinstance(client, ThreadedClient):
            client.stop()
        else:
            _close_from_blocking_code(client)


def _close_from_blocking_code(client: AsyncClient) -> None:
    """Close an async client in an event loop of its own. If a loop runs in this thread, another thread does it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(client.close())
    else:  # without waiting, because the client may have connections that only this event loop can close
        threading.Thread(target=lambda: asyncio.run(client.close()), name="budwood-close").start()
