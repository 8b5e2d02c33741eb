"""What can be asked of a provider: one table, and what is particular to some of its rows."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any, Final

from budwood.contracts import (
    CompletionProvider,
    EmbeddingProvider,
    LocalTokenCountProvider,
    ModelDetailProvider,
    ModelListProvider,
    ModelPullProvider,
    ModerationProvider,
    Provider,
    TokenCountProvider,
)
from budwood.engine.drivers.effects import All, Flow, Invoke
from budwood.engine.pipeline.call import Call, Round
from budwood.engine.pipeline.flows import answer_service
from budwood.engine.pipeline.requests import check_service, offers
from budwood.engine.pipeline.service import Service
from budwood.errors import NotFoundError, PromptError
from budwood.plugins import faults
from budwood.providing import check_messages
from budwood.types import (
    Capability,
    ChatRequest,
    ChatResponse,
    EmbeddingRequest,
    EmbeddingResponse,
    ModelInfo,
    ModerationRequest,
    ModerationResponse,
    TokenCount,
)

DETAILS_AT_ONCE: Final = 8
"""How many models are asked about side by side, where a vendor's list leaves out what each of them is."""

CHAT: Final = Service(
    name="chat",
    capability=Capability.CHAT,
    protocol=Provider,
    encode="encode",
    decode="decode",
    decoder="decoder",
    takes_stream=True,
    result=ChatResponse,
    refusal="does not chat",
)
COMPLETION: Final = Service(
    name="completion",
    capability=Capability.COMPLETION,
    protocol=CompletionProvider,
    encode="encode_completion",
    decode="decode_completion",
    decoder="completion_decoder",
    takes_stream=True,
    result=ChatResponse,
    refusal="makes no plain completions",
    hint="Call client.ask(…).",
)
EMBEDDINGS: Final = Service(
    name="embeddings",
    capability=Capability.EMBEDDINGS,
    protocol=EmbeddingProvider,
    encode="encode_embedding",
    decode="decode_embedding",
    result=EmbeddingResponse,
    refusal="makes no embeddings",
    hint="Choose an embedding model.",
)
MODERATION: Final = Service(
    name="moderation",
    capability=Capability.MODERATION,
    protocol=ModerationProvider,
    encode="encode_moderation",
    decode="decode_moderation",
    result=ModerationResponse,
    refusal="classifies no contents",
    hint="Choose a moderation model.",
)
TOKEN_COUNT: Final = Service(
    name="token count",
    capability=Capability.COUNT_TOKENS,
    protocol=TokenCountProvider,
    encode="encode_token_count",
    decode="decode_token_count",
    result=int,
    refusal="counts no tokens",
)
MODELS: Final = Service(
    name="models",
    capability=Capability.MODELS,
    protocol=ModelListProvider,
    encode="encode_models",
    decode="decode_models",
    result=tuple,
    refusal="does not list its models",
)
MODEL_DETAIL: Final = replace(
    MODELS,
    name="model detail",
    protocol=ModelDetailProvider,
    encode="encode_model",
    decode="decode_model",
    result=ModelInfo,
)
PULL: Final = Service(
    name="pull",
    capability=Capability.PULL_MODELS,
    protocol=ModelPullProvider,
    encode="encode_pull",
    decoder="pull_decoder",
    refusal="downloads no models",
    hint="Choose a model that it has.",
)

SERVICES: Final = (CHAT, COMPLETION, EMBEDDINGS, MODERATION, TOKEN_COUNT, MODELS, MODEL_DETAIL, PULL)
"""All rows. A further service is one more row, a Protocol in `budwood.contracts`, and a method of the clients."""


def request(call: Call, service: Service, asked: Any) -> Flow[Any]:  # noqa: ANN401 - each service has its own types
    """Ask for one service: the result is what the provider's method for it decodes."""
    return answer_service(Round(call, service, asked))


def complete(call: Call, asked: ChatRequest) -> Flow[ChatResponse]:
    """Let a model continue a text."""
    check_service(call.target, COMPLETION)
    check_messages(asked.messages)
    return request(call, COMPLETION, asked)


def pull(call: Call) -> Flow[None]:
    """Have a server download a model, and emit its progress."""
    check_service(call.target, PULL)
    call.target.endpoint.check_credential()
    return request(call, PULL, call.target.model)


def embed(call: Call, asked: EmbeddingRequest) -> Flow[EmbeddingResponse]:
    """Embed texts, in one request."""
    check_service(call.target, EMBEDDINGS)
    if not asked.texts:
        raise PromptError("There are no texts to embed.")
    return request(call, EMBEDDINGS, asked)


def moderate(call: Call, asked: ModerationRequest) -> Flow[ModerationResponse]:
    """Classify contents by the vendor's policy, in one request."""
    check_service(call.target, MODERATION)
    if not asked.contents or not all(asked.contents):
        raise PromptError("There is nothing to classify.", hint="Give a text, a message, or a list of them.")
    return request(call, MODERATION, asked)


def count_tokens(call: Call, asked: ChatRequest, *, offline: bool) -> Flow[TokenCount]:
    """Count the tokens of a request: by the model or a tokenizer here, else as the vendor does, else as an estimate."""
    check_messages(asked.messages)
    endpoint = call.target.endpoint
    local = endpoint.local
    if isinstance(local, LocalTokenCountProvider) and TOKEN_COUNT.capability in call.target.capabilities():
        count = faults.guard(endpoint.source, "count_tokens", local.count_tokens)
        tokens: int = yield Invoke(lambda: count(asked), inline=endpoint.inline)
        return _exact(call, tokens)
    here: TokenCount = yield Invoke(lambda: call.counter.count(endpoint, asked))
    if here.exact or offline or not offers(call.target, TOKEN_COUNT):
        return here
    return _exact(call, (yield from request(call, TOKEN_COUNT, asked)))


def _exact(call: Call, tokens: int) -> TokenCount:
    """Return the count of the vendor, or of the model inside this process."""
    return TokenCount(
        input_tokens=tokens,
        exact=True,
        low=tokens,
        high=tokens,
        source="vendor",
        provider=call.target.endpoint.name,
        model=call.target.model,
    )


def list_models(call: Call) -> Flow[tuple[ModelInfo, ...]]:
    """List the models of a provider, with their details where the vendor has those apart."""
    endpoint = call.target.endpoint
    if endpoint.local is not None:
        list_local = faults.guard(endpoint.source, "models", endpoint.local.models)
        models: tuple[ModelInfo, ...] = yield Invoke(list_local, inline=endpoint.inline)
    else:
        models = yield from request(call, MODELS, None)
        if offers(call.target, MODEL_DETAIL):
            models = tuple((yield All((_detail(call, model) for model in models), limit=DETAILS_AT_ONCE)))
    return tuple(model.model_copy(update={"provider": endpoint.name}) for model in models)


def _detail(call: Call, model: ModelInfo) -> Flow[ModelInfo]:
    """
    Ask for the details of a model; one that was removed since the list was made stays as the list has it.

    It is a call of its own for observers, which tell calls apart by their ids.
    """
    own = replace(call, id=f"{call.random.getrandbits(64):016x}", ledger=[], numbers=itertools.count(1))
    try:
        detail: ModelInfo = yield from request(own, MODEL_DETAIL, model)
    except NotFoundError:
        return model
    return detail
