"""Replies to many prompts, in the order in which they complete."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Self

from budwood.errors import BudwoodError
from budwood.types import ChatResponse
from budwood.types.record import short_repr

if TYPE_CHECKING:
    from budwood.engine.batches.requests import BatchRequest
    from budwood.engine.chat.prompts import Prompt

Result = ChatResponse | BudwoodError


@dataclass(frozen=True, slots=True)
class AskProgress:
    """
    The progress of `Client.ask_many`.

    Attributes:
        done: How many prompts are done, failed ones included.
        total: How many prompts there are; None if they come from an iterator without a length.
        errors: How many of them failed.
        cost: US dollars of all calls whose cost is known, failed ones included; None if no cost is known.
    """

    done: int
    total: int | None
    errors: int
    cost: Decimal | None

    __repr__ = short_repr


OnProgress = Callable[[AskProgress], object]
"""Called after each reply."""


@dataclass(frozen=True, slots=True)
class CompletedReply:
    """
    One of many replies.

    Attributes:
        index: The place of its prompt among the prompts, from 0.
        reply: The reply, or the error with which the call failed.
        completed: How many prompts are done, this one included.
        total: How many prompts there are; None if they come from an iterator without a length.
        prompt: The prompt.
    """

    index: int
    reply: Result
    completed: int
    total: int | None
    prompt: Prompt | BatchRequest = field(repr=False)

    __repr__ = short_repr


class PromptLog:
    """
    Keeps prompts from the time they are read until they are done.

    Args:
        total: How many prompts there are; None if that is unknown.
        progress: Called after each reply.
    """

    def __init__(self, total: int | None, progress: OnProgress | None) -> None:
        self._total = total
        self._report = progress
        self._prompts: dict[int, Prompt | BatchRequest] = {}
        self._read = self._done = self._errors = 0
        self._cost: Decimal | None = None

    def watch(self, prompts: Iterable[Prompt | BatchRequest]) -> Iterator[Prompt | BatchRequest]:
        """Yield the prompts, and keep them."""
        for prompt in prompts:
            self._add(prompt)
            yield prompt

    def __str__(self) -> str:
        return f"{self._done} done" if self._total is None else f"{self._done} of {self._total} done"

    async def watch_async(self, prompts: AsyncIterable[Prompt | BatchRequest]) -> AsyncIterator[Prompt | BatchRequest]:
        """Yield the prompts, and keep them."""
        async for prompt in prompts:
            self._add(prompt)
            yield prompt

    def complete(self, index: int, reply: Result) -> CompletedReply:
        """Count a reply, report the progress, and return the reply with its prompt."""
        self._done += 1
        self._errors += isinstance(reply, BudwoodError)
        cost = find_cost(reply)
        if cost is not None:
            self._cost = cost + (self._cost or 0)
        done = CompletedReply(index, reply, self._done, self._total, self._prompts.pop(index))
        if self._report is not None:
            self._report(AskProgress(self._done, self._total, self._errors, self._cost))
        return done

    def _add(self, prompt: Prompt | BatchRequest) -> None:
        self._prompts[self._read] = prompt
        self._read += 1


def find_cost(result: Result) -> Decimal | None:
    """Return the known cost of a call in US dollars; None if no cost is known."""
    if isinstance(result, ChatResponse) and result.cost is not None:
        return result.cost
    known = [attempt.cost for attempt in getattr(result, "attempts", ()) if attempt.cost is not None]
    return sum(known, Decimal(0)) if known else None


class CompletedReplies:
    """
    Replies to many prompts, in the order in which they are complete; see `Client.ask_many`.

    Leaving a loop by ``break`` ends the requests that run. Use it in a ``with`` block if the object outlives the loop:
    leaving the block, also by an error, does the same.
    """

    def __init__(self, results: Generator[tuple[int, Result], None, None], log: PromptLog) -> None:
        self._results = results
        self._log = log

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._log})"

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
        try:
            return self._log.complete(index, reply)
        except BaseException:  # of the function that shows the progress
            self.close()
            raise

    def in_order(self) -> list[Result]:
        """
        Wait for all replies that were not read yet, and return them in the order of their prompts.

        In the place of a failed call is its error.
        """
        with self:
            replies = {done.index: done.reply for done in self}
        return [replies[index] for index in sorted(replies)]

    def close(self) -> None:
        """End the requests that run. Closing twice is no error."""
        self._results.close()


class AsyncCompletedReplies:
    """Replies to many prompts; see `CompletedReplies`. Use it in an ``async with`` block if you may leave a loop."""

    def __init__(self, results: AsyncGenerator[tuple[int, Result], None], log: PromptLog) -> None:
        self._results = results
        self._log = log

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._log})"

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
        try:
            return self._log.complete(index, reply)
        except BaseException:  # of the function that shows the progress
            await self.close()
            raise

    async def in_order(self) -> list[Result]:
        """Wait for all replies that were not read yet; see `CompletedReplies.in_order`."""
        async with self:
            replies = {done.index: done.reply async for done in self}
        return [replies[index] for index in sorted(replies)]

    async def close(self) -> None:
        """End the requests that run. Closing twice is no error."""
        await self._results.aclose()
