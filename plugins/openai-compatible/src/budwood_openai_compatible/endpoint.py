"""What the APIs of one server have in common: address, headers, errors; and its embeddings, models and verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic_core import to_json

from budwood.contracts import PluginContext
from budwood.errors import BadResponseError, NotFoundError, ProviderError
from budwood.providing import (
    BaseProvider,
    ErrorCodes,
    VendorError,
    classify_error,
    describe_body,
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
    holds_error,
    parse_request_id,
    reports_error,
)
from budwood_openai_compatible.failures import ERROR_CODES, our_name, parse_error_body, status_of
from budwood_openai_compatible.settings import OpenAICompatibleSettings

if TYPE_CHECKING:
    from budwood.types import EmbeddingRequest, EmbeddingResponse, ModelInfo, ModerationRequest, ModerationResponse

JSON_HEADERS: Final = {"content-type": "application/json", "accept": "application/json"}

STANDARD_TIERS: Final = frozenset({"auto", "default", "standard", "on_demand"})
"""Values of ``service_tier`` in a reply that mean standard prices; the last is Groq's."""

OFFERED: Final = frozenset({Capability.COUNT_TOKENS, Capability.MODERATION})
"""What few servers can do: an instance can where its settings say so."""


class OpenAIEndpoint(BaseProvider):
    """
    A server that speaks OpenAI's API, but for chat.

    Args:
        settings: Where the server is and in what it differs.
        context: What the plugin got besides its settings.
    """

    error_codes: ClassVar[ErrorCodes] = ERROR_CODES

    def __init__(self, settings: OpenAICompatibleSettings, context: PluginContext) -> None:
        super().__init__(context)
        self._settings = settings
        self._base_url = settings.base_url
        self._headers = {**JSON_HEADERS, **settings.headers}
        lacks = set(settings.lacks) | {can.value for can in OFFERED} - set(settings.offers)
        self._capabilities = frozenset(can for can in self.all_capabilities if can.value not in lacks)

    @property
    def vendor(self) -> str:
        """To whom vendor parts belong: the instance, whose server may be anyone's; vendors' own plugins name theirs."""
        return self._context.instance

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the server can do, by its settings."""
        return self._capabilities

    def url(self, path: str, model: str | None = None) -> str:
        """Return the address of an endpoint, such as ``/chat/completions``, for a model."""
        return self._base_url + path

    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Put the key into the header ``Authorization``."""
        key = credential.secret.get_secret_value()
        return call.with_headers({"authorization": f"Bearer {key}"})

    def standard(self, said: dict[str, Any]) -> dict[str, Any]:
        """Bring a reply or a chunk into OpenAI's form, for vendors who say some things in another place."""
        return said

    def error(self, reply: HTTPReply) -> ProviderError:
        """Classify a reply that is not 2xx."""
        return _completed(super().error(reply), reply.head)

    def parse_error(self, reply: HTTPReply) -> VendorError:
        """Take out of an error's body what the server says."""
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
        """Find what a body says of an error, be it the body of an error or of an event inside a stream."""
        vendor_error = parse_error_body(body, fallback=fallback)
        if vendor_error.param is None:
            return vendor_error
        renamed = {"max_tokens": self._settings.max_tokens_parameter, **self._settings.renames}
        return vendor_error._replace(param=our_name(vendor_error.param, renamed))

    def price_tier(self, reply: Answer) -> str | None:
        """Return the service tier of a reply; see `budwood.contracts.PriceTierProvider`."""
        return find_tier(reply, ("service_tier",), STANDARD_TIERS)

    def encode_embedding(self, request: EmbeddingRequest) -> HTTPCall:
        """Write a request for embeddings."""
        body: dict[str, Any] = {"model": request.model, "input": list(request.texts), "encoding_format": "float"}
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        return self._post("/embeddings", body | request.extra)

    def decode_embedding(self, request: EmbeddingRequest, reply: HTTPReply) -> EmbeddingResponse:
        """Read embeddings, as numbers or in base64."""
        from budwood.types import EmbeddingResponse
        from budwood_openai_compatible.lists import decode_vector

        body = self._object(reply, "data")
        rows = body.get("data") or ()
        ordered = sorted(enumerate(rows), key=lambda row: row[0] if row[1].get("index") is None else row[1]["index"])
        if len(ordered) != len(request.texts):
            raise BadResponseError(f"The reply holds {len(ordered)} vectors for {len(request.texts)} texts.")
        return EmbeddingResponse(
            vectors=tuple(decode_vector(row.get("embedding")) for _, row in ordered),
            usage=decode_usage(body["usage"]) if isinstance(body.get("usage"), Mapping) else Usage(),
            model=body.get("model") or "",
            request_id=parse_request_id(reply.headers),
            raw=body,
        )

    def encode_models(self) -> HTTPCall:
        """Write the request for the list of models."""
        return HTTPCall(method="GET", url=self.url("/models"), headers=self._headers)

    def decode_models(self, reply: HTTPReply) -> tuple[ModelInfo, ...]:
        """Read the list of models; some servers send it bare."""
        from budwood_openai_compatible.lists import decode_model

        body = parse_body(reply, *REQUEST_ID_HEADERS)
        if isinstance(body, Mapping) and holds_error(body):
            raise self._failure(reply.head, body)
        rows = body.get("data", body.get("models")) if isinstance(body, Mapping) else body
        if not isinstance(rows, list):
            raise BadResponseError(f"The reply is no list of models but {describe_body(reply.body)}.")
        return tuple(decode_model(row) for row in rows if isinstance(row, Mapping))

    def encode_moderation(self, request: ModerationRequest) -> HTTPCall:
        """Write a request for verdicts."""
        from budwood_openai_compatible.lists import encode_moderation

        return self._post("/moderations", encode_moderation(request))

    def decode_moderation(self, request: ModerationRequest, reply: HTTPReply) -> ModerationResponse:
        """Read verdicts."""
        from budwood.types import ModerationResponse
        from budwood_openai_compatible.lists import decode_verdict

        body = self._object(reply, "results")
        rows = body.get("results") or ()
        if len(rows) != len(request.contents):
            raise BadResponseError(f"The reply holds {len(rows)} verdicts for {len(request.contents)} contents.")
        return ModerationResponse(
            verdicts=tuple(map(decode_verdict, rows)),
            model=body.get("model") or "",
            id=body.get("id"),
            request_id=parse_request_id(reply.headers),
            raw=body,
        )

    def _post(self, path: str, body: dict[str, Any], receipts: tuple[Adaptation, ...] = ()) -> HTTPCall:
        return HTTPCall(
            method="POST",
            url=self.url(path, body.get("model")),
            headers=self._headers,
            body=to_json(body),
            adaptations=receipts,
        )

    def _object(self, reply: HTTPReply, content: str) -> dict[str, Any]:
        """
        Parse a reply that should be a JSON object, and raise the error that it may hold all the same.

        Args:
            reply: The reply.
            content: The field with the result. Without it, other forms of errors than OpenAI's are looked for.
        """
        body = parse_object(reply, *REQUEST_ID_HEADERS)
        body = self.standard(body)
        if holds_error(body) or (not body.get(content) and reports_error(body)):
            raise self._failure(reply.head, body)
        return body

    def _failure(self, head: ReplyHead, body: Mapping[str, Any]) -> ProviderError:
        """Make the error of an error inside a 200; what has no status of its own counts as the server's failure."""
        vendor_error = self.parse_error_body(body, fallback="the server reports an error")
        reply = HTTPReply(ReplyHead(status_of(vendor_error), head.headers), b"")
        return _completed(classify_error(reply, vendor_error, self.error_codes, in_success=True), head)


def _completed(error: ProviderError, head: ReplyHead) -> ProviderError:
    """Add the id of the request, and the hint for a response that the server does not have."""
    error.request_id = parse_request_id(head.headers)
    is_about_response = isinstance(error, NotFoundError) and error.param == "previous_response_id"
    if is_about_response or error.code == "previous_response_not_found":
        error.hint = (
            "The server no longer has this response, or did not store it (store=False). "
            "Send the whole conversation without previous_response_id."
        )
    return error
