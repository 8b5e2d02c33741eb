"""An endpoint with OpenAI's API without chat: addresses, headers, errors, embeddings, models and moderations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from budwood.contracts import PluginContext
from budwood.errors import BadResponseError, NotFoundError, ProviderError
from budwood.providing import (
    BaseProvider,
    ErrorCodes,
    VendorError,
    classify_error,
    describe_body,
    encode_json,
    find_tier,
    parse_body,
    parse_json,
    parse_object,
)
from budwood.types import (
    Adaptation,
    Answer,
    Capability,
    Credential,
    HTTPCall,
    HTTPReply,
    ReplyHead,
    Usage,
)
from budwood_openai_compatible.decoding import (
    REQUEST_ID_HEADERS,
    decode_usage,
    is_error,
    is_unusual_error,
    parse_request_id,
)
from budwood_openai_compatible.errors import ERROR_CODES, infer_status, map_parameter_name, parse_error_body
from budwood_openai_compatible.settings import OpenAICompatibleSettings

if TYPE_CHECKING:
    from budwood.types import (
        EmbeddingRequest,
        EmbeddingResponse,
        ModelInfo,
        ModerationRequest,
        ModerationResponse,
    )

JSON_HEADERS: Final = {"content-type": "application/json", "accept": "application/json"}

STANDARD_TIERS: Final = frozenset({"auto", "default", "standard", "on_demand"})
"""Values of ``service_tier`` in a reply that mean standard prices; ``on_demand`` is Groq's."""

OPTIONAL_CAPABILITIES: Final = frozenset(
    {
        Capability.COUNT_TOKENS,
        Capability.MODERATION,
        Capability.AUDIO_INPUT,
        Capability.VIDEO_INPUT,
        Capability.DOCUMENT_INPUT,
        Capability.AUDIO_OUTPUT,
        Capability.IMAGE_OUTPUT,
        Capability.FILES,
        Capability.VIDEOS,
        Capability.BACKGROUND,
    }
)
"""Capabilities that few servers have; an instance has them only if its settings list them."""


