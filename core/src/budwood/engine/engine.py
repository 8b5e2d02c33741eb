"""The engine of a client: every operation as a flow, written once for both drivers."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from budwood.contracts import Cache, Clock
from budwood.engine.accounting.counting import TokenCounter
from budwood.engine.accounting.reporting import reported
from budwood.engine.chat.functions import is_async
from budwood.engine.chat.media import read_file
from budwood.engine.chat.options import (
    Asked,
    AskOptions,
    CompletionOptions,
    override,
    understood,
    understood_completion,
)
from budwood.engine.chat.prompts import Content, Prompt, contents_of, messages_of, with_files
from budwood.engine.chat.structured import ask_structured, prepare
from budwood.engine.chat.tools import converse, messages_added
from budwood.engine.drivers.effects import All, Flow, Invoke
from budwood.engine.pipeline.call import Call, ReplyCache
from budwood.engine.pipeline.endpoints import Endpoint, Endpoints
from budwood.engine.pipeline.lifecycle import Delivery, StreamedDelivery, WholeDelivery, check_chats
from budwood.errors import (
    BudwoodError,
    ConfigurationError,
    StreamInterruptedError,
    StructuredOutputError,
    ToolLoopError,
)
from budwood.hooks import CACHE, PROVIDER
from budwood.names import listed
from budwood.plugins import Instances
from budwood.settings import Options
from budwood.types import (
    Capability,
    ChatResponse,
    Message,
    Part,
    Timing,
)

if TYPE_CHECKING:
    from budwood.engine.chat.conversation import Conversation
    from budwood.types import EmbeddingResponse, ModelDetails, ModelInfo, ModerationResponse, TokenCount

T = TypeVar("T")


@dataclass
class Engine:
    """
    What a client works with.

    Attributes:
        instances: Makes plugins' objects.
        endpoints: The providers made so far.
        options: Defaults of all calls.
        model: Asked where a call names none.
        cache: Where replies are kept, if anywhere.
        clock: The time.
        blocking: Whether a blocking driver performs the flows, which can await nothing.
        counter: Counts tokens.
    """

    instances: Instances
    endpoints: Endpoints
    options: Options
    model: str | None
    cache: ReplyCache | None
    clock: Clock
    blocking: bool
    random: random.Random = field(default_factory=random.Random)
    closed: bool = False
    counter: TokenCounter = field(init=False)

    def __post_init__(self) -> None:
        self.counter = TokenCounter(self.instances)

    def ask(self, prompt: Prompt, given: AskOptions) -> Flow[ChatResponse]:
        """Ask, and return the whole reply."""
        return self._answer(prompt, given, WholeDelivery())

    def stream(self, prompt: Prompt, given: AskOptions) -> Flow[ChatResponse]:
        """Ask, and emit the reply's events as they come."""
        return self._answer(prompt, given, StreamedDelivery())

    def ask_many(
        self, prompts: Iterable[Prompt], given: AskOptions, concurrency: int
    ) -> Flow[list[ChatResponse | BudwoodError]]:
        """Ask many things side by side; a failed one is its error."""
        if isinstance(prompts, str):
            raise ConfigurationError("ask_many() got one text.", hint="Give a list of prompts.")
        if concurrency < 1:
            raise ConfigurationError(f"concurrency is {concurrency}.", hint="Give 1 or more.")
        replies: list[ChatResponse | BudwoodError] = yield All(
            (_caught(self.ask(prompt, given)) for prompt in prompts), limit=concurrency
        )
        return replies

    def talk(
        self, conversation: Conversation, prompt: Prompt, given: AskOptions, *, streamed: bool
    ) -> Flow[ChatResponse]:
        """Ask in a conversation; its history grows only when the reply is complete."""
        asked = self._understood(given)
        new = yield from self._read(messages_of(prompt), asked)
        system = conversation.system if asked.system is None else asked.system
        history = (*((Message.system(system),) if system else ()), *conversation.messages, *new)
        delivery = StreamedDelivery() if streamed else WholeDelivery()
        response = yield from self._perform(self._call(asked, conversation.model), history, asked, delivery)
        conversation.messages.extend((*new, *response.messages))
        return response

    def embed(
        self, texts: tuple[str, ...], model: str | None, dimensions: int | None, extra: Mapping[str, Any] | None
    ) -> Flow[EmbeddingResponse]:
        """Embed texts, in one request."""
        from budwood.engine import services
        from budwood.types import EmbeddingRequest

        call = self._call(Asked(self.options, model=model))
        request = EmbeddingRequest(model=call.model, texts=texts, dimensions=dimensions, extra=dict(extra or {}))
        return services.embed(call, request)

    def moderate(
        self, contents: tuple[Content, ...], model: str | None, extra: Mapping[str, Any] | None
    ) -> Flow[ModerationResponse]:
        """Have contents judged, in one request; where no model is named, by the one that the vendor has for it."""
        from budwood.engine import services
        from budwood.types import ModerationRequest

        endpoint, name = self.endpoints.find(self._address(model))
        wanted = name if model else None
        request = ModerationRequest(model=wanted, contents=contents_of(contents), extra=dict(extra or {}))
        return services.moderate(self._new_call(endpoint, wanted or "", self.options, use_cache=False), request)

    def complete(self, prompt: str, given: CompletionOptions) -> Flow[ChatResponse]:
        """Let a model go on with a text."""
        from budwood.engine import services

        asked = understood_completion(given, self.options)
        call = self._call(asked)
        return services.complete(call, asked.request(call.model, (Message.user(prompt),)))

    def models(self, provider: str | None) -> Flow[tuple[ModelInfo, ...]]:
        """List the models of a provider."""
        from budwood.engine import services

        return services.models(self._new_call(self._provider(provider), "", self.options, use_cache=False))

    def pull(self, model: str | None, timeout: float, idle_timeout: float) -> Flow[None]:
        """Have a server fetch a model, and emit how far it has got."""
        from budwood.engine.pulling import pull

        endpoint, name = self.endpoints.find(self._address(model))
        options = override(self.options, {"timeout": timeout, "idle_timeout": idle_timeout})
        return pull(self._new_call(endpoint, name, options, use_cache=False))

    def count_tokens(self, prompt: Prompt, given: AskOptions, *, offline: bool) -> Flow[TokenCount]:
        """Count the tokens of a request; ``offline`` does so without asking the vendor."""
        from budwood.engine import services

        asked = self._understood(given)
        call = self._call(asked)
        messages = yield from self._read(messages_of(prompt, system=asked.system), asked)
        return (yield from services.count_tokens(call, asked.request(call.model, messages), offline=offline))

    def capabilities(self, model: str | None) -> frozenset[Capability]:
        """Say what a model can do."""
        endpoint, name = self.endpoints.find(self._address(model))
        return endpoint.capabilities(name)

    def model_details(self, model: str | None) -> ModelDetails:
        """Say all that is known of a model."""
        from budwood.types import ModelDetails, ModelFacts

        endpoint, name = self.endpoints.find(self._address(model))
        facts = endpoint.facts(name) if endpoint.facts else ModelFacts()
        price = facts.price(datetime.fromtimestamp(self.clock.time(), UTC))
        return ModelDetails(
            provider=endpoint.name,
            model=name,
            capabilities=endpoint.capabilities(name),
            rules=endpoint.rules(name),
            facts=facts,
            price=price,
            price_unknown=endpoint.no_price if price is None else None,
        )

    def check(self, given: AskOptions) -> None:
        """See that a call could be sent: its model chats, has a provider and a key, and its options make a request."""
        asked = self._understood(given)
        call = self._call(asked)
        check_chats(call)
        call.endpoint.check_credential()
        asked.request(call.model, (Message.user("-"),))

    def close(self) -> None:
        """Release what local models hold, and the cache that was made here."""
        self.closed = True
        self.endpoints.close()
        if self.cache is not None and self.cache.owned:
            self.cache.store.close()

    def _answer(self, prompt: Prompt, given: AskOptions, delivery: Delivery) -> Flow[ChatResponse]:
        asked = self._understood(given)
        call = self._call(asked)
        messages = yield from self._read(messages_of(prompt, system=asked.system), asked)
        return (yield from self._perform(call, messages, asked, delivery))

    def _perform(
        self, call: Call, messages: tuple[Message, ...], asked: Asked, delivery: Delivery
    ) -> Flow[ChatResponse]:
        request = asked.request(call.model, messages)
        with reported(call, messages[-1].text if messages else "") as report:
            try:
                if asked.wanted is None:
                    response = yield from converse(call, request, asked.toolbox, delivery)
                else:
                    structured = prepare(call, request, asked.toolbox, asked.wanted, asked.schema_mode)
                    response = yield from ask_structured(call, structured, asked.wanted, delivery)
            except (StructuredOutputError, ToolLoopError, StreamInterruptedError) as error:
                if error.response:
                    error.response = _with_receipts(call, error.response)
                raise
            report.response = _with_receipts(call, response)
        return report.response

    def _understood(self, given: AskOptions) -> Asked:
        asked = understood(given, self.options)
        if self.blocking:
            for tool in asked.toolbox.tools.values():
                if tool.awaitable and asked.toolbox.execute:
                    raise ConfigurationError(
                        f"The tool {tool.definition.name!r} is async, and Client cannot await it.",
                        hint="Use AsyncClient, or a plain function.",
                    )
            if asked.toolbox.approve is not None and is_async(asked.toolbox.approve):
                raise ConfigurationError("approve= is async, and Client cannot await it.", hint="Use AsyncClient.")
        return asked

    def _read(self, messages: tuple[Message, ...], asked: Asked) -> Flow[tuple[Message, ...]]:
        if asked.files:
            messages = yield Invoke(lambda: with_files(messages, asked.files, self._read_file))
        return messages

    def _read_file(self, name: str, data: bytes, media_type: str) -> tuple[Part, ...]:
        return read_file(self.instances, name, data, media_type)

    def _address(self, model: str | None) -> str:
        address = model or self.model
        if address is None:
            raise ConfigurationError(
                "No model is named.",
                hint='Pass model="PROVIDER/MODEL", or set `model` in budwood.toml or BUDWOOD_MODEL. '
                f"Providers here: {listed(self.instances.known(PROVIDER))}.",
            )
        return address

    def _provider(self, name: str | None) -> Endpoint:
        if name is not None:
            return self.endpoints.get(name)
        return self.endpoints.find(self._address(None))[0]

    def _call(self, asked: Asked, model: str | None = None) -> Call:
        endpoint, name = self.endpoints.find(self._address(asked.model or model))
        return self._new_call(endpoint, name, asked.options, use_cache=asked.use_cache)

    def _new_call(self, endpoint: Endpoint, model: str, options: Options, *, use_cache: bool) -> Call:
        if self.closed:
            raise BudwoodError("The client is closed.", hint="Make a new one, or close it later.")
        return Call(
            id=f"{self.random.getrandbits(64):016x}",
            endpoint=endpoint,
            model=model,
            options=options,
            clock=self.clock,
            random=self.random,
            timing=Timing(
                connect_timeout=options.connect_timeout,
                idle_timeout=options.idle_timeout,
                deadline=self.clock.monotonic() + options.timeout,
            ),
            counter=self.counter,
            cache=self.cache if use_cache else None,
        )


def _with_receipts(call: Call, response: ChatResponse) -> ChatResponse:
    return response.model_copy(
        update={
            "provider": call.endpoint.name,
            "model": response.model or call.model,
            "messages": messages_added(response),
            "attempts": tuple(call.ledger),
            "adaptations": tuple(call.adaptations.values()),
            **call.cost(),
        }
    )


def _caught(flow: Flow[ChatResponse]) -> Flow[ChatResponse | BudwoodError]:
    try:
        return (yield from flow)
    except BudwoodError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a fault of a plugin in one item must not lose the others
        failure = BudwoodError(f"The call failed with {type(error).__name__}: {str(error).rstrip('.')}.")
        failure.__cause__ = error
        return failure


def reply_cache(instances: Instances, cache: str | Cache | None, ttl: float | None) -> ReplyCache | None:
    """
    Make the cache that a name or an object stands for.

    Raises:
        PluginError: No cache has that name, or it cannot be used.
    """
    if cache is None:
        return None
    if not isinstance(cache, str):
        return ReplyCache(cache, inline=False, ttl=ttl, owned=False)
    instance = instances.build(CACHE, cache)
    return ReplyCache(instance.thing, inline=instance.spec.inline, ttl=ttl)
