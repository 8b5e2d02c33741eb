"""
The client with blocking I/O: a thin face over the engine.

What a call that waits for a whole reply does not need (streams, conversations, other services) is imported by the
methods that do: a short program pays for what it uses.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, overload

from budwood.client import forking, transports
from budwood.client.arguments import (
    DEFAULT_CONCURRENCY,
    PULL_IDLE_SECONDS,
    PULL_SECONDS,
    closed_error,
    count_prompts,
    list_contents,
    list_texts,
    load_conversation,
    make_engine,
    start_conversation,
)
from budwood.clock import SystemClock
from budwood.contracts import Cache, Clock, Observer, Transport
from budwood.engine import AskOptions, ClientOptions, CompletionOptions, Content, OptionsWithoutSchema, Prompt
from budwood.engine.drivers.blocking import BlockingDriver
from budwood.errors import BudwoodError
from budwood.plugins import Registry
from budwood.settings import Settings
from budwood.types import Capability, ChatResponse

if TYPE_CHECKING:
    import httpx

    from budwood.chat import ChatSession
    from budwood.completed import CompletedReplies
    from budwood.engine.chat.conversation import Conversation
    from budwood.streams import ChatStream, PullStream
    from budwood.types import EmbeddingResponse, ModelDetails, ModelInfo, ModerationResponse, TokenCount

T = TypeVar("T")


class Client:
    """
    Asks models, with blocking I/O. Safe to share among threads. Close it, or use it in a ``with`` block.

    A process that was forked gets connections of its own; a ``transport`` that you pass must do so itself.

    Args:
        model: ``provider/model``, asked where a call names none; by default what the settings say.
        settings: A dictionary, or the path of a file, in the form of ``budwood.toml``: it takes precedence over all
            other files and the environment. A `Settings` object replaces all of them.
        api_key: The key for the provider of ``model``.
        base_url: The address of the provider of ``model``.
        cache: Keeps replies: the name of a cache, or an object that is one, which the caller closes. False for none,
            whatever the settings say.
        cache_ttl: Seconds that a reply is kept; by default without a limit.
        transport: Carries the calls: ``"default"``, the name of another transport that is installed, or ``"auto"``, the
            default, for the fastest of them; a client of httpx with settings of your own; or an object that is a
            transport. A client or object that you pass is yours to close.
        registry: Finds plugins; by default those that are installed.
        clock: The time; for tests.
        observers: Are told what happens during calls: names of plugins, or objects with a method ``observe``; by
            default those that the settings name.
        **options: Defaults of all calls; see `budwood.settings.Options`.

    Raises:
        ConfigurationError: An argument or the settings are wrong.
        PluginError: The provider of the model or the cache cannot be used.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        settings: Settings | Mapping[str, Any] | str | os.PathLike[str] | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        cache: str | Cache | bool | None = None,
        cache_ttl: float | None = None,
        transport: str | Transport | httpx.Client | None = None,
        registry: Registry | None = None,
        clock: Clock | None = None,
        observers: Sequence[str | Observer] | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        self._clock = clock or SystemClock()
        self._engine = make_engine(
            model,
            blocking=True,
            settings=settings,
            api_key=api_key,
            base_url=base_url,
            cache=cache,
            cache_ttl=cache_ttl,
            registry=registry,
            clock=self._clock,
            observers=observers,
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
        Ask a model and wait for the whole reply.

        Args:
            prompt: A text, a message, or a list of messages (also in OpenAI's form).
            **options: See `budwood.engine.AskOptions`.

        Raises:
            BudwoodError: The tree is drawn in `budwood.errors`.
        """
        return self._driver.run(self._engine.ask(prompt, options))

    run = ask

    def stream(self, prompt: Prompt, **options: Unpack[AskOptions]) -> ChatStream:
        """Ask a model and read the reply as it is written; nothing is sent before the first event is wanted."""
        from budwood.streams import ChatStream

        reply = self._engine.stream(prompt, options)
        return ChatStream(self._driver.stream(reply.flow), reply.partial)

    def ask_many(
        self, prompts: Iterable[Prompt], *, concurrency: int = DEFAULT_CONCURRENCY, **options: Unpack[AskOptions]
    ) -> list[ChatResponse | BudwoodError]:
        """
        Ask many prompts side by side, and wait for all replies.

        Args:
            prompts: Each is as for `ask`. An iterator is read as the requests are sent.
            concurrency: How many requests run at once.
            **options: As for `ask`; they hold for all prompts.

        Returns:
            The replies in the order of the prompts; in the place of a failed one is its error.

        Raises:
            ConfigurationError: An option is wrong, no model is given, or its key is missing. Nothing was sent.
            UnsupportedError: The model cannot do what the options need. Nothing was sent.
        """
        return self._driver.run(self._engine.ask_many(prompts, options, concurrency))

    def ask_as_completed(
        self, prompts: Iterable[Prompt], *, concurrency: int = DEFAULT_CONCURRENCY, **options: Unpack[AskOptions]
    ) -> CompletedReplies:
        """
        Ask many prompts side by side, and read each reply as soon as it is complete.

        .. code-block:: python

            with client.ask_as_completed(prompts) as replies:
                for done in replies:
                    print(f"{done.completed} of {done.total}: prompt {done.index}: {done.reply}")

        Nothing is sent before the first reply is read. At most ``concurrency`` replies wait to be read: after that,
        further prompts are not sent.

        Args:
            prompts: As for `ask_many`.
            concurrency: How many requests run at once.
            **options: As for `ask`; they hold for all prompts.

        Raises:
            BudwoodError: As for `ask_many`.
        """
        from budwood.completed import CompletedReplies

        flows = self._engine.ask_each(prompts, options, concurrency)
        return CompletedReplies(self._driver.as_completed(flows, concurrency), count_prompts(prompts))

    def chat(self, **options: Unpack[AskOptions]) -> ChatSession:
        """Begin a conversation; the options are defaults of its calls."""
        from budwood.chat import ChatSession

        return ChatSession(self, start_conversation(self._engine.model, options), options)

    def load_chat(self, path: str | os.PathLike[str], **options: Unpack[AskOptions]) -> ChatSession:
        """Continue a conversation that `ChatSession.save` wrote."""
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
        self,
        texts: str | Iterable[str],
        *,
        model: str | None = None,
        dimensions: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> EmbeddingResponse:
        """Embed texts in one request; a single text counts as a list of one."""
        return self._driver.run(self._engine.embed(list_texts(texts), model, dimensions, extra))

    def moderate(
        self,
        contents: Content | Iterable[Content],
        *,
        model: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> ModerationResponse:
        """
        Have contents judged by the vendor's policy, in one request.

        Args:
            contents: A text, a message with texts and images, or several of them; each is judged separately.
            model: ``provider/model``; by default the model that the vendor of the client's model has for this.
            extra: The vendor's own parameters, sent as they are.
        """
        return self._driver.run(self._engine.moderate(list_contents(contents), model, extra))

    def complete(self, prompt: str, **options: Unpack[CompletionOptions]) -> ChatResponse:
        """
        Let a model continue a text, without the form of a conversation.

        Args:
            prompt: The text.
            **options: See `budwood.engine.CompletionOptions`.
        """
        return self._driver.run(self._engine.complete(prompt, options).flow)

    def stream_completion(self, prompt: str, **options: Unpack[CompletionOptions]) -> ChatStream:
        """Let a model continue a text, and read the reply as it is written; the options are those of `complete`."""
        from budwood.streams import ChatStream

        reply = self._engine.complete(prompt, options, streamed=True)
        return ChatStream(self._driver.stream(reply.flow), reply.partial)

    def count_tokens(self, prompt: Prompt, *, offline: bool = False, **options: Unpack[AskOptions]) -> TokenCount:
        """
        Count the tokens of a request before it is sent.

        A tokenizer on this machine counts where it can do so exactly; or else the vendor does where it can, by a
        request of its own; or else it is an estimate, with bounds.

        Args:
            prompt: As for `ask`.
            offline: Ask no one; then no key is needed.
            **options: As for `ask`.
        """
        return self._driver.run(self._engine.count_tokens(prompt, options, offline=offline))

    def models(self, provider: str | None = None) -> tuple[ModelInfo, ...]:
        """List the models of a provider, by default of the client's own."""
        return self._driver.run(self._engine.models(provider))

    def pull(
        self, model: str | None = None, *, timeout: float = PULL_SECONDS, idle_timeout: float = PULL_IDLE_SECONDS
    ) -> PullStream:
        """
        Have a server fetch a model that it does not have, and read how far it has got.

        Nothing is sent before the first record is wanted. One that is left early, or breaks, can be repeated: the
        server continues where it was.

        Args:
            model: ``provider/model``, by default the client's own.
            timeout: Seconds for the whole, by default a day.
            idle_timeout: Seconds of silence, by default ten minutes: a server that checks what it fetched says nothing.
        """
        from budwood.streams import PullStream

        return PullStream(self._driver.stream(self._engine.pull(model, timeout, idle_timeout)))

    def capabilities(self, model: str | None = None) -> frozenset[Capability]:
        """Say what a model can do. Nothing is sent."""
        return self._engine.capabilities(model)

    def model(self, model: str | None = None) -> ModelDetails:
        """Say what the catalog knows of a model: abilities, rules, limits, prices, end. Nothing is sent."""
        return self._engine.model_details(model)

    def check(self, **options: Unpack[AskOptions]) -> None:
        """
        See that a call could be made, before money is spent on others; the options are those of `ask`.

        The model must be named well and have a provider, a key that is needed must be there, and no option may have
        an impossible value. Nothing is sent: whether the vendor takes key and model is not known.

        Raises:
            ConfigurationError: Something is not as it must be; `CredentialError` where it is the key.
            PluginError: The provider cannot be used.
        """
        self._engine.check(options)

    def close(self) -> None:
        """Close connections and caches, once abandoned calls have ended (5 s at most). Closing twice is no error."""
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
            if self._closed:  # looked at inside: a transport that is made after `close` would never be closed
                raise closed_error()
            if self._transport is None:
                made = transports.create_blocking(self._engine.instances, self._transport_name or "")
                self._transport, self._driver.transport_source = made
            return self._transport

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        self._driver = BlockingDriver(self._get_transport, self._clock)
        if self._transport_name and self._transport is not None:
            forking.inherited.append(self._transport)
            self._transport = None
        self._engine.random = random.Random()
