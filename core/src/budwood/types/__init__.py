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
from budwood.types.http import MAX_REPLY_BYTES, Body, BodyFile, HTTPCall, HTTPReply, ReplyHead, SavedReply, Timing
from budwood.types.messages import Message, Role
from budwood.types.models import Capability, ModelKind, ModelRules
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
from budwood.types.usage import Adaptation, Answer, Attempt, Cost, RateLimits, Usage

if TYPE_CHECKING:
    from budwood.types.datasets import Cell, CellDraft, Instruction, Row, SourcePassage, Turn
    from budwood.types.details import ModelDetails
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
    from budwood.types.moderations import ModerationRequest, ModerationResponse, Verdict
    from budwood.types.prices import KnownFacts, LongInputPrices, ModelFacts, ModelPrices, TokenPrices
    from budwood.types.services import ModelInfo, PullProgress, TokenCount

_HOMES = {
    "CONTENT_EVENTS": "events",
    "Cell": "datasets",
    "CellDraft": "datasets",
    "EmbeddingRequest": "embeddings",
    "EmbeddingResponse": "embeddings",
    "Finished": "events",
    "Instruction": "datasets",
    "KnownFacts": "prices",
    "LongInputPrices": "prices",
    "ModelDetails": "details",
    "ModelFacts": "prices",
    "ModelInfo": "services",
    "ModelPrices": "prices",
    "ModerationRequest": "moderations",
    "ModerationResponse": "moderations",
    "PullProgress": "services",
    "ReasoningClosed": "events",
    "ReasoningDelta": "events",
    "RefusalDelta": "events",
    "ResponseMetadata": "events",
    "ResponseStarted": "events",
    "Restarted": "events",
    "Row": "datasets",
    "SourcePassage": "datasets",
    "StreamEvent": "events",
    "TextClosed": "events",
    "TextDelta": "events",
    "TokenCount": "services",
    "TokenPrices": "prices",
    "ToolCallClosed": "events",
    "ToolCallDelta": "events",
    "ToolExecuted": "events",
    "Turn": "datasets",
    "UsageReported": "events",
    "VendorContent": "events",
    "Verdict": "moderations",
}
"""What a call that waits for a whole reply does not need, by its module: looked up when it is wanted."""

__all__ = [
    "CONTENT_EVENTS",
    "JSON",
    "MAX_REPLY_BYTES",
    "AccessToken",
    "Adaptation",
    "Answer",
    "Attempt",
    "Body",
    "BodyFile",
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
    "PullProgress",
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
    "SavedReply",
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
    """Look a name up where it is defined."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"budwood.types.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
