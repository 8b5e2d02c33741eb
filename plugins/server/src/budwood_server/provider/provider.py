"""The provider: the services of a server of Budwood, with what it knows about each reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from budwood.providing import encode_json, parse_body
from budwood.types import Adaptation, Answer, Capability, ChatRequest, ChatResponse, HTTPCall, HTTPReply, ReplyHead
from budwood_openai_compatible import OpenAICompatible
from budwood_server.client.calls import CLIENT
from budwood_server.provider.logins import find_token_source
from budwood_server.provider.reports import FIELD, ReportDecoder, complete_response, move_cost, read_headers
from budwood_server.provider.settings import BudwoodServerSettings, make_headers

if TYPE_CHECKING:
    from budwood.contracts import MediaDecoder, PluginContext, StreamDecoder, TokenSource
    from budwood.errors import ProviderError
    from budwood.types import (
        EmbeddingRequest,
        EmbeddingResponse,
        ImageRequest,
        ImageResponse,
        ModerationRequest,
        ModerationResponse,
        PromptRequest,
        RenderedPrompt,
        SpeechRequest,
        SpeechResponse,
        TranscriptionRequest,
        TranscriptionResponse,
    )

R = TypeVar("R", "ImageRequest", "TranscriptionRequest")
A = TypeVar("A", bound=Answer)


class BudwoodServer(OpenAICompatible):
    """
    A server of Budwood.

    Args:
        settings: The address, the key, and options that the server applies to all calls.
        context: The context of the plugin.
    """

    all_capabilities: ClassVar[frozenset[Capability]] = (OpenAICompatible.all_capabilities - {Capability.VIDEOS}) | {
        Capability.PROMPTS
    }

    def __init__(self, settings: BudwoodServerSettings, context: PluginContext) -> None:
        super().__init__(settings, context)
        self._passed = settings.pass_options
        self._token_source = find_token_source(settings)
        own = {CLIENT: f"budwood-python/{version('budwood')}", **settings.server_options.list_headers()}
        self._headers = {**own, **self._headers}

    @property
    def token_source(self) -> TokenSource | None:
        """The login of the user, if there is no key; see `budwood.contracts.TokenProvider`."""
        return self._token_source

    def add_options(self, call: HTTPCall, options: Mapping[str, str]) -> HTTPCall:
        """Pass options of the call on, as headers; see `budwood.contracts.CallOptionsProvider`."""
        passed: dict[str, str] = {name: text for name, text in options.items() if name in self._passed}
        dropped: tuple[Adaptation, ...] = ()
        if not (label := passed.get("label", "")).isascii() or not label.isprintable():
            del passed["label"]
            reason = "the server takes only printable characters of ASCII in labels"
            dropped = (Adaptation(parameter="label", action="dropped", reason=reason),)
        return replace(call.with_headers(make_headers(passed)), adaptations=(*call.adaptations, *dropped))

    def normalize(self, body: dict[str, Any]) -> dict[str, Any]:
        """Read the cost of a stream, which its last chunk contains, as part of the usage."""
        return move_cost(super().normalize(body))

    def error(self, reply: HTTPReply) -> ProviderError:
        """Convert a reply whose status is not 2xx, with the hint of the server."""
        return _add_hint(super().error(reply), self.parse_error(reply).details)

    def _convert_error(self, head: ReplyHead, body: Mapping[str, Any]) -> ProviderError:
        return _add_hint(super()._convert_error(head, body), self.parse_error_body(body, fallback="").details)

    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Decode a chat reply."""
        return _complete(super().decode(request, reply), reply)

    def decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Return the decoder of a streamed chat reply."""
        return ReportDecoder(super().decoder(request, head))

    def decode_completion(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Decode a completion."""
        return _complete(super().decode_completion(request, reply), reply)

    def completion_decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Return the decoder of a streamed completion."""
        return ReportDecoder(super().completion_decoder(request, head))

    def decode_embedding(self, request: EmbeddingRequest, reply: HTTPReply) -> EmbeddingResponse:
        """Decode embeddings."""
        return _complete(super().decode_embedding(request, reply), reply)

    def decode_moderation(self, request: ModerationRequest, reply: HTTPReply) -> ModerationResponse:
        """Decode moderation results."""
        return _complete(super().decode_moderation(request, reply), reply)

    def encode_prompt(self, request: PromptRequest) -> HTTPCall:
        """Return a request to render a prompt. Its key needs the scope ``prompts``."""
        from budwood_server.provider.prompts import make_prompt_path  # few programs name prompts

        url = self._base_url.removesuffix("/v1") + make_prompt_path(request)
        body = encode_json({"variables": request.variables})
        return HTTPCall(method="POST", url=url, headers=self._headers, body=body)

    def decode_prompt(self, request: PromptRequest, reply: HTTPReply) -> RenderedPrompt:
        """Decode the messages of a prompt."""
        from budwood_server.provider.prompts import decode_prompt

        return decode_prompt(request, parse_body(reply))

    def encode_image(self, request: ImageRequest, *, stream: bool) -> HTTPCall:
        """Return a request to generate or edit images."""
        request, headers = _take_options(request)
        return super().encode_image(request, stream=stream).with_headers(headers)

    def decode_image(self, request: ImageRequest, reply: HTTPReply) -> ImageResponse:
        """Decode images."""
        return _complete(super().decode_image(request, reply), reply)

    def image_decoder(self, request: ImageRequest, head: ReplyHead) -> MediaDecoder:
        """Return the decoder of a stream of images."""
        return ReportDecoder(super().image_decoder(request, head))

    def decode_speech(self, request: SpeechRequest, reply: HTTPReply) -> SpeechResponse:
        """Decode speech."""
        return _complete(super().decode_speech(request, reply), reply)

    def encode_transcription(self, request: TranscriptionRequest, *, stream: bool) -> HTTPCall:
        """Return a request for a transcript, or for a translation into English."""
        request, headers = _take_options(request)
        return super().encode_transcription(request, stream=stream).with_headers(headers)

    def decode_transcription(self, request: TranscriptionRequest, reply: HTTPReply) -> TranscriptionResponse:
        """Decode a transcript."""
        return _complete(super().decode_transcription(request, reply), reply)

    def transcription_decoder(self, request: TranscriptionRequest, head: ReplyHead) -> MediaDecoder:
        """Return the decoder of a streamed transcript."""
        return ReportDecoder(super().transcription_decoder(request, head))


def _complete(response: A, reply: HTTPReply) -> A:
    return complete_response(response, read_headers(reply.headers))


def _take_options(request: R) -> tuple[R, dict[str, str]]:
    """Return a request without the options of Budwood in it, and these as headers: forms have no objects."""
    options = request.extra.get(FIELD)
    if not isinstance(options, dict):
        return request, {}
    extra = {name: value for name, value in request.extra.items() if name != FIELD}
    return request.model_copy(update={"extra": extra}), make_headers(options)


def _add_hint(error: ProviderError, details: Mapping[str, Any]) -> ProviderError:
    if isinstance(hint := details.get("hint"), str) and hint:
        error.hint = hint
    return error
