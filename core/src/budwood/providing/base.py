"""A base class for those who write a provider and like one; nothing in Budwood asks whether a provider has it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from budwood.contracts import PluginContext, StreamDecoder
from budwood.errors import ProviderError
from budwood.providing.failures import (
    NO_ERROR_CODES,
    ErrorCodes,
    VendorError,
    clip,
    describe_body,
    error_from_reply,
)
from budwood.providing.headers import rate_limits
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
    What most providers have in common. The abstract methods are those of `budwood.contracts.Provider`.

    Args:
        context: What the plugin got besides its settings.
    """

    all_capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.CHAT, Capability.STREAM})

    error_codes: ClassVar[ErrorCodes] = NO_ERROR_CODES
    """What the vendor's codes of errors mean."""

    def __init__(self, context: PluginContext) -> None:
        self._context = context

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this instance can do: by default all that the class can."""
        return self.all_capabilities

    def rules(self, request: ChatRequest) -> ModelRules:
        """Return what is known of the request's model."""
        return self.model_rules(request.model)

    def model_rules(self, model: str) -> ModelRules:
        """Return what is known of a model, by its name; see `budwood.contracts.ModelRulesProvider`."""
        return self._context.rules(model)

    def rate_limits(self, head: ReplyHead) -> RateLimits | None:
        """Read the ``x-ratelimit-…`` headers of a reply; see `budwood.contracts.RateLimitProvider`."""
        return rate_limits(head.headers)

    @abstractmethod
    def encode(self, request: ChatRequest, *, stream: bool) -> HTTPCall:
        """Write the request in the vendor's form."""

    @abstractmethod
    def authorize(self, call: HTTPCall, credential: Credential) -> HTTPCall:
        """Put the credential in."""

    @abstractmethod
    def decode(self, request: ChatRequest, reply: HTTPReply) -> ChatResponse:
        """Read a whole reply."""

    @abstractmethod
    def decoder(self, request: ChatRequest, head: ReplyHead) -> StreamDecoder:
        """Begin to read a streamed reply."""

    def error(self, reply: HTTPReply) -> ProviderError:
        """Classify by status alone; vendors with structured errors override `parse_error`."""
        return error_from_reply(reply, self.parse_error(reply), self.error_codes)

    def parse_error(self, reply: HTTPReply) -> VendorError:
        """Take out of an error's body what the vendor says."""
        return VendorError(message=f"HTTP {reply.status}: {clip(describe_body(reply.body))}")
