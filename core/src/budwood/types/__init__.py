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
from budwood.types.models import Capability, ModelInfo, ModelRules, PullProgress
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

_OF_DATASETS = ("Cell", "CellDraft", "Instruction", "Row", "SourcePassage", "Turn")

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
    "Credential",
    "EmbeddingRequest",
    "EmbeddingResponse",
    "FinishReason",
    "Finished",
    "HTTPCall",
    "HTTPReply",
    "ImagePart",
    "Instruction",
    "Message",
    "ModelInfo",
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
    "SourcePassage",
    "StreamEvent",
    "TextClosed",
    "TextDelta",
    "TextPart",
    "Timing",
    "TokenCount",
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
    """Look the records of datasets up when they are wanted: most programs make none."""
    if name not in _OF_DATASETS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from budwood.types import datasets

    return getattr(datasets, name)
