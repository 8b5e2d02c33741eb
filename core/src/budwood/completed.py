"""Replies to many prompts, in the order in which they complete."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from budwood.errors import BudwoodError
from budwood.types import ChatResponse

Result = ChatResponse | BudwoodError


@dataclass(frozen=True, slots=True)
class CompletedReply:
    """
    One of many replies.

    Attributes:
        index: The place of its prompt among the prompts, from 0.
        reply: The reply, or the error with which the call failed.
        completed: How many prompts are done, this one included.
        total: How many prompts there are; None if they came from an iterator without a length.
    """

    index: int
    reply: Result
    completed: int
    total: int | None


class CompletedReplies:
    """
    Replies to many prompts, in the order in which they are complete; see `Client.ask_as_completed`.

    Use it in a ``with`` block: leaving the block, also by ``break`` or by an error, ends the requests that run.
    """

    def __init__(self, results: Generator[tuple[int, Result], None, None], total: int | None) -> None:
        self._results = results
        self._total = total
        self._completed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[CompletedReply]:
        return self

    def __next__(self) -> CompletedReply:
        index, reply = next(self._results)
        self._completed += 1
        return CompletedReply(index, reply, self._completed, self._total)

    def close(self) -> None:
        """End the requests that run. Closing twice is no error."""
        self._results.close()


class AsyncCompletedReplies:
    """Replies to many prompts; see `CompletedReplies`. Use it in an ``async with`` block."""

    def __init__(self, results: AsyncGenerator[tuple[int, Result], None], total: int | None) -> None:
        self._results = results
        self._total = total
        self._completed = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[CompletedReply]:
        return self

    async def __anext__(self) -> CompletedReply:
        index, reply = await anext(self._results)
        self._completed += 1
        return CompletedReply(index, reply, self._completed, self._total)

    async def close(self) -> None:
        """End the requests that run. Closing twice is no error."""
        await self._results.aclose()