class OpenAIEndpoint(BaseProvider):
    """
    A server with OpenAI's API, without chat.

    Args:
        settings: The address of the server, and its deviations from OpenAI's API.
        context: The context of the plugin.
    """

    error_codes: ClassVar[ErrorCodes] = ERROR_CODES

    def __init__(self, settings: OpenAICompatibleSettings, context: PluginContext) -> None:
        super().__init__(context)
        self._settings = settings
        self._base_url = settings.base_url
        self._headers = {**JSON_HEADERS, **settings.headers}
        lacks = set(settings.lacks) | {can.value for can in OPTIONAL_CAPABILITIES} - set(settings.offers)
        self._capabilities = frozenset(can for can in self.all_capabilities if can.value not in lacks)

    @property
    def vendor(self) -> str:
        """The provider to which vendor parts are attributed: the instance, or the vendor of a derived plugin."""
        return self._context.instance

    @property
    def capabilities(self) -> frozenset[Capability]:
        """The capabilities of the server, according to its settings."""
        return self._capabilities

    def url(self, path: str, model: str | None = None) -> str:
        """Return the URL of an operation, such as ``/chat/completions``, for a model."""
        return self._base_url + path

    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Send the key as ``Authorization``."""
        key = credential.secret.get_secret_value()
        return call.with_headers({"authorization": f"Bearer {key}"})

    def normalize(self, body: dict[str, Any]) -> dict[str, Any]:
        """Convert a reply or a chunk to OpenAI's form; a hook for vendors with fields in other places."""
        if self._settings.reasoning_tag is None:
            return body
        from budwood_openai_compatible.reasoning_tags import separate_reasoning  # few servers need it

        return separate_reasoning(body, self._settings.reasoning_tag)

    def error(self, reply: HTTPReply) -> ProviderError:
        """Convert a reply whose status is not 2xx."""
        return _complete_error(super().error(reply), reply.head)

    def parse_error(self, reply: HTTPReply) -> VendorError:
        """Parse the body of an error."""
        try:
            body = parse_json(reply.body)
        except ValueError:
            body = None
        if isinstance(body, list) and len(body) == 1:
            body = body[0]  # Gemini wraps its errors in a list
        if not isinstance(body, Mapping):
            return VendorError(message=f"HTTP {reply.status}, and the body is {describe_body(reply.body)}.")
        return self.parse_error_body(body, fallback=f"HTTP {reply.status}")

    def parse_error_body(self, body: Mapping[str, Any], *, fallback: str) -> VendorError:
        """Parse the body of an error, or an event with an error inside a stream."""
        vendor_error = parse_error_body(body, fallback=fallback)
        if vendor_error.param is None:
            return vendor_error
        renamed = {"max_tokens": self._settings.max_tokens_parameter, **self._settings.renames}
        return vendor_error._replace(param=map_parameter_name(vendor_error.param, renamed))

    def price_tier(self, reply: Answer) -> str | None:
        """Return the service tier of a reply; see `budwood.contracts.PriceTierProvider`."""
        return find_tier(reply, ("service_tier",), STANDARD_TIERS)

    def encode_embedding(self, request: EmbeddingRequest) -> HTTPCall:
        """Return a request for embeddings."""
        body: dict[str, Any] = {"model": request.model, "input": list(request.texts), "encoding_format": "float"}
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        return self._post("/embeddings", body | request.extra)

    def decode_embedding(self, request: EmbeddingRequest, reply: HTTPReply) -> EmbeddingResponse:
        """Decode embeddings, which are lists of numbers or base64."""
        from budwood.types import EmbeddingResponse
        from budwood_openai_compatible.services import parse_vector

        body = self._object(reply, "data")
        rows = body.get("data") or ()
        ordered = sorted(enumerate(rows), key=lambda row: row[0] if row[1].get("index") is None else row[1]["index"])
        if len(ordered) != len(request.texts):
            raise BadResponseError(f"The reply has {len(ordered)} vectors for {len(request.texts)} texts.")
        return EmbeddingResponse(
            vectors=tuple(parse_vector(row.get("embedding")) for _, row in ordered),
            usage=decode_usage(body["usage"]) if isinstance(body.get("usage"), Mapping) else Usage(),
            model=body.get("model") or "",
            request_id=parse_request_id(reply.headers),
            raw=body,
        )

    def encode_models(self) -> HTTPCall:
        """Return the request for the list of models."""
        return HTTPCall(method="GET", url=self.url("/models"), headers=self._headers)

    def decode_models(self, reply: HTTPReply) -> tuple[ModelInfo, ...]:
        """Decode the list of models. Some servers send it without an envelope."""
        from budwood_openai_compatible.services import decode_model

        body = parse_body(reply, *REQUEST_ID_HEADERS)
        if isinstance(body, Mapping) and is_error(body):
            raise self._convert_error(reply.head, body)
        rows = body.get("data", body.get("models")) if isinstance(body, Mapping) else body
        if not isinstance(rows, list):
            raise BadResponseError(f"The reply is not a list of models but {describe_body(reply.body)}.")
        return tuple(decode_model(row) for row in rows if isinstance(row, Mapping))

    def encode_moderation(self, request: ModerationRequest) -> HTTPCall:
        """Return a request for moderation results."""
        from budwood_openai_compatible.services import encode_moderation

        return self._post("/moderations", encode_moderation(request))

    def decode_moderation(self, request: ModerationRequest, reply: HTTPReply) -> ModerationResponse:
        """Decode moderation results."""
        from budwood.types import ModerationResponse
        from budwood_openai_compatible.services import decode_moderation_result

        body = self._object(reply, "results")
        rows = body.get("results") or ()
        if len(rows) != len(request.contents):
            raise BadResponseError(f"The reply has {len(rows)} results for {len(request.contents)} inputs.")
        return ModerationResponse(
            results=tuple(map(decode_moderation_result, rows)),
            model=body.get("model") or "",
            id=body.get("id"),
            request_id=parse_request_id(reply.headers),
            raw=body,
        )

    def _post(self, path: str, body: dict[str, Any], adaptations: tuple[Adaptation, ...] = ()) -> HTTPCall:
        return HTTPCall(
            method="POST",
            url=self.url(path, body.get("model")),
            headers=self._headers,
            body=encode_json(body),
            adaptations=adaptations,
        )

    def _object(self, reply: HTTPReply, content: str) -> dict[str, Any]:
        """
        Parse a reply as a JSON object, and raise the error that it contains despite its status.

        Args:
            reply: The reply.
            content: The field with the result. If it is missing, errors in other forms than OpenAI's are recognized.
        """
        body = parse_object(reply, *REQUEST_ID_HEADERS)
        body = self.normalize(body)
        if is_error(body) or (not body.get(content) and is_unusual_error(body)):
            raise self._convert_error(reply.head, body)
        return body

    def _convert_error(self, head: ReplyHead, body: Mapping[str, Any]) -> ProviderError:
        """Convert an error inside a reply with status 200. Without a status of its own it is a server error."""
        vendor_error = self.parse_error_body(body, fallback="the server reported an error without a message")
        reply = HTTPReply(ReplyHead(infer_status(vendor_error), head.headers), b"")
        return _complete_error(classify_error(reply, vendor_error, self.error_codes, in_success=True), head)


def _complete_error(error: ProviderError, head: ReplyHead) -> ProviderError:
    """Add the request id, and a hint if the server does not have the previous response."""
    error.request_id = parse_request_id(head.headers)
    is_about_response = isinstance(error, NotFoundError) and error.param == "previous_response_id"
    if is_about_response or error.code == "previous_response_not_found":
        error.hint = (
            "The server no longer has this response, or did not store it (store=False). "
            "Send the full conversation without previous_response_id."
        )
    return error
