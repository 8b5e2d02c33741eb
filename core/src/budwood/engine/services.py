"""
The services that providers offer, and the flows of those that are not a single request.

A new service needs a row here or in `budwood.engine.media_services`, a Protocol in `budwood.contracts`, and a method of
the clients.
"""

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
    PromptProvider,
    Provider,
    TokenCountProvider,
)
from budwood.engine.drivers.effects import All, Flow, Invoke
from budwood.engine.pipeline.call import Call, Round
from budwood.engine.pipeline.flows import answer_service
from budwood.engine.pipeline.offers import check_service, offers
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
    PromptRequest,
    RenderedPrompt,
    TokenCount,
)

DETAILS_AT_ONCE: Final = 8
"""The maximum number of concurrent requests for details, if a vendor's list of models has none."""

CHAT: Final = Service(
    name="chat",
    capability=Capability.CHAT,
    protocol=Provider,
    encode="encode",
    decode="decode",
    decoder="decoder",
    takes_stream=True,
    result=ChatResponse,
    refusal="does not support chat",
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
    refusal="does not support plain completions",
    hint="Call client.ask(…).",
)
EMBEDDINGS: Final = Service(
    name="embeddings",
    capability=Capability.EMBEDDINGS,
    protocol=EmbeddingProvider,
    encode="encode_embedding",
    decode="decode_embedding",
    result=EmbeddingResponse,
    refusal="does not support embeddings",
    hint="Choose an embedding model.",
)
MODERATION: Final = Service(
    name="moderation",
    capability=Capability.MODERATION,
    protocol=ModerationProvider,
    encode="encode_moderation",
    decode="decode_moderation",
    result=ModerationResponse,
    refusal="does not support moderation",
    hint="Choose a moderation model.",
)
TOKEN_COUNT: Final = Service(
    name="token count",
    capability=Capability.COUNT_TOKENS,
    protocol=TokenCountProvider,
    encode="encode_token_count",
    decode="decode_token_count",
    result=int,
    refusal="does not support token counting",
)
MODELS: Final = Service(
    name="models",
    capability=Capability.MODELS,
    protocol=ModelListProvider,
    encode="encode_models",
    decode="decode_models",
    result=tuple,
    refusal="does not support listing models",
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
    refusal="does not support downloading models",
    hint="Choose a model that it has.",
)
PROMPTS: Final = Service(
    name="prompt",
    capability=Capability.PROMPTS,
    protocol=PromptProvider,
    encode="encode_prompt",
    decode="decode_prompt",
    result=RenderedPrompt,
    refusal="does not keep prompts",
    hint='Set prompts in budwood.toml to "folder", or to a provider whose server keeps prompts.',
)


def send_request(call: Call, service: Service, request: Any) -> Flow[Any]:  # noqa: ANN401 - each service has its own types
    """Send one request to a service, and return what the provider decodes."""
    return answer_service(Round(call, service, request))


def complete(call: Call, request: ChatRequest) -> Flow[ChatResponse]:
    """Let a model continue a text."""
    check_service(call.target, COMPLETION)
    if call.streamed:
        call.check_credential()
    check_messages(request.messages)
    return send_request(call, COMPLETION, request)


def pull(call: Call) -> Flow[None]:
    """Have a server download a model, and emit its progress."""
    check_service(call.target, PULL)
    call.target.endpoint.check_credential()
    return send_request(call, PULL, call.target.model)


def embed(call: Call, request: EmbeddingRequest) -> Flow[EmbeddingResponse]:
    """Embed texts, in one request."""
    check_service(call.target, EMBEDDINGS)
    if not request.texts:
        raise PromptError("No texts to embed.", hint="Pass a text or a list of texts.")
    return send_request(call, EMBEDDINGS, request)


def moderate(call: Call, request: ModerationRequest) -> Flow[ModerationResponse]:
    """Classify texts, or messages with images, by the vendor's policy, in one request."""
    check_service(call.target, MODERATION)
    if not request.contents or not all(request.contents):
        raise PromptError("There is nothing to classify.", hint="Pass a text, a message, or a list of them.")
    return send_request(call, MODERATION, request)


def render_prompt(call: Call, request: PromptRequest) -> Flow[RenderedPrompt]:
    """Have a server render a prompt."""
    check_service(call.target, PROMPTS)
    call.target.endpoint.check_credential()
    return send_request(call, PROMPTS, request)


def count_tokens(call: Call, request: ChatRequest, *, offline: bool) -> Flow[TokenCount]:
    """Count the tokens of a request: by a local model or tokenizer, else by the vendor, else as an estimate."""
    check_messages(request.messages)
    endpoint = call.target.endpoint
    local = endpoint.local
    if isinstance(local, LocalTokenCountProvider) and TOKEN_COUNT.capability in call.target.capabilities():
        count = faults.wrap(endpoint.source, "count_tokens", local.count_tokens)
        tokens: int = yield Invoke(lambda: count(request), inline=endpoint.inline)
        return _exact(call, tokens)
    local_count: TokenCount = yield Invoke(lambda: call.counter.count(endpoint, request))
    if local_count.exact or offline or not offers(call.target, TOKEN_COUNT):
        return local_count
    return _exact(call, (yield from send_request(call, TOKEN_COUNT, request)))


def _exact(call: Call, tokens: int) -> TokenCount:
    """Return an exact count: that of the vendor, or of a model inside this process."""
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
    """List the models of a provider. Request their details separately if the vendor's list has none."""
    endpoint = call.target.endpoint
    if endpoint.local is not None:
        list_local = faults.wrap(endpoint.source, "models", endpoint.local.models)
        models: tuple[ModelInfo, ...] = yield Invoke(list_local, inline=endpoint.inline)
    else:
        models = yield from send_request(call, MODELS, None)
        if offers(call.target, MODEL_DETAIL):
            models = tuple((yield All((_detail(call, model) for model in models), limit=DETAILS_AT_ONCE)))
    return tuple(model.model_copy(update={"provider": endpoint.name}) for model in models)


def _detail(call: Call, model: ModelInfo) -> Flow[ModelInfo]:
    """
    Request the details of a model. If it was removed in the meantime, return it as listed.

    For observers this is a separate call with its own id.
    """
    own = replace(call, id=f"{call.random.getrandbits(64):016x}", attempts=[], numbers=itertools.count(1))
    try:
        detail: ModelInfo = yield from send_request(own, MODEL_DETAIL, model)
    except NotFoundError:
        return model
    return detail
