"""
Methods of the clients, each written once for both forms.

A method of a resource returns a `Request`. Decorated, it sends it: for `GatewayClient` it returns the reply, and for
`AsyncGatewayClient` it has to be awaited.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from budwood_server.api_models.pages import PageOf
from budwood_server.client import calls
from budwood_server.client.events import AsyncEvents, Events
from budwood_server.client.items import AsyncItems, Items
from budwood_server.client.requests import Download, Request, StreamRequest
from budwood_server.client.senders import AsyncSender, Sender

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S", bound=Sender | AsyncSender)


class Resource(Generic[S]):
    """
    Methods about one kind of thing.

    Args:
        sender: Sends their requests: a `Sender` or an `AsyncSender`.
    """

    def __init__(self, sender: S) -> None:
        self.sender = sender


class _Method(Generic[P, R]):
    """A method of a resource, which builds a request of the type R."""

    def __init__(self, method: Callable[Concatenate[Any, P], R]) -> None:
        self._method = method
        self.__doc__ = method.__doc__
        self.__wrapped__ = method

    def bind(self, resource: Resource[Any], send: Callable[[Any, R], Any]) -> Callable[P, Any]:
        """Return the method of a resource, which sends the request by the sender of the resource."""
        sender, build = resource.sender, self._method.__get__(resource)

        @functools.wraps(build)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:  # noqa: ANN401 - see the methods `__get__`
            return send(sender, build(*args, **kwargs))

        return call


class operation(_Method[P, Request[T]]):  # noqa: N801 - a decorator
    """Send the request that a method returns; the reply is its result."""

    @overload
    def __get__(self, resource: Resource[Sender], owner: object = None) -> Callable[P, T]: ...

    @overload
    def __get__(self, resource: Resource[AsyncSender], owner: object = None) -> Callable[P, Awaitable[T]]: ...

    @overload
    def __get__(self, resource: None, owner: object = None) -> Self: ...

    def __get__(self, resource: Resource[Any] | None, owner: object = None) -> Any:
        """Return the method of a resource."""
        return self if resource is None else self.bind(resource, _fetch)


class steps(_Method[P, Generator[Request[Any], Any, T]]):  # noqa: N801 - a decorator
    """Send the requests that a method yields, one after the other."""

    @overload
    def __get__(self, resource: Resource[Sender], owner: object = None) -> Callable[P, T]: ...

    @overload
    def __get__(self, resource: Resource[AsyncSender], owner: object = None) -> Callable[P, Awaitable[T]]: ...

    @overload
    def __get__(self, resource: None, owner: object = None) -> Self: ...

    def __get__(self, resource: Resource[Any] | None, owner: object = None) -> Any:
        """Return the method of a resource."""
        return self if resource is None else self.bind(resource, _fetch_steps)


class listing(_Method[P, Request[PageOf[T]]]):  # noqa: N801 - a decorator
    """Iterate over the items of the pages that the request of a method returns."""

    @overload
    def __get__(self, resource: Resource[Sender], owner: object = None) -> Callable[P, Items[T]]: ...

    @overload
    def __get__(self, resource: Resource[AsyncSender], owner: object = None) -> Callable[P, AsyncItems[T]]: ...

    @overload
    def __get__(self, resource: None, owner: object = None) -> Self: ...

    def __get__(self, resource: Resource[Any] | None, owner: object = None) -> Any:
        """Return the method of a resource."""
        return self if resource is None else self.bind(resource, _iterate)


class following(_Method[P, StreamRequest[T]]):  # noqa: N801 - a decorator
    """Iterate over the events of the stream that a method describes."""

    @overload
    def __get__(self, resource: Resource[Sender], owner: object = None) -> Callable[P, Events[T]]: ...

    @overload
    def __get__(self, resource: Resource[AsyncSender], owner: object = None) -> Callable[P, AsyncEvents[T]]: ...

    @overload
    def __get__(self, resource: None, owner: object = None) -> Self: ...

    def __get__(self, resource: Resource[Any] | None, owner: object = None) -> Any:
        """Return the method of a resource."""
        return self if resource is None else self.bind(resource, _follow)


class saving(_Method[P, Download]):  # noqa: N801 - a decorator
    """Write the reply to the request of a method to a file; the number of its bytes is the result."""

    @overload
    def __get__(self, resource: Resource[Sender], owner: object = None) -> Callable[P, int]: ...

    @overload
    def __get__(self, resource: Resource[AsyncSender], owner: object = None) -> Callable[P, Awaitable[int]]: ...

    @overload
    def __get__(self, resource: None, owner: object = None) -> Self: ...

    def __get__(self, resource: Resource[Any] | None, owner: object = None) -> Any:
        """Return the method of a resource."""
        return self if resource is None else self.bind(resource, _save)


def _fetch(sender: Any, request: Request[Any]) -> Any:  # noqa: ANN401 - of either form
    return sender.run(calls.fetch(sender.connection, request))


def _fetch_steps(sender: Any, requests: Generator[Request[Any], Any, Any]) -> Any:  # noqa: ANN401 - of either form
    return sender.run(calls.fetch_steps(sender.connection, requests))


def _iterate(sender: Any, request: Request[Any]) -> Any:  # noqa: ANN401 - of either form
    return AsyncItems(sender, request) if isinstance(sender, AsyncSender) else Items(sender, request)


def _save(sender: Any, source: Download) -> Any:  # noqa: ANN401 - of either form
    from budwood_server.client.downloads import download  # few programs save files

    return sender.run(download(sender.connection, source))


def _follow(sender: Any, source: StreamRequest[Any]) -> Any:  # noqa: ANN401 - of either form
    return AsyncEvents(sender, source) if isinstance(sender, AsyncSender) else Events(sender, source)
