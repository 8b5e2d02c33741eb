"""A blocking client for async code, in threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from budwood import (
    ChatResponse,
    ChatStream,
    Client,
    EmbeddingResponse,
    Prompt,
    StreamEvent,
)

P = ParamSpec("P")
T = TypeVar("T")


class ThreadedClient:
    """
    The methods of `budwood.AsyncClient` that LlamaIndex needs, by a blocking client in threads.

    Args:
        client: The client.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def ask(self, prompt: Prompt, **options: Any) -> ChatResponse:
        """Ask a model."""
        return await asyncio.to_thread(lambda: self._client.ask(prompt, **options))

    async def complete(self, prompt: str, **options: Any) -> ChatResponse:
        """Continue a text."""
        return await asyncio.to_thread(self._client.complete, prompt, **options)

    def stream(self, prompt: Prompt, **options: Any) -> ThreadedStream:
        """Ask a model and read the reply as it arrives."""
        return ThreadedStream(self._client.stream(prompt, **options))

    def stream_completion(self, prompt: str, **options: Any) -> ThreadedStream:
        """Continue a text, and read the reply as it arrives."""
        return ThreadedStream(self._client.stream_completion(prompt, **options))

    async def embed(self, texts: Iterable[str], *, dimensions: int | None = None, **options: Any) -> EmbeddingResponse:
        """Embed texts."""
        return await asyncio.to_thread(self._client.embed, texts, dimensions=dimensions, **options)


class ThreadedStream:
    """
    A streamed reply, read in threads: one at a time, also if a task is cancelled while its thread reads.

    Args:
        stream: The reply.
    """

    def __init__(self, stream: ChatStream) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    @property
    def response(self) -> ChatResponse:
        """The reply; see `budwood.ChatStream.response`."""
        return self._stream.response

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._run(self._stream.__exit__, kind, error, trace)

    async def __aiter__(self) -> AsyncIterator[StreamEvent]:
        events = iter(self._stream)
        while (event := await self._run(next, events, None)) is not None:
            yield event

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def run() -> T:
            with self._lock:
                return function(*args, **kwargs)

        return await asyncio.to_thread(run)
