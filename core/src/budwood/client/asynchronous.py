"""The client with async I/O: the same thin layer over the engine as the blocking client."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, overload

from budwood.client import forking, transports
from budwood.client.arguments import (
    DEFAULT_CONCURRENCY,
    PULL_IDLE_SECONDS,
    PULL_SECONDS,
    count_prompts,
    list_contents,
    list_texts,
    load_conversation,
    make_engine,
    start_conversation,
)
from budwood.client.async_batches import AsyncBatchMethods
from budwood.client.async_media import AsyncMediaMethods
from budwood.clock import SystemClock
from budwood.contracts import AsyncTransport, Cache, Clock, Limiter, Observer
from budwood.engine import (
    AskOptions,
    ClientOptions,
    CompletionOptions,
    Content,
    OptionsWithoutSchema,
    Prompt,
    ServiceOptions,
)
from budwood.engine.drivers.effects import make_closed_error
from budwood.engine.drivers.threads import run_in_own_thread
from budwood.plugins import Registry
from budwood.settings import Settings
from budwood.types import ChatResponse

if TYPE_CHECKING:
    import httpx

    from budwood.chat import AsyncChatSession
    from budwood.completed import AsyncCompletedReplies, OnProgress
    from budwood.engine.batches.requests import BatchRequest
    from budwood.engine.chat.conversation import Conversation
    from budwood.streams import AsyncChatStream, AsyncPullStream
    from budwood.types import (
        BudgetState,
        EmbeddingResponse,
        ModelInfo,
        ModerationResponse,
        TokenCount,
    )

T = TypeVar("T")


class AsyncClient(AsyncMediaMethods, AsyncBatchMethods):
    """
    Asks models, with async I/O. Methods and options are those of `Client`. Tasks can share a client.

    It works in several event loops, one after the other or in threads of their own: each loop gets its own connections.
    A stream must be read in the loop that opened it, and an `httpx.AsyncClient` that you pass ties the client to the
    first loop. `close` closes the connections of all loops.
    Streams are opened by ``async with client.stream(…) as stream``. Blocking tools and caches get a thread.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        settings: Settings | Mapping[str, Any] | str | os.PathLike[str] | None = None,
        api_key: str | Sequence[str] | None = None,
        base_url: str | None = None,
        backups: Sequence[Mapping[str, Any]] | None = None,
        cache: str | Cache | Sequence[str | Cache] | bool | None = None,
        transport: str | AsyncTransport | httpx.AsyncClient | None = None,
        registry: Registry | None = None,
        clock: Clock | None = None,
        observers: Sequence[str | Observer] | None = None,
        budgets: Mapping[str, Mapping[str, Any]] | None = None,
        limiter: str | Limiter | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        self._clock = clock or SystemClock()
        self._engine = make_engine(
            model,
            blocking=False,
            settings=settings,
            api_key=api_key,
            base_url=base_url,
            backups=backups,
            cache=cache,
            registry=registry,
            clock=self._clock,
            observers=observers,
            transport=transport,
            budgets=budgets,
            limiter=limiter,
            options=options,
        )
        self._transport_name = transports.resolve_name(self._engine.instances, transport)
        self._transport: AsyncTransport | None = (
            None if self._transport_name else transports.wrap_async(transport, self._clock.monotonic)
        )
        self._closed = False
        # Not above: they import asyncio, which takes 8 ms that blocking programs save.
        from budwood.engine.drivers.asynchronous import AsyncDriver
        from budwood.wire.loop_transports import LoopTransports

        self._transports = LoopTransports(self._create_transport)
        self._driver = AsyncDriver(self._get_transport, self._clock)
        forking.clients.add(self)

    @overload
    async def ask(
        self, prompt: Prompt, *, schema: type[T], **options: Unpack[OptionsWithoutSchema]
    ) -> ChatResponse[T]: ...

    @overload
    async def ask(self, prompt: Prompt, **options: Unpack[AskOptions]) -> ChatResponse: ...

    async def ask(self, prompt: Prompt, **options: Unpack[AskOptions]) -> ChatResponse:
        """Ask a model and wait for the complete reply; see `Client.ask`."""
        return await self._driver.run(self._engine.ask(prompt, options))

    run = ask

    def stream(self, prompt: Prompt, **options: Unpack[AskOptions]) -> AsyncChatStream:
        """Ask a model and read the reply as it arrives; see `Client.stream`."""
        from budwood.streams import AsyncChatStream

        reply = self._engine.stream(prompt, options)
        return AsyncChatStream(self._driver.stream(reply.flow), reply.partial)

    def ask_many(
        self,
        prompts: Iterable[Prompt | BatchRequest] | AsyncIterable[Prompt | BatchRequest],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        progress: OnProgress | None = None,
        **options: Unpack[AskOptions],
    ) -> AsyncCompletedReplies:
        """
        Ask many prompts side by side, and read each reply as soon as it is complete; see `Client.ask_many`.

        The prompts may come from an async iterable, too. ``await client.ask_many(prompts).in_order()`` waits for all.
        """
        from budwood.completed import AsyncCompletedReplies, PromptLog
        from budwood.engine.many import check_many

        check_many(prompts, concurrency, progress, takes_async=True)
        log = PromptLog(count_prompts(prompts), progress)
        flows = (
            self._engine.ask_each_async(log.watch_async(prompts), options)
            if isinstance(prompts, AsyncIterable)
            else self._engine.ask_each(log.watch(prompts), options)
        )
        return AsyncCompletedReplies(self._driver.as_completed(flows, concurrency), log)

    def chat(self, **options: Unpack[AskOptions]) -> AsyncChatSession:
        """Start a conversation; see `Client.chat`."""
        from budwood.chat import AsyncChatSession

        return AsyncChatSession(self, start_conversation(self._engine.model, options), options)

    def load_chat(self, path: str | os.PathLike[str], **options: Unpack[AskOptions]) -> AsyncChatSession:
        """Continue a saved conversation; see `Client.load_chat`."""
        from budwood.chat import AsyncChatSession

        return AsyncChatSession(self, load_conversation(path, options), options)

    async def ask_in(self, conversation: Conversation, prompt: Prompt, options: AskOptions) -> ChatResponse:
        """Ask in a conversation, as `AsyncChatSession.ask` does."""
        return await self._driver.run(self._engine.talk(conversation, prompt, options))

    def stream_in(self, conversation: Conversation, prompt: Prompt, options: AskOptions) -> AsyncChatStream:
        """Ask in a conversation, as `AsyncChatSession.stream` does."""
        from budwood.streams import AsyncChatStream

        reply = self._engine.stream_talk(conversation, prompt, options)
        return AsyncChatStream(self._driver.stream(reply.flow), reply.partial)

    async def embed(
        self, texts: str | Iterable[str], *, dimensions: int | None = None, **options: Unpack[ServiceOptions]
    ) -> EmbeddingResponse:
        """Embed texts in one request; see `Client.embed`."""
        return await self._driver.run(self._engine.embed(list_texts(texts), dimensions, options))

    async def moderate(
        self, contents: Content | Iterable[Content], **options: Unpack[ServiceOptions]
    ) -> ModerationResponse:
        """Classify contents by the vendor's policy; see `Client.moderate`."""
        return await self._driver.run(self._engine.moderate(list_contents(contents), options))

    async def complete(self, prompt: str, **options: Unpack[CompletionOptions]) -> ChatResponse:
        """Continue a text; see `Client.complete`."""
        return await self._driver.run(self._engine.complete(prompt, options).flow)

    def stream_completion(self, prompt: str, **options: Unpack[CompletionOptions]) -> AsyncChatStream:
        """Continue a text, and read the reply as it arrives; see `Client.stream_completion`."""
        from budwood.streams import AsyncChatStream

        reply = self._engine.complete(prompt, options, streamed=True)
        return AsyncChatStream(self._driver.stream(reply.flow), reply.partial)

    async def count_tokens(self, prompt: Prompt, *, offline: bool = False, **options: Unpack[AskOptions]) -> TokenCount:
        """Count the tokens of a request before it is sent; see `Client.count_tokens`."""
        return await self._driver.run(self._engine.count_tokens(prompt, options, offline=offline))

    async def models(self, provider: str | None = None) -> tuple[ModelInfo, ...]:
        """List the models of a provider; see `Client.models`."""
        return await self._driver.run(self._engine.models(provider))

    async def check_key(self, provider: str | None = None) -> None:
        """Check that a server accepts the API key of a provider; see `Client.check_key`."""
        await self._driver.run(self._engine.check_key(provider))

    def pull(
        self, model: str | None = None, *, timeout: float = PULL_SECONDS, idle_timeout: float = PULL_IDLE_SECONDS
    ) -> AsyncPullStream:
        """Have a server download a model, and read the progress; see `Client.pull`."""
        from budwood.streams import AsyncPullStream

        return AsyncPullStream(self._driver.stream(self._engine.pull(model, timeout, idle_timeout)))

    async def budgets(self) -> tuple[BudgetState, ...]:
        """Return what is spent and left of each budget; see `Client.budgets`."""
        return await self._driver.run(self._engine.read_budgets())

    async def close(self) -> None:
        """
        Close connections, caches and observers, after waiting up to 5 s for abandoned calls. Closing twice is no error.

        Caches and observers are closed in a thread, because they write what is left. If the task is cancelled, they are
        closed as well.
        """
        try:
            await self._driver.close()
        finally:  # also if the task is cancelled
            self._closed = True
            try:
                await self._transports.close()
            finally:
                await run_in_own_thread(self._engine.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({self._engine.model!r})"

    def _get_transport(self) -> AsyncTransport:
        if self._closed:
            raise make_closed_error()
        return self._transport or self._transports.get()

    def _create_transport(self) -> AsyncTransport:
        transport, source = transports.create_async(self._engine.instances, self._transport_name or "")
        self._driver.transport_source = source
        return transport

    def _after_fork(self) -> None:
        forking.inherited.append(self._transports)
        self._transports = type(self._transports)(self._create_transport)
        self._engine.after_fork()
