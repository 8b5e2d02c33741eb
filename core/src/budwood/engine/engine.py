"""The engine of a client: every operation as a flow, written once for both drivers."""

from __future__ import annotations

import contextvars
import random
import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from budwood import logs
from budwood.contracts import Clock, Observer
from budwood.contracts.tags import merge_tags
from budwood.engine.accounting.counting import TokenCounter
from budwood.engine.chat.functions import is_async
from budwood.engine.chat.option_types import AskOptions
from budwood.engine.chat.options import CallOptions, parse_options
from budwood.engine.chat.prompts import Prompt, parse_prompt
from budwood.engine.drivers.effects import Flow, make_closed_error
from budwood.engine.endpoints.endpoint import Endpoint, Endpoints, Target
from budwood.engine.many import error_as_result
from budwood.engine.pipeline.call import Call, Round
from budwood.engine.pipeline.flows import answer_chat
from budwood.engine.pipeline.requests import request_for
from budwood.engine.routing.routes import plan_route
from budwood.engine.services import CHAT
from budwood.engine.streamed import StreamedReply, check_stream
from budwood.errors import BudwoodError, ConfigurationError
from budwood.hooks import PROVIDER
from budwood.names import join_names
from budwood.option_settings import Options
from budwood.plugins import Instances
from budwood.types import ChatResponse, Message, Timing

if TYPE_CHECKING:
    from budwood.budget_settings import BudgetSettings
    from budwood.engine.accounting.observers import Observers
    from budwood.engine.batches.requests import BatchRequest
    from budwood.engine.budgets.budget import Budget
    from budwood.engine.caching.call_cache import CallCache, ClientCache
    from budwood.engine.chat.conversation import Conversation
    from budwood.engine.chat.named_prompts import NamedPrompts


