"""The provider: chat, embeddings and the list of models of an Ollama server."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from pydantic_core import to_json

from budwood.contracts import PluginContext, StreamDecoder
from budwood.errors import BadResponseError, ProviderError, UnsupportedError
from budwood.providing import (
    BaseProvider,
    count_tool_calls,
    describe_body,
    make_missing_field_error,
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
from budwood_ollama.decoding import decode_message, decode_metadata, decode_usage, done_reason, finish_reason
from budwood_ollama.encoding import ChatWriter
from budwood_ollama.errors import error_in_stream, error_of
from budwood_ollama.models import decode_details, decode_summary
from budwood_ollama.pull_decoder import PullDecoder
from budwood_ollama.settings import OllamaSettings
from budwood_ollama.stream_decoder import ChatStreamDecoder

_HEADERS: Final = {"content-type": "application/json"}


class Ollama(BaseProvider):
    """
    Speaks Ollama's native API.

    Args:
        settings: Where the server is and what every request shall say.
        context: What the plugin got besides its settings.
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
        self._always = {} if settings.keep_alive is None else {"keep_alive": settings.keep_alive}

    @property
    def connection_hint(self) -> str | None:
        """What to do where nobody answers; the cloud is not ours to start."""
        url = self._settings.base_url
        if urlsplit(url).hostname == CLOUD:
            return None
        return f"Is Ollama running at {url}? `ollama serve` starts it; OLLAMA_HOST or base_url says where it is."

    def encode(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Write a chat request. Ollama streams unless it is told not to."""
        writer = ChatWriter(request, self.rules(request))
        body = {**self._always, **writer.write(self._settings.options), "stream": stream}
        return self._post("/api/chat", body, tuple(writer.receipts))

    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Put the key into the header ``Authorization``."""
        key = credential.secret.get_secret_value()
        return call.with_headers({"authorization": f"Bearer {key}"})

    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Read a chat reply."""
        body = _object(reply)
        if not isinstance(body.get("message"), Mapping):
            raise make_missing_field_error(reply, body, "message")
        message = decode_message(body["message"], count(count_tool_calls(request)))
        raw_reason = done_reason(body)
        return ChatResponse(
            message=message,
            finish_reason=finish_reason(raw_reason, called_tools=bool(message.tool_calls)),
            raw_finish_reason=raw_reason,
            usage=decode_usage(body),
            model=body.get("model") or "",
            request_id=parse_request_id(reply.headers),
            rate_limits=parse_rate_limits(reply.headers),
            metadata=decode_metadata(body),
            raw=body,
        )

    def decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Begin to read a streamed chat reply."""
        return ChatStreamDecoder(request, head, failure=lambda line: error_in_stream(head, line))

    def error(self, reply: HTTPReply) -> ProviderError:
        """Classify a reply that is not 2xx."""
        return error_of(reply)

    def encode_embedding(self, request: EmbeddingRequest) -> HTTPCall:
        """Write a request for embeddings."""
        body: dict[str, Any] = {"model": request.model, **self._texts(request), **self._always}
        options = {**self._settings.options, **_table(request.extra.get("options"))}
        if options:
            body["options"] = options
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        more = {name: value for name, value in request.extra.items() if name != "options"}
        return self._post(f"/api/{self._settings.embeddings_endpoint}", body | more)

    def _texts(self, request: EmbeddingRequest) -> dict[str, Any]:
        if self._settings.embeddings_endpoint == "embed":
            return {"input": list(request.texts)}
        if len(request.texts) != 1:
            raise UnsupportedError(
                "/api/embeddings embeds one text at a time.", hint='Leave embeddings_endpoint at "embed".'
            )
        return {"prompt": request.texts[0]}

    def decode_embedding(self, request: EmbeddingRequest, reply: HTTPReply) -> EmbeddingResponse:
        """Read embeddings; ``/api/embeddings`` answers with a single one."""
        body = _object(reply)
        vectors = [body["embedding"]] if "embedding" in body else body.get("embeddings") or []
        if len(vectors) != len(request.texts):
            raise BadResponseError(f"The reply holds {len(vectors)} vectors for {len(request.texts)} texts.")
        return EmbeddingResponse(
            vectors=tuple(map(_vector, vectors)),
            usage=decode_usage(body),
            model=body.get("model") or "",
            request_id=parse_request_id(reply.headers),
            raw=body,
        )

    def encode_models(self) -> HTTPCall:
        """Write the request for the list of models."""
        return HTTPCall(method="GET", url=f"{self._settings.base_url}/api/tags", headers=self._headers)

    def decode_models(self, reply: HTTPReply) -> tuple[ModelInfo, ...]:
        """Read the list of models, which does not say how much they read; `decode_model` does."""
        rows = _object(reply).get("models")
        if not isinstance(rows, list):
            raise BadResponseError(f"The reply is not a list of models but {describe_body(reply.body)}.")
        return tuple(map(decode_summary, rows))

    def encode_model(self, model: ModelInfo) -> HTTPCall:
        """Ask what else is known of a model."""
        return self._post("/api/show", {"model": model.id})

    def decode_model(self, model: ModelInfo, reply: HTTPReply) -> ModelInfo:
        """Read what else is known of a model: its context window and what it can do."""
        return decode_details(model, _object(reply))

    def encode_pull(self, model: str) -> HTTPCall:
        """Write the request to fetch a model."""
        return self._post("/api/pull", {"model": model, "stream": True})

    def pull_decoder(self, model: str, head: ReplyHead) -> PullDecoder:
        """Begin to read how far the server has got with a model."""
        return PullDecoder(failure=lambda line: error_in_stream(head, line))

    def _post(self, path: str, body: Mapping[str, Any], receipts: tuple[Adaptation, ...] = ()) -> HTTPCall:
        return HTTPCall(
            method="POST",
            url=self._settings.base_url + path,
            headers=self._headers,
            body=to_json(body),
            adaptations=receipts,
        )


def _object(reply: HTTPReply) -> dict[str, Any]:
    """Parse a reply that should be a JSON object, and raise the error that it may hold all the same."""
    body = parse_object(reply)
    if body.get("error"):
        raise error_in_stream(reply.head, body)
    return body


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _vector(numbers: object) -> tuple[float, ...]:
    if not isinstance(numbers, list):
        raise BadResponseError(f"An embedding is a {type(numbers).__name__}.")
    return tuple(numbers)
