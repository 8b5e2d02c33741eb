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
from budwood.types.models import Capability, ModelInfo, ModelRules
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
from budwood.types.usage import Adaptation, Answer, Attempt, RateLimits, TokenCount, Usage

if TYPE_CHECKING:
    from budwood.types.datasets import Cell, CellDraft, Instruction, Row, SourcePassage, Turn
    from budwood.types.embeddings import EmbeddingRequest, EmbeddingResponse
    from budwood.types.moderations import ModerationRequest, ModerationResponse, Verdict

_HOMES = {
    "Cell": "datasets",
    "CellDraft": "datasets",
    "EmbeddingRequest": "embeddings",
    "EmbeddingResponse": "embeddings",
    "Instruction": "datasets",
    "ModerationRequest": "moderations",
    "ModerationResponse": "moderations",
    "Row": "datasets",
    "SourcePassage": "datasets",
    "Turn": "datasets",
    "Verdict": "moderations",
}
"""Records that most programs never make, by the module that defines them; the others are in the first call's path."""

__all__ = [
    "CONTENT_EVENTS",
    "JSON",
    "MAX_REPLY_BYTES",
    "AccessToken",
    "Adaptation",
    "Answer",
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
    """Look a record up where it is defined, when it is wanted."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"budwood.types.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
