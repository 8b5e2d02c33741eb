"""An optional base class for providers: Budwood never checks whether a provider inherits from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from budwood.contracts import PluginContext, StreamDecoder
from budwood.errors import ProviderError
from budwood.providing.bodies import clip, describe_body
from budwood.providing.errors import (
    NO_ERROR_CODES,
    ErrorCodes,
    VendorError,
    classify_error,
)
from budwood.providing.headers import parse_rate_limits
from budwood.types import (
    Capability,
    ChatRequest,
    ChatResponse,
    Credential,
    HTTPCall,
    HTTPReply,
    ModelRules,
    RateLimits,
    ReplyHead,
)


class BaseProvider(ABC):
    """
    Common methods of providers. The abstract methods are those of `budwood.contracts.Provider`.

    Args:
        context: What the core passes to the plugin besides its settings.
    """

    all_capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.CHAT, Capability.STREAM})

    error_codes: ClassVar[ErrorCodes] = NO_ERROR_CODES
    """The meaning of the vendor's error codes."""

    def __init__(self, context: PluginContext) -> None:
        self._context = context

    @property
    def capabilities(self) -> frozenset[Capability]:
        """The capabilities of this instance; by default all of the class."""
        return self.all_capabilities

    def rules(self, request: ChatRequest) -> ModelRules:
        """Return the catalog's rules for the model of a request."""
        return self.model_rules(request.model)

    def model_rules(self, model: str) -> ModelRules:
        """Return the catalog's rules for a model; see `budwood.contracts.ModelRulesProvider`."""
        return self._context.rules(model)

    def rate_limits(self, head: ReplyHead) -> RateLimits | None:
        """Parse the ``x-ratelimit-…`` headers of a reply; see `budwood.contracts.RateLimitProvider`."""
        return parse_rate_limits(head.headers)

    @abstractmethod
    def encode(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Encode a request in the vendor's form."""

    @abstractmethod
    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Add the credential to a call."""

    @abstractmethod
    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Decode a complete reply."""

    @abstractmethod
    def decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Return a decoder for a streamed reply."""

    def error(self, reply: HTTPReply) -> ProviderError:
        """Classify an error reply. Vendors with structured errors override `parse_error`."""
        return classify_error(reply, self.parse_error(reply), self.error_codes)

    def parse_error(self, reply: HTTPReply) -> VendorError:
        """Parse the body of an error reply."""
        return VendorError(message=f"HTTP {reply.status}: {clip(describe_body(reply.body))}")
