"""Providers: pure translations between our requests and a vendor's API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

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
    )


class StreamDecoder(Protocol):
    """Turns the bytes of one streamed reply into events, however the bytes are cut."""

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """
        Decode what came.

        Raises:
            ProviderError: The vendor reports an error inside the stream, or the bytes are not what the API promises.
        """
        ...

    def close(self) -> Sequence[StreamEvent]:
        """
        Decode what is left at the end.

        Raises:
            StreamInterruptedError: The reply was not finished.
        """
        ...


@runtime_checkable
class RemoteProvider(Protocol):
    """
    A vendor's API, as a pure translation: no I/O, no secrets but in `authorize`.

    Its capabilities, and the further Protocols that it satisfies, say what it offers: `Provider` for chat, and
    those of `budwood.contracts.services`. A provider of embeddings alone satisfies this and `EmbeddingProvider`.
    """

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this instance can do; what its spec says is the upper bound."""
        ...

    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Put the credential in: the last step before sending."""
        ...

    def error(self, reply: HTTPReply) -> ProviderError:
        """Classify a reply with a status other than 2xx, by status and structured code first."""
        ...


@runtime_checkable
class Provider(RemoteProvider, Protocol):
    """A vendor that chats."""

    def encode(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Write the request in the vendor's form, with a receipt for each parameter that is not sent as given."""
        ...

    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """
        Read a whole reply with a status of 2xx.

        Raises:
            ProviderError: It holds an error all the same, or is not what the API promises.
        """
        ...

    def decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Begin to read a streamed reply with a status of 2xx."""
        ...


class TokenSource(Protocol):
    """
    Gets tokens for a vendor who takes one in place of a key.

    It may do I/O, blocking or as a coroutine function: not the provider calls it but the engine, as an effect, before
    the first call and before a token expires. What it raises becomes a `CredentialError`.
    """

    def __call__(self) -> AccessToken | Awaitable[AccessToken]:
        """Get a token."""
        ...


@runtime_checkable
class TokenProvider(Protocol):
    """A provider whose settings may say that `Provider.authorize` gets a token in place of ``api_key``."""

    @property
    def token_source(self) -> TokenSource | None:
        """Where tokens come from; None where the key serves."""
        ...


@runtime_checkable
class ModelRulesProvider(Protocol):
    """A provider whose users give models names of their own, so that it must say what the catalog says of them."""

    def model_rules(self, model: str) -> ModelRules:
        """
        Return the rules of a model, by the name that users call it.

        What a model of a vendor can do is derived from them once, and again whenever a rule is learned from an error.
        """
        ...


@runtime_checkable
class CatalogNameProvider(Protocol):
    """A provider that knows which model a name of its users' own refers to; see `ModelRulesProvider`."""

    def catalog_name(self, model: str) -> str:
        """Return the name under which the catalog knows a model, by the name that users call it."""
        ...


@runtime_checkable
class ContextWindowProvider(Protocol):
    """A provider that knows how much its models hold, where the catalog does not."""

    def context_window(self, model: str) -> int | None:
        """Return how many tokens a model reads and writes together, or None where that is not known."""
        ...


@runtime_checkable
class ConnectionHintProvider(Protocol):
    """A vendor with a specific hint for a failed connection to its server."""

    @property
    def connection_hint(self) -> str | None:
        """What to do, in one sentence or two; None leaves it to the general hint."""
        ...


@runtime_checkable
class RateLimitProvider(Protocol):
    """A vendor that reports rate limits in the headers of its replies."""

    def rate_limits(self, head: ReplyHead) -> RateLimits | None:
        """Read the limits from the head of any reply, of a success or of an error; None where it reports none."""
        ...


@runtime_checkable
class PriceTierProvider(Protocol):
    """A vendor that has other prices for some tiers of service, speeds or regions, and reports them in its replies."""

    def price_tier(self, reply: Answer) -> str | None:
        """Return the tier in lower case, as in ``service_tier`` of the catalog's prices; None for the standard one."""
        ...


@runtime_checkable
class SchemaProvider(Protocol):
    """A vendor that takes JSON schemas, but not all of them."""

    def takes_schema(self, model: str, schema: OutputSchema) -> bool:
        """Return whether a model takes a schema. One that it does not take is sent as a tool, or in words."""
        ...


@runtime_checkable
class TruncationProvider(Protocol):
    """A vendor that can be asked to shorten a request that is too long, or to accept a longer one than usual."""

    def may_truncate(self, request: ChatRequest) -> bool:
        """Return whether the request asks for that. It is then sent whatever its length."""
        ...
