"""
The client with blocking I/O: a thin layer over the engine.

Modules that `Client.ask` does not need (streams, conversations, other services) are imported by the methods that use
them, to keep short programs fast.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
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
from budwood.client.batches import BatchMethods
from budwood.client.media import MediaMethods
from budwood.clock import SystemClock
from budwood.contracts import Cache, Clock, Limiter, Observer, Transport
from budwood.engine import (
    AskOptions,
    ClientOptions,
    CompletionOptions,
    Content,
    OptionsWithoutSchema,
    Prompt,
    ServiceOptions,
)
from budwood.engine.drivers.blocking import BlockingDriver
from budwood.engine.drivers.effects import make_closed_error
from budwood.plugins import Registry
from budwood.settings import Settings
from budwood.types import ChatResponse

if TYPE_CHECKING:
    import httpx

    from budwood.chat import ChatSession
    from budwood.completed import CompletedReplies, OnProgress
    from budwood.engine.batches.requests import BatchRequest
    from budwood.engine.chat.conversation import Conversation
    from budwood.streams import ChatStream, PullStream
    from budwood.types import (
        BudgetState,
        EmbeddingResponse,
        ModelInfo,
        ModerationResponse,
        TokenCount,
    )

T = TypeVar("T")


class Client(MediaMethods, BatchMethods):
    """
    Asks models, with blocking I/O. Threads can share a client. Close it, or use it in a ``with`` block.

    A forked process gets new connections; a ``transport`` that you pass must provide that itself.

    Args:
        model: ``provider/model``, the default model of calls; by default the one in the settings.
        settings: A dictionary, or the path of a file, in the form of ``budwood.toml``: it takes precedence over all
            other files and the environment. A `Settings` object replaces all of them.
        api_key: The key for the provider of ``model``, or a list of several, which share the calls.
        base_url: The address of the provider of ``model``.
        backups: Further endpoints of that provider, which are asked if it fails. Each is a table of settings, such as
            ``{"base_url": "…"}``, and inherits all others.
        cache: Caches replies: the name of a cache, or a `Cache`, which you close yourself. False for no cache, even if
            the settings have one.
        transport: Sends the requests: ``"auto"`` (the default) for the fastest transport that is installed, the name of
            a transport, a client of httpx, or a `Transport`. You close a client or a transport that you pass.
        registry: Finds plugins; by default those that are installed.
        clock: The clock; for tests.
        observers: Receive events of calls: names of plugins, or objects with a method ``observe``; by default those in
            the settings.
        budgets: Budgets by name, as in ``[budgets.NAME]``: ``{"monthly": {"dollars": 50, "per": "month"}}``. They
            override budgets of the settings with the same name.
        limiter: Counts requests and tokens against limits: the name of a limiter, or a `Limiter`, which you close
            yourself; by default the one in the settings, or one inside the process.
        **options: Defaults of all calls; see `budwood.settings.Options`.

    Raises:
        ConfigurationError: An argument or the settings are invalid.
        PluginError: The provider of the model or the cache cannot be used.
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
        transport: str | Transport | httpx.Client | None = None,
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
            blocking=True,
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
        self._transport: Transport | None = (
            None if self._transport_name else transports.wrap_blocking(transport, self._clock.monotonic)
        )
        self._lock = threading.Lock()
        self._closed = False
        self._driver = BlockingDriver(self._get_transport, self._clock)
        forking.clients.add(self)

    @overload
    def ask(self, prompt: Prompt, *, schema: type[T], **options: Unpack[OptionsWithoutSchema]) -> ChatResponse[T]: ...

    @overload
    def ask(self, prompt: Prompt, **options: Unpack[AskOptions]) -> ChatResponse: ...

    def ask(self, prompt: Prompt, **options: Unpack[AskOptions]) -> ChatResponse:
        """
        Ask a model and wait for the complete reply.

        Args:
            prompt: A text, a message, or a list of messages, which may be dictionaries in OpenAI's form.
            **options: See `budwood.engine.AskOptions`.

        Raises:
            BudwoodError: See the tree of errors in `budwood.errors`.
        """
        return self._driver.run(self._engine.ask(prompt, options))

    run = ask

    def stream(self, prompt: Prompt, **options: Unpack[AskOptions]) -> ChatStream:
        """Ask a model and read the reply as it arrives. The request is sent when you read the first event."""
        from budwood.streams import ChatStream

        reply = self._engine.stream(prompt, options)
        return ChatStream(self._driver.stream(reply.flow), reply.partial)

    def ask_many(
        self,
        prompts: Iterable[Prompt | BatchRequest],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        progress: OnProgress | None = None,
        **options: Unpack[AskOptions],
    ) -> CompletedReplies:
        """
        Ask many prompts side by side, and read each reply as soon as it is complete.

        .. code-block:: python

            for done in client.ask_many(prompts):
                print(done.index, done.prompt, done.reply)

            replies = client.ask_many(prompts).in_order()

        If a call fails, ``done.reply`` is its error. Nothing is sent before the first reply is read. At most
        ``concurrency`` replies wait to be read: after that, further prompts are not sent. Leaving the loop ends the
        requests that run.

        Args:
            prompts: Each is as for `ask`, or a `BatchRequest` with options of its own. An iterator is read as the
                requests are sent, never further.
            concurrency: How many requests run at once.
            progress: Called with an `AskProgress` after each reply.
            **options: As for `ask`; they hold for all prompts.

        Raises:
            ConfigurationError: An option is wrong, no model is given, or its key is missing. Nothing was sent.
            UnsupportedError: The model cannot do what the options need. Nothing was sent.
        """
        from budwood.completed import CompletedReplies, PromptLog
        from budwood.engine.many import check_many

        check_many(prompts, concurrency, progress, takes_async=False)
        log = PromptLog(count_prompts(prompts), progress)
        flows = self._engine.ask_each(log.watch(prompts), options)
        return CompletedReplies(self._driver.as_completed(flows, concurrency), log)

    def chat(self, **options: Unpack[AskOptions]) -> ChatSession:
        """Start a conversation. The options are defaults of its calls."""
        from budwood.chat import ChatSession

        return ChatSession(self, start_conversation(self._engine.model, options), options)

    def load_chat(self, path: str | os.PathLike[str], **options: Unpack[AskOptions]) -> ChatSession:
        """Continue a conversation that `ChatSession.save` saved."""
        from budwood.chat import ChatSession

        return ChatSession(self, load_conversation(path, options), options)

    def ask_in(self, conversation: Conversation, prompt: Prompt, options: AskOptions) -> ChatResponse:
        """Ask in a conversation, as `ChatSession.ask` does."""
        return self._driver.run(self._engine.talk(conversation, prompt, options))

    def stream_in(self, conversation: Conversation, prompt: Prompt, options: AskOptions) -> ChatStream:
        """Ask in a conversation, as `ChatSession.stream` does."""
        from budwood.streams import ChatStream

        reply = self._engine.stream_talk(conversation, prompt, options)
        return ChatStream(self._driver.stream(reply.flow), reply.partial)

    def embed(
        self, texts: str | Iterable[str], *, dimensions: int | None = None, **options: Unpack[ServiceOptions]
    ) -> EmbeddingResponse:
        """
        Embed a text, or several texts in one request. With a cache, only texts without a stored vector are sent.

        Args:
            texts: The texts.
            dimensions: The length of the vectors, for models that support several.
            **options: See `budwood.engine.ServiceOptions`.
        """
        return self._driver.run(self._engine.embed(list_texts(texts), dimensions, options))

    def moderate(self, contents: Content | Iterable[Content], **options: Unpack[ServiceOptions]) -> ModerationResponse:
        """
        Classify contents by the vendor's policy, in one request.

        Args:
            contents: A text, a message with texts and images, or several of them; each is classified separately.
            **options: See `budwood.engine.ServiceOptions`. By default the model is the moderation model of the client's
                vendor.
        """
        return self._driver.run(self._engine.moderate(list_contents(contents), options))

    def complete(self, prompt: str, **options: Unpack[CompletionOptions]) -> ChatResponse:
        """
        Continue a text with a completion model.

        Args:
            prompt: The text.
            **options: See `budwood.engine.CompletionOptions`.
        """
        return self._driver.run(self._engine.complete(prompt, options).flow)

    def stream_completion(self, prompt: str, **options: Unpack[CompletionOptions]) -> ChatStream:
        """Continue a text, and read the reply as it arrives. The options are those of `complete`."""
        from budwood.streams import ChatStream

        reply = self._engine.complete(prompt, options, streamed=True)
        return ChatStream(self._driver.stream(reply.flow), reply.partial)

    def count_tokens(self, prompt: Prompt, *, offline: bool = False, **options: Unpack[AskOptions]) -> TokenCount:
        """
        Count the tokens of a request before it is sent.

        A tokenizer on this machine is used if it can count exactly. Otherwise the vendor counts, by a separate request,
        if it supports that. Otherwise the result is an estimate with bounds.

        Args:
            prompt: As for `ask`.
            offline: Send no request; no key is needed.
            **options: As for `ask`.
        """
        return self._driver.run(self._engine.count_tokens(prompt, options, offline=offline))

    def models(self, provider: str | None = None) -> tuple[ModelInfo, ...]:
        """List the models of a provider; by default that of the client's model."""
        return self._driver.run(self._engine.models(provider))

    def check_key(self, provider: str | None = None) -> None:
        """
        Check that a server accepts the API key of a provider, by a request that costs nothing.

        Args:
            provider: The provider; by default that of the client's model.

        Raises:
            CredentialError: There is no key.
            ProviderError: The server rejects the key, or cannot be reached.
            UnsupportedError: The provider has no such request.
        """
        self._driver.run(self._engine.check_key(provider))

    def pull(
        self, model: str | None = None, *, timeout: float = PULL_SECONDS, idle_timeout: float = PULL_IDLE_SECONDS
    ) -> PullStream:
        """
        Have a server download a model, and read the progress.

        The request is sent when you read the first record. If the download is left early or interrupted, repeat the
        call: the server resumes the download.

        Args:
            model: ``provider/model``; by default the client's model.
            timeout: Seconds for the download; by default one day.
            idle_timeout: Maximum seconds between two records; by default ten minutes.
        """
        from budwood.streams import PullStream

        return PullStream(self._driver.stream(self._engine.pull(model, timeout, idle_timeout)))

    def budgets(self) -> tuple[BudgetState, ...]:
        """Return what is spent and left of each budget per client, day, week and month; see `budwood.BudgetState`."""
        return self._driver.run(self._engine.read_budgets())

    def close(self) -> None:
        """Close connections and caches, after waiting up to 5 s for abandoned calls. Closing twice is no error."""
        self._driver.close()
        with self._lock:
            transport, self._closed = self._transport, True
        if transport is not None and self._transport_name:
            transport.close()
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._engine.model!r})"

    def _get_transport(self) -> Transport:
        transport = self._transport
        if transport is not None and not self._closed:
            return transport
        with self._lock:
            if self._closed:  # inside the lock: nothing would close a transport that is created after `close`
                raise make_closed_error()
            if self._transport is None:
                created = transports.create_blocking(self._engine.instances, self._transport_name or "")
                self._transport, self._driver.transport_source = created
            return self._transport

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        self._driver = BlockingDriver(self._get_transport, self._clock)
        if self._transport_name and self._transport is not None:
            forking.inherited.append(self._transport)
            self._transport = None
        self._engine.after_fork()
