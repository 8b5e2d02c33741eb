"""Providers: pure translations between our requests and a vendor's API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from budwood.errors import ProviderError
    from budwood.types import (
        AccessToken,
        Answer,
        Capability,
        ChatRequest,
        ChatResponse,
        Credential,
        HTTPCall,
        HTTPReply,
        ModelRules,
        OutputSchema,
        RateLimits,
        ReplyHead,
        StreamEvent,
        Usage,
    )


class StreamDecoder(Protocol):
    """Converts the bytes of one streamed reply to events, however the bytes are split."""

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """
        Decode the next bytes.

        Raises:
            ProviderError: The vendor reports an error in the stream, or the bytes are not in the form of the API.
        """
        ...

    def close(self) -> Sequence[StreamEvent]:
        """
        Decode what remains at the end of the stream.

        Raises:
            StreamInterruptedError: The reply is incomplete.
        """
        ...


@runtime_checkable
class RemoteProvider(Protocol):
    """
    A vendor's API as a pure translation: no I/O, and secrets only in `authorize`.

    Its capabilities and the Protocols that it implements define its services: `Provider` for chat, and those of
    `budwood.contracts.services`. A provider with only embeddings implements this and `EmbeddingProvider`.
    """

    @property
    def capabilities(self) -> frozenset[Capability]:
        """The capabilities of this instance, a subset of those in its spec."""
        ...

    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Add the credential to a call, as the last step before sending."""
        ...

    def error(self, reply: HTTPReply) -> ProviderError:
        """Classify a reply with a status other than 2xx, by status and code first, by the message last."""
        ...


@runtime_checkable
class Provider(RemoteProvider, Protocol):
    """A vendor with chat models."""

    def encode(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Encode a request in the vendor's form, with an adaptation for each parameter that is not sent unchanged."""
        ...

    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """
        Decode a complete reply with status 2xx.

        Raises:
            ProviderError: The reply contains an error, or is not in the form of the API.
        """
        ...

    def decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Return a decoder for a streamed reply with status 2xx."""
        ...


class TokenSource(Protocol):
    """
    Gets access tokens for a vendor that takes them in place of a key.

    It may do I/O, and may be a coroutine function. The engine calls it before the first request and before a token
    expires; the provider does not. Any exception becomes a `CredentialError`.
    """

    def __call__(self) -> AccessToken | Awaitable[AccessToken]:
        """Get a token."""
        ...


@runtime_checkable
class TokenProvider(Protocol):
    """A provider that can be configured to use access tokens in place of ``api_key``."""

    @property
    def token_source(self) -> TokenSource | None:
        """The source of tokens; None if the instance uses a key."""
        ...


@runtime_checkable
class ModelRulesProvider(Protocol):
    """A provider whose users choose the names of models, so that the catalog cannot look them up by name."""

    def model_rules(self, model: str) -> ModelRules:
        """
        Return the catalog's rules for a model, by the user's name for it.

        The capabilities of a model are derived from its rules once, and again whenever a rule is learned from an error.
        """
        ...


@runtime_checkable
class CatalogNameProvider(Protocol):
    """A provider that knows which model a user's name refers to; see `ModelRulesProvider`."""

    def catalog_name(self, model: str) -> str:
        """Return the catalog's name of a model, by the user's name for it."""
        ...


@runtime_checkable
class ContextWindowProvider(Protocol):
    """A provider that knows the context windows of models that are not in the catalog."""

    def context_window(self, model: str) -> int | None:
        """Return the maximum of input and output tokens together; None if unknown."""
        ...


@runtime_checkable
class ConnectionHintProvider(Protocol):
    """A vendor with a specific hint for a failed connection to its server."""

    @property
    def connection_hint(self) -> str | None:
        """What to do, in one or two sentences; None for the default hint."""
        ...


@runtime_checkable
class RateLimitProvider(Protocol):
    """A vendor that reports rate limits in the headers of its replies."""

    def rate_limits(self, head: ReplyHead) -> RateLimits | None:
        """Parse the limits in the headers of a success or an error; None if there are none."""
        ...


@runtime_checkable
class LimitTokensProvider(Protocol):
    """A vendor whose limits do not count the input and output tokens that a reply reports."""

    def limit_tokens(self, request: ChatRequest, expected: Usage, used: Usage | None) -> int | None:
        """
        Return how many tokens of a request count against the vendor's limit.

        Args:
            request: The request.
            expected: The estimate: its input, and the output that the model usually writes.
            used: The usage of the reply; None before the request is sent.

        Returns:
            The tokens; None to count all tokens that are expected or used.
        """
        ...


@runtime_checkable
class CallOptionsProvider(Protocol):
    """A gateway that takes options of Budwood, which are not part of a request."""

    def add_options(self, call: HTTPCall, options: Mapping[str, str]) -> HTTPCall:
        """
        Add options to a call, which the provider has encoded.

        Args:
            call: The call.
            options: Those of ``label``, ``on_unsupported`` and ``timeout`` (the seconds that are left) that are not the
                defaults.
        """
        ...


@runtime_checkable
class PriceTierProvider(Protocol):
    """A vendor with different prices for service tiers, speeds or regions, which its replies report."""

    def price_tier(self, reply: Answer) -> str | None:
        """Return the tier in lower case, as in ``service_tier`` of the catalog's prices; None for the standard tier."""
        ...


@runtime_checkable
class ResponsesProvider(Protocol):
    """A vendor of which some models can be asked by OpenAI's Responses API."""

    def has_responses(self, model: str) -> bool:
        """Return whether ``extra`` may contain the fields of that API for a model."""
        ...


@runtime_checkable
class SchemaProvider(Protocol):
    """A vendor whose structured output does not support every JSON schema."""

    def takes_schema(self, model: str, schema: OutputSchema) -> bool:
        """Return whether a model supports a schema. If not, the schema is sent as a tool, or in words."""
        ...


@runtime_checkable
class TruncationProvider(Protocol):
    """A vendor with an option to shorten long requests, or to accept longer ones than usual."""

    def may_truncate(self, request: ChatRequest) -> bool:
        """Return whether the request uses that option. It is then sent without a check of its length."""
        ...