@dataclass
class Engine:
    """
    The state of a client, and its operations as flows.

    A view of the client has a copy with other defaults, so that state which changes is in objects that both share.

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
        listed_observers: The names and the objects from which the observers were loaded.
        counter: Counts tokens.
        budgets: The budgets of all calls. ``label`` is that of calls without one, ``tags`` are those of all calls.
    """

    instances: Instances
    endpoints: Endpoints
    options: Options
    model: str | None
    cache: ClientCache | None
    clock: Clock
    blocking: bool
    observers: tuple[Observer, ...] = ()
    owned_observers: tuple[Observer, ...] = ()
    listed_observers: tuple[str | Observer, ...] = ()
    random: random.Random = field(default_factory=random.Random)
    budgets: tuple[Budget, ...] = ()
    label: str | None = None
    tags: Mapping[str, str] | None = None
    counter: TokenCounter = field(init=False)
    _combined: dict[frozenset[str], Observers] = field(init=False, default_factory=dict)
    _named_prompts: NamedPrompts | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.counter = TokenCounter(self.instances)

    def ask(self, prompt: Prompt, options: AskOptions) -> Flow[ChatResponse]:
        """Validate the arguments immediately, and return the flow that sends the request."""
        parsed = self._parse(options)
        call = self._call(parsed)
        messages = parse_prompt(prompt, system=parsed.system)
        if parsed.files or parsed.variables is not None:
            return self._read_and_ask(call, messages, parsed)
        return self._ask(call, messages, parsed)

    def stream(self, prompt: Prompt, options: AskOptions) -> StreamedReply:
        """Ask, and emit the events of the reply as they arrive."""
        parsed = self._parse(options)
        call = self._call(parsed, streamed=True)
        messages = parse_prompt(prompt, system=parsed.system)
        check_stream(call, messages, parsed)
        return StreamedReply(self._read_and_ask(call, messages, parsed), call)

    def ask_each(
        self, prompts: Iterable[Prompt | BatchRequest], options: AskOptions
    ) -> Iterator[Flow[ChatResponse | BudwoodError]]:
        """
        Return a flow for each prompt, which returns the reply or its error.

        Raises:
            ConfigurationError: An option is not valid. Nothing was sent.
        """
        return map(self._prepare_each(options), prompts)

    def ask_each_async(
        self, prompts: AsyncIterable[Prompt | BatchRequest], options: AskOptions
    ) -> AsyncIterator[Flow[ChatResponse | BudwoodError]]:
        """Return a flow for each prompt of an async iterable; see `ask_each`."""
        prepare = self._prepare_each(options)
        return (prepare(prompt) async for prompt in prompts)

    def _prepare_each(
        self, options: AskOptions
    ) -> Callable[[Prompt | BatchRequest], Flow[ChatResponse | BudwoodError]]:
        from budwood.engine.batches.requests import split_request  # few programs send many prompts

        self._check_request(options)
        if self.cache is None:
            return lambda item: error_as_result(partial(self.ask, *split_request(item, options)))
        from budwood.engine.caching.samples import SampleNumbers

        number = SampleNumbers()
        return lambda item: error_as_result(partial(self.ask, *number(*split_request(item, options))))

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
        conversation.unanswered = new = yield from self._read(call, new, parsed)
        system = conversation.system if parsed.system is None else parsed.system
        history = (*((Message.system(system),) if system else ()), *conversation.messages, *new)
        response = yield from self._ask(call, history, parsed)
        conversation.messages.extend((*new, *response.messages))
        conversation.unanswered = ()
        return response

    def check(self, options: AskOptions) -> None:
        """Check that a call could be sent: the model supports chat, a key is configured, and the options are valid."""
        self._check_request(options).target.endpoint.check_credential()

    def after_fork(self) -> None:
        """Make the state independent of the parent process, whose threads may have held a lock."""
        self.random.seed()  # the same object, which views of the client use as well
        self.endpoints.reset_lock()
        for budget in self.budgets:
            budget.reset_lock()
        if self.cache is not None:
            self.cache.after_fork()

    def close(self) -> None:
        """Close the providers, and the cache and the observers that the client created."""
        self.endpoints.is_closed = True
        owned_observers, self.owned_observers = self.owned_observers, ()
        if owned_observers:
            from budwood.engine.accounting.observer_loading import close_observers

            close_observers(owned_observers)
        try:
            self.endpoints.close()
        finally:
            if self.cache is not None:
                self.cache.close()

    def _check_request(self, options: AskOptions) -> Call:
        """Check all that a call needs besides its prompt. A key is not required if a cache may answer."""
        parsed = self._parse(options)
        call = self._call(parsed)
        request = parsed.request(call.target.model, (Message.user("-"),))
        round_ = Round(call, CHAT, request, parsed.tools, parsed.output)
        if call.route is not None:
            call.route.check(round_)
        else:
            request_for(call.target, round_)
        call.check_credential()
        return call

    def _read_and_ask(self, call: Call, messages: tuple[Message, ...], parsed: CallOptions) -> Flow[ChatResponse]:
        messages = yield from self._read(call, messages, parsed)
        return (yield from self._ask(call, messages, parsed))

    def _ask(self, call: Call, messages: tuple[Message, ...], parsed: CallOptions) -> Flow[ChatResponse]:
        request = parsed.request(call.target.model, messages)
        if call.budgets:
            from budwood.engine.budgets.client_budgets import limit_output  # few programs have budgets

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

    def _read(self, call: Call, messages: tuple[Message, ...], parsed: CallOptions) -> Flow[tuple[Message, ...]]:
        """Return messages with the prompt that they name, and with the files of the options."""
        if parsed.variables is not None:
            messages = yield from self._render(call, messages, parsed.variables)
        if not parsed.files:
            return messages
        from budwood.engine.chat.media import add_files  # many programs pass no files

        request = parsed.request(call.target.model, messages)
        return (yield from add_files(self.instances, call, request, parsed.files))

    def _render(
        self, call: Call, messages: tuple[Message, ...], variables: Mapping[str, Any]
    ) -> Flow[tuple[Message, ...]]:
        if self._named_prompts is None:
            from budwood.engine.chat.named_prompts import NamedPrompts  # few programs have any

            self._named_prompts = NamedPrompts(self.endpoints)
        return self._named_prompts.render(call, messages, variables)

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
        target = self.endpoints.find(parsed.model or model or self.model or self._address(None))
        cache = self._cache_for(parsed) if self.cache is not None or parsed.cache_mode == "only" else None
        call = self._new_call(target, parsed.options, streamed=streamed, cache=cache)
        call.conversation = parsed.conversation or conversation
        call.upload = parsed.upload
        if self.budgets or parsed.budget is not None or parsed.label:
            self._set_account(call, parsed.label, parsed.budget)
        if parsed.tags is not None:
            call.tags = merge_tags(self.tags, parsed.tags)
        return call

    def _cache_for(self, parsed: CallOptions) -> CallCache | None:
        if self.cache is None:
            if parsed.cache_mode == "only":
                raise ConfigurationError(
                    'cache="only" sends no request, and the client has no cache.',
                    hint='Name one in budwood.toml, as in cache = "sqlite", or as an argument of Client.',
                )
            return None
        if parsed.cache_mode is None:
            return None
        return self.cache.for_call(parsed.options, parsed.cache_mode, parsed.sample)

    def _set_account(self, call: Call, label: str | None, budget: BudgetSettings | None) -> None:
        """Set the label of a call, and the budgets that count it."""
        from budwood.engine.budgets.client_budgets import select_budgets  # few programs have any

        call.label = label or self.label
        call.budgets = select_budgets(self.budgets, call.label, budget)

    def _new_call(
        self, target: Target, options: Options, *, streamed: bool = False, cache: CallCache | None = None
    ) -> Call:
        if self.endpoints.is_closed:
            raise make_closed_error()
        observers = self._observers() if self.observers or "structlog" in sys.modules else None
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
            instances=self.instances,
            find_limiter=self.endpoints.find_limiter,
            observers=observers,
            streamed=streamed,
            cache=cache,
            label=self.label,
            tags=self.tags,
            route=plan_route(self.endpoints, target, options, self.options)
            if target.endpoint.backups or options.is_routed
            else None,
            state=self.endpoints.state,
            context=contextvars.copy_context() if streamed and observers is not None else None,
        )

    def _observers(self) -> Observers | None:
        """Return the observers of a call. The log is one of them once the program has configured it."""
        levels = logs.written_levels()
        if not levels and not self.observers:
            return None
        combined = self._combined.get(levels)
        if combined is None:  # if two threads arrive here at the same time, both use the object of the first
            from budwood.engine.accounting.log_observer import LogObserver
            from budwood.engine.accounting.observers import Observers

            created = Observers((*self.observers, LogObserver(levels)) if levels else self.observers)
            combined = self._combined.setdefault(levels, created)
        return combined
