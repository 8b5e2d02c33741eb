"""The provider: chat, embeddings, the list of models and pulling models."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlsplit

from budwood.contracts import PluginContext, StreamDecoder
from budwood.errors import BadResponseError, ProviderError, UnsupportedError
from budwood.providing import (
    BaseProvider,
    count_tool_calls,
    describe_body,
    encode_json,
    make_missing_field_error,
    parse_id,
    parse_object,
    parse_rate_limits,
    parse_request_id,
)
from budwood.types import (
    Adaptation,
    Capability,
    ChatRequest,
    ChatResponse,
    Credential,
    EmbeddingRequest,
    EmbeddingResponse,
    HTTPCall,
    HTTPReply,
    ModelInfo,
    ReplyHead,
)
from budwood_ollama.addresses import CLOUD
from budwood_ollama.decoding import (
    convert_finish_reason,
    decode_message,
    decode_metadata,
    decode_usage,
    parse_done_reason,
)
from budwood_ollama.encoding import ChatEncoder
from budwood_ollama.errors import make_error, make_error_in_success
from budwood_ollama.models import decode_details, decode_summary
from budwood_ollama.pull_decoder import PullDecoder
from budwood_ollama.settings import OllamaSettings
from budwood_ollama.stream_decoder import ChatStreamDecoder

if TYPE_CHECKING:
    from budwood.types import MediaKind, MediaRequest

_HEADERS: Final = {"content-type": "application/json"}


class Ollama(BaseProvider):
    """
    Speaks Ollama's native API.

    Args:
        settings: The settings of this instance.
        context: What the core passes to the plugin besides its settings.
    """

    all_capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.CHAT,
            Capability.STREAM,
            Capability.TOOLS,
            Capability.JSON_SCHEMA,
            Capability.IMAGE_INPUT,
            Capability.REASONING,
            Capability.EMBEDDINGS,
            Capability.MODELS,
            Capability.PULL_MODELS,
        }
    )

    def __init__(self, settings: OllamaSettings, context: PluginContext) -> None:
        super().__init__(context)
        self._settings = settings
        self._headers = {**_HEADERS, **settings.headers}
        self._common = {} if settings.keep_alive is None else {"keep_alive": settings.keep_alive}

    @property
    def connection_hint(self) -> str | None:
        """The hint for a failed connection; None for the cloud, which the user cannot start."""
        url = self._settings.base_url
        if urlsplit(url).hostname == CLOUD:
            return None
        return f"Is Ollama running at {url}? Start it with `ollama serve`, or set OLLAMA_HOST or base_url."

    def encode(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Encode a chat request. Ollama streams by default."""
        encoder = ChatEncoder(request, self.rules(request))
        body = {**self._common, **encoder.encode(self._settings.options), "stream": stream}
        return self._post("/api/chat", body, tuple(encoder.adaptations))

    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Add the header ``Authorization``."""
        key = credential.secret.get_secret_value()
        return call.with_headers({"authorization": f"Bearer {key}"})

    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Decode a chat reply."""
        body = _parse(reply)
        if not isinstance(body.get("message"), Mapping):
            raise make_missing_field_error(reply, body, "message")
        message = decode_message(body["message"], count(count_tool_calls(request)))
        raw_reason = parse_done_reason(body)
        return ChatResponse(
            message=message,
            finish_reason=convert_finish_reason(raw_reason, called_tools=bool(message.tool_calls)),
            raw_finish_reason=raw_reason,
            usage=decode_usage(body),
            model=parse_id(body.get("model")) or "",
            request_id=parse_request_id(reply.headers),
            rate_limits=parse_rate_limits(reply.headers),
            metadata=decode_metadata(body),
            raw=body,
        )

    def decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Return a decoder for a streamed chat reply."""
        return ChatStreamDecoder(request, head, make_error=lambda line: make_error_in_success(head, line))

    def error(self, reply: HTTPReply) -> ProviderError:
        """Classify an error reply."""
        return make_error(reply)

    def media_sources(self, request: MediaRequest, kind: MediaKind) -> frozenset[str]:
        """Return how a request can contain media: images in base64; see `budwood.contracts.MediaInputProvider`."""
        return frozenset({"inline"}) if kind == "image" else frozenset()

    def encode_embedding(self, request: EmbeddingRequest) -> HTTPCall:
        """Encode a request for embeddings."""
        body: dict[str, Any] = {"model": request.model, **self._encode_texts(request), **self._common}
        options = {**self._settings.options, **_mapping(request.extra.get("options"))}
        if options:
            body["options"] = options
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        others = {name: value for name, value in request.extra.items() if name != "options"}
        return self._post(f"/api/{self._settings.embeddings_endpoint}", body | others)

    def _encode_texts(self, request: EmbeddingRequest) -> dict[str, Any]:
        if self._settings.embeddings_endpoint == "embed":
            return {"input": list(request.texts)}
        if len(request.texts) != 1:
            hint = 'Set embeddings_endpoint to "embed", or embed one text per call.'
            raise UnsupportedError("/api/embeddings takes one text at a time.", hint=hint)
        return {"prompt": request.texts[0]}

    def decode_embedding(self, request: EmbeddingRequest, reply: HTTPReply) -> EmbeddingResponse:
        """Decode embeddings; ``/api/embeddings`` returns a single one."""
        body = _parse(reply)
        vectors = [body["embedding"]] if "embedding" in body else body.get("embeddings") or []
        if len(vectors) != len(request.texts):
            raise BadResponseError(f"The reply has {len(vectors)} vectors for {len(request.texts)} texts.")
        return EmbeddingResponse(
            vectors=tuple(map(_decode_vector, vectors)),
            usage=decode_usage(body),
            model=parse_id(body.get("model")) or "",
            request_id=parse_request_id(reply.headers),
            raw=body,
        )

    def encode_models(self) -> HTTPCall:
        """Encode a request for the list of models."""
        return HTTPCall(method="GET", url=f"{self._settings.base_url}/api/tags", headers=self._headers)

    def decode_models(self, reply: HTTPReply) -> tuple[ModelInfo, ...]:
        """Decode the list of models, without their context windows, which `decode_model` adds."""
        rows = _parse(reply).get("models")
        if not isinstance(rows, list):
            raise BadResponseError(f"The reply is not a list of models but {describe_body(reply.body)}.")
        return tuple(map(decode_summary, rows))

    def encode_model(self, model: ModelInfo) -> HTTPCall:
        """Encode a request for the details of a model."""
        return self._post("/api/show", {"model": model.id})

    def decode_model(self, model: ModelInfo, reply: HTTPReply) -> ModelInfo:
        """Add the details of a model: its context window and its capabilities."""
        return decode_details(model, _parse(reply))

    def encode_pull(self, model: str) -> HTTPCall:
        """Encode a request to pull a model."""
        return self._post("/api/pull", {"model": model, "stream": True})

    def pull_decoder(self, model: str, head: ReplyHead) -> PullDecoder:
        """Return a decoder for the progress of pulling a model."""
        return PullDecoder(make_error=lambda line: make_error_in_success(head, line))

    def _post(self, path: str, body: Mapping[str, Any], adaptations: tuple[Adaptation, ...] = ()) -> HTTPCall:
        return HTTPCall(
            method="POST",
            url=self._settings.base_url + path,
            headers=self._headers,
            body=encode_json(body),
            adaptations=adaptations,
        )


def _parse(reply: HTTPReply) -> dict[str, Any]:
    """Parse a JSON object; raise the error if it reports one."""
    body = parse_object(reply)
    if body.get("error"):
        raise make_error_in_success(reply.head, body)
    return body


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _decode_vector(numbers: object) -> tuple[float, ...]:
    if not isinstance(numbers, list):
        raise BadResponseError(f"An embedding is not a list but {type(numbers).__name__}.")
    return tuple(numbers)
