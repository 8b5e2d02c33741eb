"""A base class for those who write a provider and like one; nothing in Budwood asks whether a provider has it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from budwood.contracts import PluginContext, StreamDecoder
from budwood.errors import ProviderError
from budwood.providing.failures import OPENAI_VOCABULARY, Complaint, Vocabulary, clip, describe_body, error_from_reply
from budwood.types import (
    Capability,
    ChatRequest,
    ChatResponse,
    Credential,
    HTTPCall,
    HTTPReply,
    ModelRules,
    ReplyHead,
)


class BaseProvider(ABC):
    """
    What most providers have in common. The abstract methods are those of `budwood.contracts.Provider`.

    Args:
        context: What the plugin got besides its settings.
    """

    all_capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.CHAT, Capability.STREAM})

    vocabulary: ClassVar[Vocabulary] = OPENAI_VOCABULARY
    """What the vendor's codes of errors mean."""

    def __init__(self, context: PluginContext) -> None:
        self._context = context

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this instance can do: by default all that the class can."""
        return self.all_capabilities

    def rules(self, request: ChatRequest) -> ModelRules:
        """Return what the catalog says of the model."""
        return self.model_rules(request.model)

    def model_rules(self, model: str) -> ModelRules:
        """Return what the catalog says of a model, by its name; see `budwood.contracts.ModelRulesProvider`."""
        return self._context.rules(model)

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
        """Classify by status alone; vendors with structured errors override `complaint`."""
        return error_from_reply(reply, self.complaint(reply), self.vocabulary)

    def complaint(self, reply: HTTPReply) -> Complaint:
        """Take out of an error's body what the vendor says."""
        return Complaint(message=f"HTTP {reply.status}: {clip(describe_body(reply.body))}")
