"""The engine of a client: every operation as a flow, written once for both drivers."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from budwood import logs
from budwood.contracts import Clock, Observer
from budwood.engine.accounting.counting import TokenCounter
from budwood.engine.chat.functions import is_async
from budwood.engine.chat.media import read_file
from budwood.engine.chat.options import (
    AskOptions,
    CallOptions,
    CompletionOptions,
    convert_error,
    override,
    parse_completion_options,
    parse_extra,
    parse_options,
)
from budwood.engine.chat.prompts import Content, Prompt, add_files, parse_contents, parse_prompt
from budwood.engine.drivers.effects import Flow, Invoke
from budwood.engine.many import check_many, error_as_result, run_all
from budwood.engine.pipeline.call import Call, ReplyCache, Round
from budwood.engine.pipeline.endpoints import Endpoint, Endpoints, Target
from budwood.engine.pipeline.flows import answer_chat
from budwood.engine.pipeline.requests import request_for
from budwood.engine.pipeline.routes import plan_route
from budwood.engine.services import CHAT
from budwood.engine.streamed import StreamedReply, check_stream
from budwood.errors import BudwoodError, ConfigurationError, PromptError
from budwood.hooks import PROVIDER
from budwood.names import join_names
from budwood.plugins import Instances, faults
from budwood.settings import Options
from budwood.types import Capability, ChatResponse, Message, Part, Timing

if TYPE_CHECKING:
    from budwood.budget_settings import BudgetSettings
    from budwood.engine.accounting.observers import Observers
    from budwood.engine.chat.conversation import Conversation
    from budwood.engine.reliability.budget import Budget
    from budwood.types import (
        BudgetState,
        EmbeddingResponse,
        EndpointState,
        ModelDetails,
        ModelInfo,
        ModerationResponse,
        TokenCount,
    )


@dataclass
class Engine:
    """
    The state of a client, and its operations as flows.

    Attributes:
        instances: Builds the implementations of plugins.
        endpoints: The providers that were built so far.
        options: The default options of calls.
        model: The default model.
        cache: The cache of replies, if there is one.
        clock: The clock.
        blocking: Whether a blocking driver performs the flows. It cannot await anything.
        observers: The observers of all calls.
        owned_observers: The observers that the client created and closes.
        counter: Counts tokens.
        budgets: The budgets of all calls. ``label`` is that of calls without one.
    """

    instances: Instances
    endpoints: Endpoints
    options: Options
    model: str | None
    cache: ReplyCache | None
    clock: Clock
    blocking: bool
    observers: tuple[Observer, ...] = ()
    owned_observers: tuple[Observer, ...] = ()
    random: random.Random = field(default_factory=random.Random)
    closed: bool = False
    budgets: tuple[Budget, ...] = ()
    label: str | None = None
    counter: TokenCounter = field(init=False)
    _combined: dict[bool, Observers] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.counter = TokenCounter(self.instances)

    def ask(self, prompt: Prompt, options: AskOptions) -> Flow[ChatResponse]:
        """Validate the arguments immediately, and return the flow that sends the request."""
        parsed = self._parse(options)
        call = self._call(parsed)
        messages = parse_prompt(prompt, system=parsed.system)
        if parsed.files:
            return self._ask_with_files(call, messages, parsed)
        return self._ask(call, messages, parsed)

    def stream(self, prompt: Prompt, options: AskOptions) -> StreamedReply:
        """Ask, and emit the events of the reply as they arrive."""
        parsed = self._parse(options)
        call = self._call(parsed, streamed=True)
        messages = parse_prompt(prompt, system=parsed.system)
        check_stream(call, messages, parsed)
        return StreamedReply(self._ask_with_files(call, messages, parsed), call)

    def ask_many(
        self, prompts: Iterable[Prompt], options: AskOptions, concurrency: int
    ) -> Flow[list[ChatResponse | BudwoodError]]:
        """Ask many prompts concurrently. The result of a failed one is its error."""
        return run_all(self.ask_each(prompts, options, concurrency), concurrency)

    def ask_each(
        self, prompts: Iterable[Prompt], options: AskOptions, concurrency: int
    ) -> Iterator[Flow[ChatResponse | BudwoodError]]:
        """
        Return a flow for each prompt, which returns the reply or its error.

        Raises:
            ConfigurationError: An argument is not valid. Nothing was sent.
        """
        check_many(prompts, concurrency)
        self._check_request(options)
        return (error_as_result(partial(self.ask, prompt, options)) for prompt in prompts)

    def talk(self, conversation: Conversation, prompt: Prompt, options: AskOptions) -> Flow[ChatResponse]:
        """Ask in a conversation. Its history changes only when the reply is complete."""
        parsed = self._parse(options)
        call = self._call(parsed, conversation.model, conversation=conversation.id)
        return self._talk(conversation, parse_prompt(prompt), parsed, call)

    def stream_talk(self, conversation: Conversation, prompt: Prompt, options: AskOptions) -> StreamedReply:
        """Ask in a conversation, and emit the events of the reply as they arrive."""
        parsed = self._parse(options)
        call = self._call(parsed, conversation.model, streamed=True, conversation=conversation.id)
        new = parse_prompt(prompt)
        check_stream(call, (*conversation.messages, *new), parsed)
        return StreamedReply(self._talk(conversation, new, parsed, call), call)

    def _talk(
        self, conversation: Conversation, new: tuple[Message, ...], parsed: CallOptions, call: Call
    ) -> Flow[ChatResponse]:
        new = yield from self._read(new, parsed)
        system = conversation.system if parsed.system is None else parsed.system
        history = (*((Message.system(system),) if system else ()), *conversation.messages, *new)
        response = yield from self._ask(call, history, parsed)
        conversation.messages.extend((*new, *response.messages))
        return response

    def embed(
        self, texts: tuple[str, ...], model: str | None, dimensions: int | None, extra: Mapping[str, Any] | None
    ) -> Flow[EmbeddingResponse]:
        """Embed texts, in one request."""
        from budwood.engine import services
        from budwood.types import EmbeddingRequest

        call = self._call(CallOptions(self.options, model=model))
        own = parse_extra(extra)
        try:
            request = EmbeddingRequest(model=call.target.model, texts=texts, dimensions=dimensions, extra=own)
        except ValidationError as error:
            raise convert_error(error) from None
        return services.embed(call, request)

    def moderate(
        self, contents: tuple[Content, ...], model: str | None, extra: Mapping[str, Any] | None
    ) -> Flow[ModerationResponse]:
        """Classify contents in one request, by default with the vendor's moderation model."""
        from budwood.engine import services
        from budwood.types import ModerationRequest

        target = self.endpoints.find(self._address(model))
        call = self._new_call(target if model else Target(target.endpoint, ""), self.options)
        self._set_account(call, None, None)
        request = ModerationRequest(
            model=target.model if model else None, contents=parse_contents(contents), extra=parse_extra(extra)
        )
        return services.moderate(call, request)

    def complete(self, prompt: str, options: CompletionOptions, *, streamed: bool = False) -> StreamedReply:
        """Complete a text."""
        from budwood.engine import services

        if not isinstance(prompt, str):
            raise PromptError(f"The prompt is of the type {type(prompt).__name__}.", hint="Pass a text.")
        parsed = parse_completion_options(options, self.options)
        call = self._call(parsed, streamed=streamed)
        request = parsed.request(call.target.model, (Message.user(prompt),))
        if call.budgets:
            from budwood.engine.pipeline.client_budgets import limit_output  # few programs have budgets

            request = limit_output(call, call.target, request)
        return StreamedReply(services.complete(call, request), call)

    def models(self, provider: str | None) -> Flow[tuple[ModelInfo, ...]]:
        """List the models of a provider."""
        from budwood.engine import services

        return services.list_models(self._new_call(Target(self._provider(provider), ""), self.options))

    def pull(self, model: str | None, timeout: float, idle_timeout: float) -> Flow[None]:
        """Have a server download a model, and emit its progress."""
        from budwood.engine import services

        target = self.endpoints.find(self._address(model))
        options = override(self.options, {"timeout": timeout, "idle_timeout": idle_timeout})
        return services.pull(self._new_call(target, options, streamed=True))

    def count_tokens(self, prompt: Prompt, options: AskOptions, *, offline: bool) -> Flow[TokenCount]:
        """Count the tokens of a request; with ``offline``, without a request to the vendor."""
        from budwood.engine import services

        parsed = self._parse(options)
        call = self._call(parsed)
        messages = yield from self._read(parse_prompt(prompt, system=parsed.system), parsed)
        return (yield from services.count_tokens(call, parsed.request(call.target.model, messages), offline=offline))

    def read_budgets(self) -> Flow[tuple[BudgetState, ...]]:
        """Return what is spent and left of the budgets that outlive a call."""
        from budwood.engine.pipeline.client_budgets import read_budgets  # few programs have budgets

        return read_budgets(self.budgets, self.endpoints.find_limiter, self.clock)

    def capabilities(self, model: str | None) -> frozenset[Capability]:
        """Return the capabilities of a model."""
        return self.endpoints.find(self._address(model)).capabilities()

    def model_details(self, model: str | None) -> ModelDetails:
        """Return all known details of a model."""
        from budwood.engine.accounting.details import details_of

        return details_of(self.endpoints.find(self._address(model)), self.clock.time())

    def endpoint_states(self) -> list[EndpointState]:
        """Return the state of the endpoints that are configured or were used so far. Nothing is sent."""
        from budwood.engine.pipeline.reports import describe_endpoint

        for model in (self.model, *self.options.fallbacks):
            if model is not None:
                self.endpoints.find(model)
        now = self.clock.monotonic()
        return [describe_endpoint(endpoint, now) for endpoint in self.endpoints.list_all()]

    def check(self, options: AskOptions) -> None:
        """Check that a call could be sent: the model supports chat, a key is configured, and the options are valid."""
        self._check_request(options).target.endpoint.check_credential()

    def after_fork(self) -> None:
        """Make the state independent of the parent process, whose threads may have held a lock."""
        self.random = random.Random()
        for budget in self.budgets:
            budget.reset_lock()

    def close(self) -> None:
        """Close the providers, and the cache and the observers that the client created."""
        self.closed = True
        owned_observers, self.owned_observers = self.owned_observers, ()
        if owned_observers:
            from budwood.engine.accounting.observer_loading import close_observers

            close_observers(owned_observers)
        try:
            self.endpoints.close()
        finally:
            if self.cache is not None and self.cache.owned:
                with faults.call_boundary(self.cache.source, "close"):
                    self.cache.store.close()

    def _check_request(self, options: AskOptions) -> Call:
        """Check all that a call needs besides its prompt. A key is not required if a cache may answer."""
        parsed = self._parse(options)
        call = self._call(parsed)
        if call.cache is None:
            call.target.endpoint.check_credential()
        request = parsed.request(call.target.model, (Message.user("-"),))
        request_for(call.target, Round(call, CHAT, request, parsed.tools, parsed.output))
        return call

    def _ask_with_files(self, call: Call, messages: tuple[Message, ...], parsed: CallOptions) -> Flow[ChatResponse]:
        messages = yield from self._read(messages, parsed)
        return (yield from self._ask(call, messages, parsed))

    def _ask(self, call: Call, messages: tuple[Message, ...], parsed: CallOptions) -> Flow[ChatResponse]:
        request = parsed.request(call.target.model, messages)
        if call.budgets:
            from budwood.engine.pipeline.client_budgets import limit_output  # few programs have budgets

            request = limit_output(call, call.target, request)
        return answer_chat(Round(call, CHAT, request, parsed.tools, parsed.output))

    def _parse(self, options: AskOptions) -> CallOptions:
        parsed = parse_options(options, self.options)
        if self.blocking:
            for tool in parsed.tools.tools.values():
                if tool.awaitable and parsed.tools.execute:
                    raise ConfigurationError(
                        f"The tool {tool.definition.name!r} is async, and Client cannot await it.",
                        hint="Use AsyncClient, or a blocking function.",
                    )
            if parsed.tools.approve is not None and is_async(parsed.tools.approve):
                raise ConfigurationError("approve= is async, and Client cannot await it.", hint="Use AsyncClient.")
        return parsed

    def _read(self, messages: tuple[Message, ...], parsed: CallOptions) -> Flow[tuple[Message, ...]]:
        if parsed.files:
            messages = yield Invoke(lambda: add_files(messages, parsed.files, self._read_file))
        return messages

    def _read_file(self, name: str, data: bytes, media_type: str) -> tuple[Part, ...]:
        return read_file(self.instances, name, data, media_type)

    def _address(self, model: str | None) -> str:
        address = model or self.model
        if address is None:
            raise ConfigurationError(
                "No model given.",
                hint='Pass model="provider/model", or set `model` in budwood.toml or BUDWOOD_MODEL. '
                f"Available providers: {join_names(self.instances.list_names(PROVIDER))}.",
            )
        return address

    def _provider(self, name: str | None) -> Endpoint:
        if name is not None:
            return self.endpoints.get(name)
        return self.endpoints.find(self._address(None)).endpoint

    def _call(
        self,
        parsed: CallOptions,
        model: str | None = None,
        *,
        streamed: bool = False,
        conversation: str | None = None,
    ) -> Call:
        target = self.endpoints.find(self._address(parsed.model or model))
        cache = self.cache if parsed.use_cache else None
        call = self._new_call(target, parsed.options, streamed=streamed, cache=cache)
        if call.route is not None or target.endpoint.pool is not None:
            call.conversation = parsed.conversation or conversation
        if self.budgets or parsed.budget is not None or parsed.label or self.label:
            self._set_account(call, parsed.label, parsed.budget)
        if streamed and cache is None:  # a cached reply needs no key
            target.endpoint.check_credential()
        return call

    def _set_account(self, call: Call, label: str | None, budget: BudgetSettings | None) -> None:
        """Set the label of a call, and the budgets that count it."""
        from budwood.engine.pipeline.client_budgets import select_budgets  # few programs have any

        call.label = label or self.label
        call.budgets = select_budgets(self.budgets, call.label, budget)

    def _new_call(
        self, target: Target, options: Options, *, streamed: bool = False, cache: ReplyCache | None = None
    ) -> Call:
        if self.closed:
            raise BudwoodError("This client is closed.", hint="Create a new one.")
        return Call(
            id=f"{self.random.getrandbits(64):016x}",
            target=target,
            options=options,
            clock=self.clock,
            random=self.random,
            timing=Timing(
                connect_timeout=options.connect_timeout,
                idle_timeout=options.idle_timeout,
                deadline=self.clock.monotonic() + options.timeout,
            ),
            counter=self.counter,
            find_limiter=self.endpoints.find_limiter,
            observers=self._observers() if self.observers or "structlog" in sys.modules else None,
            streamed=streamed,
            cache=cache,
            route=plan_route(self.endpoints, target, options) if target.endpoint.backups or options.is_routed else None,
            state=self.endpoints.state,
        )

    def _observers(self) -> Observers | None:
        """Return the observers of a call. The log is one of them once the program has configured it."""
        from budwood.engine.accounting.log_observer import LogObserver
        from budwood.engine.accounting.observers import Observers

        is_logged = logs.is_enabled()
        if not is_logged and not self.observers:
            return None
        combined = self._combined.get(is_logged)
        if combined is None:  # if two threads arrive here at the same time, both use the object of the first
            created = Observers((*self.observers, LogObserver()) if is_logged else self.observers)
            combined = self._combined.setdefault(is_logged, created)
        return combined
