"""
One request's life: capabilities, cache, attempts, cache.

Whether the reply is wanted whole or streamed is decided once, by the `Delivery` that is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from budwood.engine.drivers.effects import Emit, Flow
from budwood.engine.pipeline.attempts import ask_whole, note, repeated, writing
from budwood.engine.pipeline.caching import keep, key_of, look_up
from budwood.engine.pipeline.call import Call
from budwood.engine.pipeline.window import fitted
from budwood.errors import UnsupportedError
from budwood.providing import check_capabilities, check_messages
from budwood.types import Capability, ChatRequest, ChatResponse

if TYPE_CHECKING:
    from budwood.types import StreamEvent


class Delivery(Protocol):
    """How the caller gets the reply."""

    def ask(self, call: Call, request: ChatRequest) -> Flow[ChatResponse]:
        """Send one request."""
        ...

    def replay(self, response: ChatResponse) -> Flow[None]:
        """Hand on a reply that the cache kept."""
        ...

    def announce(self, events: Sequence[StreamEvent]) -> Flow[None]:
        """Tell the caller what the engine did between two replies."""
        ...


class WholeDelivery:
    """The caller waits for the whole reply."""

    def ask(self, call: Call, request: ChatRequest) -> Flow[ChatResponse]:
        """Send one request."""
        return ask_whole(call, request)

    def replay(self, response: ChatResponse) -> Flow[None]:
        """Nobody listens."""
        yield from ()

    def announce(self, events: Sequence[StreamEvent]) -> Flow[None]:
        """Nobody listens."""
        yield from ()


class StreamedDelivery:
    """The caller reads events."""

    def ask(self, call: Call, request: ChatRequest) -> Flow[ChatResponse]:
        """Send one request."""
        from budwood.engine.pipeline.streaming import ask_streamed

        return ask_streamed(call, request)

    def replay(self, response: ChatResponse) -> Flow[None]:
        """Write it as the events that would have made it."""
        from budwood.providing import events_of

        yield Emit(events_of(response))

    def announce(self, events: Sequence[StreamEvent]) -> Flow[None]:
        """Hand them on."""
        yield Emit(events)


_MADE_FOR: Final = {
    "embedding": ("makes embeddings", "client.embed(…) asks it; to be answered, ask a model that chats."),
    "moderation": ("judges contents", "client.moderate(…) asks it; to be answered, ask a model that chats."),
    "image": ("makes images", "Ask a model that chats."),
    "video": ("makes videos", "Ask a model that chats."),
    "speech": ("speaks texts", "Ask a model that chats."),
    "transcription": ("writes down what is said", "Ask a model that chats."),
    "realtime": ("talks over an open line", "Ask a model that chats."),
}
"""What models of other kinds do, and the cure where one is asked all the same."""


def check_chats(call: Call) -> frozenset[Capability]:
    """
    See that a model is one that answers texts, and return what it can do.

    Raises:
        UnsupportedError: It is made for something else.
    """
    capabilities = call.endpoint.capabilities(call.model)
    if Capability.CHAT in capabilities:
        return capabilities
    address, kind = f"{call.endpoint.name}/{call.model}", call.endpoint.rules(call.model).kind
    does, hint = _MADE_FOR.get(kind, ("does not chat", "Ask a model that does."))
    raise UnsupportedError(f"{address} {does}{'' if kind == 'chat' else ' and does not chat'}.", hint=hint)


Verdict = Callable[[ChatResponse], bool]
"""Whether a reply is of use. One that is not is neither kept in the cache nor taken from it."""


def respond(
    call: Call, request: ChatRequest, delivery: Delivery, is_sound: Verdict = lambda _: True
) -> Flow[ChatResponse]:
    """
    Ask one model once, as far as the caller can see.

    Raises:
        PromptError: There is nothing to answer.
        UnsupportedError: The model cannot do what the request needs. Nothing was sent.
        ContextLengthError: The request cannot fit the model's context window. Nothing was sent.
        ProviderError: The last attempt failed.
    """
    check_messages(request.messages)
    capabilities = check_chats(call)
    check_capabilities(request.messages, capabilities, f"{call.endpoint.name}/{call.model}")
    if request.tools and Capability.TOOLS not in capabilities:
        raise UnsupportedError(f"{call.endpoint.name}/{call.model} calls no tools.", hint="Ask a model that does.")

    if call.cache is None:
        return (yield from _sent(call, request, delivery))
    with writing():
        key = key_of(call, request)
    kept = yield from look_up(call, key)
    if kept is not None and is_sound(kept):
        note(call, kept.adaptations)
        call.record_cached()
        yield from delivery.replay(kept)
        return kept.model_copy(update={"cached": True})

    response = yield from _sent(call, request, delivery)
    if is_sound(response):
        yield from keep(call, key, response)
    return response


def _sent(call: Call, request: ChatRequest, delivery: Delivery) -> Flow[ChatResponse]:
    fitting = yield from fitted(call, request)
    response = yield from repeated(call, lambda: delivery.ask(call, fitting))
    call.counter.learn(call.endpoint.name, fitting, response.usage.input_tokens)
    return response
