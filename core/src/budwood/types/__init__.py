"""The data that flows through Budwood."""

from typing import TYPE_CHECKING

from budwood.types.chat import (
    ChatRequest,
    ChatResponse,
    FinishReason,
    NamedTool,
    OutputSchema,
    ReasoningEffort,
    ToolChoice,
    ToolDefinition,
)
from budwood.types.embeddings import EmbeddingRequest, EmbeddingResponse
from budwood.types.events import (
    CONTENT_EVENTS,
    Finished,
    ReasoningClosed,
    ReasoningDelta,
    RefusalDelta,
    ResponseMetadata,
    ResponseStarted,
    Restarted,
    StreamEvent,
    TextClosed,
    TextDelta,
    ToolCallClosed,
    ToolCallDelta,
    ToolExecuted,
    UsageReported,
    VendorContent,
)
from budwood.types.http import MAX_REPLY_BYTES, HTTPCall, HTTPReply, ReplyHead, Timing
from budwood.types.messages import Message, Role
from budwood.types.models import Capability, ModelInfo, ModelKind, ModelRules
from budwood.types.moderations import ModerationRequest, ModerationResponse, Verdict
from budwood.types.parts import (
    AccessToken,
    CacheLifetime,
    Credential,
    ImagePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    VendorPart,
    VendorTool,
)
from budwood.types.record import JSON, Record
from budwood.types.usage import Adaptation, Attempt, RateLimits, TokenCount, Usage

if TYPE_CHECKING:
    from budwood.types.datasets import Cell, CellDraft, Instruction, Row, SourcePassage, Turn
    from budwood.types.details import ModelDetails
    from budwood.types.prices import Cost, KnownFacts, LongInputPrices, ModelFacts, ModelPrices, TokenPrices

_OF_DATASETS = ("Cell", "CellDraft", "Instruction", "Row", "SourcePassage", "Turn")
_OF_PRICES = ("Cost", "KnownFacts", "LongInputPrices", "ModelFacts", "ModelPrices", "TokenPrices")

__all__ = [
    "CONTENT_EVENTS",
    "JSON",
    "MAX_REPLY_BYTES",
    "AccessToken",
    "Adaptation",
    "Attempt",
    "CacheLifetime",
    "Capability",
    "Cell",
    "CellDraft",
    "ChatRequest",
    "ChatResponse",
    "Cost",
    "Credential",
    "EmbeddingRequest",
    "EmbeddingResponse",
    "FinishReason",
    "Finished",
    "HTTPCall",
    "HTTPReply",
    "ImagePart",
    "Instruction",
    "KnownFacts",
    "LongInputPrices",
    "Message",
    "ModelDetails",
    "ModelFacts",
    "ModelInfo",
    "ModelKind",
    "ModelPrices",
    "ModelRules",
    "ModerationRequest",
    "ModerationResponse",
    "NamedTool",
    "OutputSchema",
    "Part",
    "RateLimits",
    "ReasoningClosed",
    "ReasoningDelta",
    "ReasoningEffort",
    "ReasoningPart",
    "Record",
    "RefusalDelta",
    "RefusalPart",
    "ReplyHead",
    "ResponseMetadata",
    "ResponseStarted",
    "Restarted",
    "Role",
    "Row",
    "SourcePassage",
    "StreamEvent",
    "TextClosed",
    "TextDelta",
    "TextPart",
    "Timing",
    "TokenCount",
    "TokenPrices",
    "ToolCallClosed",
    "ToolCallDelta",
    "ToolCallPart",
    "ToolChoice",
    "ToolDefinition",
    "ToolExecuted",
    "ToolResultPart",
    "Turn",
    "Usage",
    "UsageReported",
    "VendorContent",
    "VendorPart",
    "VendorTool",
    "Verdict",
]


def __getattr__(name: str) -> object:
    """Look the records of datasets and of prices up when they are wanted: most programs need them late or never."""
    if name in _OF_DATASETS:
        from budwood.types import datasets

        return getattr(datasets, name)
    if name in _OF_PRICES:
        from budwood.types import prices

        return getattr(prices, name)
    if name == "ModelDetails":
        from budwood.types.details import ModelDetails

        return ModelDetails
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
