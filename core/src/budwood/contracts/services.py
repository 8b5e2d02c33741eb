"""What a provider can do besides chat: each service is one small Protocol."""

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
        PullProgress,
        ReplyHead,
    )


@runtime_checkable
class EmbeddingProvider(Protocol):
    """A vendor's embeddings, in the same form as `Provider`."""

    def encode_embedding(self, request: EmbeddingRequest) -> HTTPCall:
        """Write the request in the vendor's form."""
        ...

    def decode_embedding(self, request: EmbeddingRequest, reply: HTTPReply) -> EmbeddingResponse:
        """Read the reply; the vectors are in the order of the texts."""
        ...


@runtime_checkable
class ModelListProvider(Protocol):
    """A vendor's list of models, in the same form as `Provider`."""

    def encode_models(self) -> HTTPCall:
        """Write the request for the list."""
        ...

    def decode_models(self, reply: HTTPReply) -> tuple[ModelInfo, ...]:
        """Read the list."""
        ...


@runtime_checkable
class ModelDetailProvider(Protocol):
    """A vendor whose list of models leaves out what a call for each of them tells."""

    def encode_model(self, model: ModelInfo) -> HTTPCall:
        """Write the request for what else is known of a model of the list."""
        ...

    def decode_model(self, model: ModelInfo, reply: HTTPReply) -> ModelInfo:
        """Read it, and add it to what the list said."""
        ...


class PullDecoder(Protocol):
    """Turns the bytes of a server's progress with a model into records, however the bytes are cut."""

    def feed(self, data: bytes) -> Sequence[PullProgress]:
        """
        Decode what came.

        Raises:
            ProviderError: The server reports that it cannot fetch the model.
        """
        ...

    def close(self) -> Sequence[PullProgress]:
        """
        Decode what is left at the end.

        Raises:
            StreamInterruptedError: The server did not say that it has the model.
        """
        ...


@runtime_checkable
class ModelPullProvider(Protocol):
    """A server that fetches models for itself when it is told to, in the same form as `Provider`."""

    def encode_pull(self, model: str) -> HTTPCall:
        """Write the request to fetch a model. It may be sent again: the server continues where it was."""
        ...

    def pull_decoder(self, model: str, head: ReplyHead) -> PullDecoder:
        """Begin to read the server's progress."""
        ...


@runtime_checkable
class TokenCountProvider(Protocol):
    """A vendor's count of the tokens of a request, in the same form as `Provider`."""

    def encode_token_count(self, request: ChatRequest) -> HTTPCall:
        """Write the request that asks for the count."""
        ...

    def decode_token_count(self, request: ChatRequest, reply: HTTPReply) -> int:
        """Read the count of input tokens."""
        ...


@runtime_checkable
class ModerationProvider(Protocol):
    """A vendor's verdicts on texts and images, in the same form as `Provider`."""

    def encode_moderation(self, request: ModerationRequest) -> HTTPCall:
        """Write the request in the vendor's form."""
        ...

    def decode_moderation(self, request: ModerationRequest, reply: HTTPReply) -> ModerationResponse:
        """Read the reply; the verdicts are in the order of the contents."""
        ...


@runtime_checkable
class CompletionProvider(Protocol):
    """
    A vendor's plain completions, in the same form as `Provider`: a model continues a text.

    The request holds one user's message, the text; the reply is its continuation.
    """

    def encode_completion(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Write the request in the vendor's form."""
        ...

    def decode_completion(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Read a whole reply."""
        ...

    def completion_decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Begin to read a streamed reply."""
        ...
