"""Services of providers besides chat, each a small Protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budwood.contracts.providers import StreamDecoder
    from budwood.types import (
        ChatRequest,
        ChatResponse,
        EmbeddingRequest,
        EmbeddingResponse,
        HTTPCall,
        HTTPReply,
        ModelInfo,
        ModerationRequest,
        ModerationResponse,
        PromptRequest,
        PullProgress,
        RenderedPrompt,
        ReplyHead,
    )


@runtime_checkable
class EmbeddingProvider(Protocol):
    """A vendor's embeddings, in the same form as `Provider`."""

    def encode_embedding(self, request: EmbeddingRequest) -> HTTPCall:
        """Encode a request in the vendor's form."""
        ...

    def decode_embedding(self, request: EmbeddingRequest, reply: HTTPReply) -> EmbeddingResponse:
        """Decode the reply; the vectors are in the order of the texts."""
        ...


@runtime_checkable
class ModelListProvider(Protocol):
    """A vendor's list of models, in the same form as `Provider`."""

    def encode_models(self) -> HTTPCall:
        """Encode the request for the list."""
        ...

    def decode_models(self, reply: HTTPReply) -> tuple[ModelInfo, ...]:
        """Decode the list."""
        ...


@runtime_checkable
class ModelDetailProvider(Protocol):
    """A vendor that has the details of models in a separate request per model."""

    def encode_model(self, model: ModelInfo) -> HTTPCall:
        """Encode the request for the details of a model in the list."""
        ...

    def decode_model(self, model: ModelInfo, reply: HTTPReply) -> ModelInfo:
        """Decode the details, and add them to the model."""
        ...


class PullDecoder(Protocol):
    """Converts the bytes of a server's progress with a model to records, however the bytes are split."""

    def feed(self, data: bytes) -> Sequence[PullProgress]:
        """
        Decode the next bytes.

        Raises:
            ProviderError: The server reports that it cannot pull the model.
        """
        ...

    def close(self) -> Sequence[PullProgress]:
        """
        Decode what remains at the end of the stream.

        Raises:
            StreamInterruptedError: The server did not report that the model is complete.
        """
        ...


@runtime_checkable
class ModelPullProvider(Protocol):
    """A server that can pull models, in the same form as `Provider`."""

    def encode_pull(self, model: str) -> HTTPCall:
        """Encode the request to pull a model. It may be sent again: the server resumes the download."""
        ...

    def pull_decoder(self, model: str, head: ReplyHead) -> PullDecoder:
        """Return a decoder for the progress."""
        ...


@runtime_checkable
class TokenCountProvider(Protocol):
    """A vendor's count of the tokens of a request, in the same form as `Provider`."""

    def encode_token_count(self, request: ChatRequest) -> HTTPCall:
        """Encode the request to count tokens."""
        ...

    def decode_token_count(self, request: ChatRequest, reply: HTTPReply) -> int:
        """Decode the number of input tokens."""
        ...


@runtime_checkable
class ModerationProvider(Protocol):
    """A vendor's moderation of texts and images, in the same form as `Provider`."""

    def encode_moderation(self, request: ModerationRequest) -> HTTPCall:
        """Encode a request in the vendor's form."""
        ...

    def decode_moderation(self, request: ModerationRequest, reply: HTTPReply) -> ModerationResponse:
        """Decode the reply; the results are in the order of the contents."""
        ...


@runtime_checkable
class CompletionProvider(Protocol):
    """
    A vendor's plain completions, in the same form as `Provider`: a model continues a text.

    The request has one user message with the text; the reply is the continuation.
    """

    def encode_completion(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Encode a request in the vendor's form."""
        ...

    def decode_completion(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Decode a complete reply."""
        ...

    def completion_decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Return a decoder for a streamed reply."""
        ...


@runtime_checkable
class PromptProvider(Protocol):
    """A server that keeps prompts by name, in the same form as `Provider`."""

    def encode_prompt(self, request: PromptRequest) -> HTTPCall:
        """Encode the request to render a prompt."""
        ...

    def decode_prompt(self, request: PromptRequest, reply: HTTPReply) -> RenderedPrompt:
        """Decode the messages."""
        ...
