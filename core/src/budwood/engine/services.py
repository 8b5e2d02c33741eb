"""What is asked of a provider besides chat: embeddings, verdicts, plain completions, models, counts of tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from budwood.contracts import (
    CompletionProvider,
    EmbeddingProvider,
    LocalTokenCountProvider,
    ModelDetailProvider,
    ModelListProvider,
    ModerationProvider,
    TokenCountProvider,
)
from budwood.engine.accounting.reporting import reported
from budwood.engine.drivers.effects import All, Flow, Invoke
from budwood.engine.pipeline.attempts import reading, repeated, whole, written
from budwood.engine.pipeline.call import Call
from budwood.errors import NotFoundError, PromptError, UnsupportedError
from budwood.providing import check_messages
from budwood.types import (
    Capability,
    ChatRequest,
    ChatResponse,
    EmbeddingRequest,
    EmbeddingResponse,
    HTTPCall,
    HTTPReply,
    ModelInfo,
    ModerationRequest,
    ModerationResponse,
    TextPart,
    TokenCount,
)

T = TypeVar("T")

DETAILS_AT_ONCE: Final = 8
"""So many models are asked about side by side, where a vendor's list leaves out what each of them is."""


def embed(call: Call, request: EmbeddingRequest) -> Flow[EmbeddingResponse]:
    """Embed texts, in one request."""
    provider = call.endpoint.remote
    if not isinstance(provider, EmbeddingProvider) or not _can(call, Capability.EMBEDDINGS):
        raise UnsupportedError(f"{_address(call)} makes no embeddings.")
    if not request.texts:
        raise PromptError("There are no texts to embed.")
    with reported(call, request.texts[-1]) as report:
        response = yield from _exchanged(
            call, lambda: provider.encode_embedding(request), lambda reply: provider.decode_embedding(request, reply)
        )
        report.response = response
    return response.model_copy(update=_receipts(call, response.model))


def moderate(call: Call, request: ModerationRequest) -> Flow[ModerationResponse]:
    """Have contents judged, in one request."""
    provider = call.endpoint.remote
    if not isinstance(provider, ModerationProvider) or not _can(call, Capability.MODERATION):
        raise UnsupportedError(f"{_address(call)} judges no contents.")
    if not all(request.contents) or not request.contents:
        raise PromptError("There is nothing to judge.", hint="Give a text, a message, or a list of them.")
    texts = [part.text for content in request.contents for part in content if isinstance(part, TextPart)]
    with reported(call, texts[-1] if texts else "") as report:
        response = yield from _exchanged(
            call, lambda: provider.encode_moderation(request), lambda reply: provider.decode_moderation(request, reply)
        )
        report.response = response
    return response.model_copy(update=_receipts(call, response.model))


def complete(call: Call, request: ChatRequest) -> Flow[ChatResponse]:
    """Let a model go on with a text."""
    provider = call.endpoint.remote
    if not isinstance(provider, CompletionProvider) or not _can(call, Capability.COMPLETION):
        raise UnsupportedError(f"{_address(call)} makes no plain completions.", hint="Ask it: client.ask(…).")
    check_messages(request.messages)
    with reported(call, request.messages[-1].text) as report:
        response = yield from _exchanged(
            call,
            lambda: provider.encode_completion(request, stream=False),
            lambda reply: provider.decode_completion(request, reply),
            chat=request,
        )
        report.response = response
    adaptations = tuple(call.adaptations.values())
    return response.model_copy(
        update={**_receipts(call, response.model), "adaptations": adaptations, "messages": (response.message,)}
    )


def count_tokens(call: Call, request: ChatRequest, *, offline: bool) -> Flow[TokenCount]:
    """Count the tokens of a request: exactly by a tokenizer here, else as the vendor does, else as an estimate."""
    check_messages(request.messages)
    provider, local, able = call.endpoint.remote, call.endpoint.local, _can(call, Capability.COUNT_TOKENS)
    if isinstance(local, LocalTokenCountProvider) and able:
        tokens: int = yield Invoke(lambda: local.count_tokens(request), inline=call.endpoint.inline)
        return _exactly(call, tokens)
    here: TokenCount = yield Invoke(lambda: call.counter.count(call.endpoint, request))
    if here.exact or offline or not isinstance(provider, TokenCountProvider) or not able:
        return here
    with reported(call, request.messages[-1].text):
        tokens = yield from _exchanged(
            call,
            lambda: provider.encode_token_count(request),
            lambda reply: provider.decode_token_count(request, reply),
            chat=request,
        )
    return _exactly(call, tokens)


def _exactly(call: Call, tokens: int) -> TokenCount:
    """Say what the vendor, or the model inside this process, counted."""
    return TokenCount(
        input_tokens=tokens,
        exact=True,
        low=tokens,
        high=tokens,
        source="vendor",
        provider=call.endpoint.name,
        model=call.model,
    )


def models(call: Call) -> Flow[tuple[ModelInfo, ...]]:
    """List the models of a provider."""
    endpoint = call.endpoint
    if endpoint.local is not None:
        listed: tuple[ModelInfo, ...] = yield Invoke(endpoint.local.models, inline=endpoint.inline)
    else:
        listed = yield from _listed(call)
    return tuple(model.model_copy(update={"provider": endpoint.name}) for model in listed)


def _listed(call: Call) -> Flow[tuple[ModelInfo, ...]]:
    provider = call.endpoint.remote
    if not isinstance(provider, ModelListProvider) or not _can(call, Capability.MODELS):
        raise UnsupportedError(f"{call.endpoint.name} does not list its models.")
    with reported(call):
        listed = yield from _exchanged(call, provider.encode_models, provider.decode_models)
        if isinstance(provider, ModelDetailProvider):
            details = (_detailed(call, provider, model) for model in listed)
            listed = tuple((yield All(details, limit=DETAILS_AT_ONCE)))
    return listed


def _detailed(call: Call, provider: ModelDetailProvider, model: ModelInfo) -> Flow[ModelInfo]:
    """Ask what else is known of a model; one that has gone since the list was made stays as the list has it."""
    try:
        return (
            yield from _exchanged(
                call, lambda: provider.encode_model(model), lambda reply: provider.decode_model(model, reply)
            )
        )
    except NotFoundError:
        return model


def _exchanged(
    call: Call, encode: Callable[[], HTTPCall], decode: Callable[[HTTPReply], T], *, chat: ChatRequest | None = None
) -> Flow[T]:
    """Send one request until it succeeds, and read the reply; ``chat`` has the parameters that may be adapted."""

    def once() -> Flow[T]:
        reply = yield from whole(call, written(call, chat, encode))
        with reading():
            return decode(reply)

    return (yield from repeated(call, once))


def _can(call: Call, capability: Capability) -> bool:
    return capability in call.endpoint.capabilities(call.model)


def _address(call: Call) -> str:
    return f"{call.endpoint.name}/{call.model}" if call.model else call.endpoint.name


def _receipts(call: Call, model: str) -> dict[str, object]:
    """Say where a reply comes from, what was sent for it, and what that cost."""
    return {
        "provider": call.endpoint.name,
        "model": model or call.model,
        "attempts": tuple(call.ledger),
        **call.cost(),
    }
