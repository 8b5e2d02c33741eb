"""Lists, whose pages are fetched while they are iterated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Generic, TypeVar

from budwood_server.api_models.pages import PageOf
from budwood_server.client import calls
from budwood_server.client.requests import Request
from budwood_server.client.senders import AsyncSender, Sender

T = TypeVar("T")


class Items(Generic[T]):
    """
    The items of a list. Its pages are fetched while it is iterated, each when it is needed.

    Args:
        sender: Sends the requests.
        request: The request for the first page.
    """

    def __init__(self, sender: Sender, request: Request[PageOf[T]]) -> None:
        self._sender = sender
        self._request = request

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.items

    def pages(self) -> Iterator[PageOf[T]]:
        """Yield the pages."""
        request: Request[PageOf[T]] | None = self._request
        while request is not None:
            page = self._sender.run(calls.fetch(self._sender.connection, request))
            yield page
            request = request.at(page.next_cursor) if page.next_cursor is not None else None


class AsyncItems(Generic[T]):
    """The items of a list, for ``async for``; see `Items`."""

    def __init__(self, sender: AsyncSender, request: Request[PageOf[T]]) -> None:
        self._sender = sender
        self._request = request

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.items:
                yield item

    async def pages(self) -> AsyncIterator[PageOf[T]]:
        """Yield the pages."""
        request: Request[PageOf[T]] | None = self._request
        while request is not None:
            page = await self._sender.run(calls.fetch(self._sender.connection, request))
            yield page
            request = request.at(page.next_cursor) if page.next_cursor is not None else None
