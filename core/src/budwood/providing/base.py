"""A base class for those who write a provider and like one; nothing in Budwood asks whether a provider has it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

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
from budwood.providing.images import ImageLimits, check_images
from budwood.providing.messages import check_capabilities, check_messages, check_text_output
from budwood.providing.rules import Parameters, adapted
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

    An `encode` begins with `check`, which knows the vendor's limits, and writes what `parameters` returns: the
    caller's parameters as the model's rules want them, above the catalog's defaults, above those of the settings.

    Args:
        context: What the plugin got besides its settings.
    """

    all_capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.CHAT, Capability.STREAM})

    error_codes: ClassVar[ErrorCodes] = NO_ERROR_CODES
    """What the vendor's codes of errors mean."""

    names: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """The vendor's names of parameters, by ours, where they differ for all its models."""

    images: ClassVar[ImageLimits] = ImageLimits()
    """What the vendor takes of images."""

    def __init__(self, context: PluginContext) -> None:
        self._context = context

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this instance can do: by default all that the class can."""
        return self.all_capabilities

    @property
    def defaults(self) -> Mapping[str, Any]:
        """What this instance sends where neither the caller nor the catalog says it: by default nothing."""
        return {}

    def context_window(self, model: str) -> int | None:
        """Return how many tokens a model reads and writes together: by default it is not known."""
        return None

    def check(self, request: ChatRequest) -> None:
        """
        See that a request may be sent to its model.

        The engine has seen to messages and capabilities before it calls `encode`; here they are checked for whoever
        calls it without the engine, and with them what only the provider knows: images and the context window.

        Raises:
            PromptError: There is nothing to answer, or an image is too large.
            ContextLengthError: It cannot fit the context window.
            UnsupportedError: The model writes no text, or cannot read what the messages hold.
        """
        model = f"{self._context.instance}/{request.model}"
        capabilities = self.rules(request).able(self.capabilities)
        check_text_output(capabilities, model)
        check_messages(request.messages)
        check_capabilities(request.messages, capabilities, model)
        check_images(request.messages, self.images, model)
        if (window := self.context_window(request.model)) is not None:
            from budwood.providing.tokens import check_tokens  # not above: few providers know their windows

            check_tokens(request, window, model)

    def parameters(self, request: ChatRequest) -> Parameters:
        """Write the parameters of a request; what stands in its ``extra`` is the author's to add, over all else."""
        return adapted(request, self.rules(request), names=self.names, defaults=self.defaults)

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
