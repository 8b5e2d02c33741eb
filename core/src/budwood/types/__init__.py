"""The data that flows through Budwood."""

from typing import TYPE_CHECKING

from budwood.types.chat import (
    OUTPUT_TOOL,
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
from budwood.types.media import (
    AnyMedia,
    Audio,
    AudioPart,
    CacheLifetime,
    Document,
    DocumentPart,
    Image,
    ImagePart,
    MediaKind,
    MediaPart,
    Video,
    VideoPart,
)
from budwood.types.messages import Message, Role
from budwood.types.models import Capability, MediaLimits, ModelKind, ModelRules, StricterLimits
from budwood.types.parts import (
    AccessToken,
    Credential,
    Part,
    ReasoningPart,
    RefusalPart,
    ResultContent,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    VendorPart,
    VendorTool,
)
from budwood.types.record import JSON, Record
from budwood.types.usage import Adaptation, Answer, Attempt, Cost, RateLimits, Usage

if TYPE_CHECKING:
    from budwood.types.caches import CacheCounts, CachedItem, LeaseState
    from budwood.types.datasets import Cell, CellDraft, Dataset, Instruction, Row, SourcePassage, Turn
    from budwood.types.details import ModelDetails
    from budwood.types.embeddings import EmbeddingRequest, EmbeddingResponse
    from budwood.types.endpoints import EndpointState, KeyState
    from budwood.types.events import (
        CONTENT_EVENTS,
        Finished,
        MediaClosed,
        MediaDelta,
        MediaPreview,
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
    from budwood.types.files import (
        BatchInput,
        BatchLimits,
        BatchLineResult,
        FileInfo,
        FileUpload,
    )
    from budwood.types.generated import (
        AudioDelta,
        GeneratedAudio,
        GeneratedImage,
        GeneratedMedia,
        GeneratedVideo,
        ImageArrived,
        ImageRequest,
        ImageResponse,
        MediaCompleted,
        MediaEvent,
        MediaRequest,
        SegmentArrived,
        SpeechRequest,
        SpeechResponse,
        TranscriptDelta,
        TranscriptionRequest,
        TranscriptionResponse,
        TranscriptSegment,
        TranscriptWord,
        VideoDelta,
        VideoRequest,
        VideoResponse,
    )
    from budwood.types.jobs import (
        BackgroundRequest,
        JobCounts,
        JobKind,
        JobRef,
        JobState,
        JobStatus,
        StoredReplyAction,
    )
    from budwood.types.limits import BudgetState, Claim, Denial
    from budwood.types.media_files import MediaFile
    from budwood.types.moderations import ModerationRequest, ModerationResponse, ModerationResult
    from budwood.types.observations import (
        AttemptFinished,
        AttemptQueued,
        AttemptStarted,
        BreakerChanged,
        CacheFailed,
        CacheHit,
        EndpointFailed,
        FirstToken,
        Observation,
        ParameterLearned,
        RequestFinished,
        RequestStarted,
        RetryScheduled,
        ToolFinished,
        ToolStarted,
    )
    from budwood.types.prices import KnownFacts, LongInputPrices, ModelFacts, ModelPrices, TokenPrices
    from budwood.types.records import CallFilter, CallRecord, RecordedFailure, UsageTotals
    from budwood.types.responses import ServiceResponse
    from budwood.types.services import ModelInfo, PromptRequest, PullProgress, RenderedPrompt, TokenCount

_NAMES = {
    "caches": "CacheCounts CachedItem LeaseState",
    "datasets": "Cell CellDraft Dataset Instruction Row SourcePassage Turn",
    "details": "ModelDetails",
    "embeddings": "EmbeddingRequest EmbeddingResponse",
    "endpoints": "EndpointState KeyState",
    "events": """
        CONTENT_EVENTS Finished MediaClosed MediaDelta MediaPreview ReasoningClosed ReasoningDelta RefusalDelta
        ResponseMetadata ResponseStarted Restarted StreamEvent TextClosed TextDelta ToolCallClosed ToolCallDelta
        ToolExecuted UsageReported VendorContent
    """,
    "files": "BatchInput BatchLimits BatchLineResult FileInfo FileUpload",
    "generated": """
        AudioDelta GeneratedAudio GeneratedImage GeneratedMedia GeneratedVideo ImageArrived ImageRequest
        ImageResponse MediaCompleted MediaEvent MediaRequest SegmentArrived SpeechRequest SpeechResponse TranscriptDelta
        TranscriptSegment TranscriptWord TranscriptionRequest TranscriptionResponse VideoDelta VideoRequest
        VideoResponse
    """,
    "jobs": "BackgroundRequest JobCounts JobKind JobRef JobState JobStatus StoredReplyAction",
    "limits": "BudgetState Claim Denial",
    "media_files": "MediaFile",
    "moderations": "ModerationRequest ModerationResponse ModerationResult",
    "observations": """
        AttemptFinished AttemptQueued AttemptStarted BreakerChanged CacheFailed CacheHit EndpointFailed
        FirstToken Observation ParameterLearned RequestFinished RequestStarted RetryScheduled ToolFinished
        ToolStarted
    """,
    "prices": "KnownFacts LongInputPrices ModelFacts ModelPrices TokenPrices",
    "records": "CallFilter CallRecord RecordedFailure UsageTotals",
    "responses": "ServiceResponse",
    "services": "ModelInfo PromptRequest PullProgress RenderedPrompt TokenCount",
}
"""Names that `Client.ask` does not need, by module. They are imported when they are used."""

_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = [
    "CONTENT_EVENTS",
    "JSON",
    "MAX_REPLY_BYTES",
    "OUTPUT_TOOL",
    "AccessToken",
    "Adaptation",
    "Answer",
    "AnyMedia",
    "Attempt",
    "AttemptFinished",
    "AttemptQueued",
    "AttemptStarted",
    "Audio",
    "AudioDelta",
    "AudioPart",
    "BackgroundRequest",
    "BatchInput",
    "BatchLimits",
    "BatchLineResult",
    "Body",
    "BodyFile",
    "BreakerChanged",
    "BudgetState",
    "CacheCounts",
    "CacheFailed",
    "CacheHit",
    "CacheLifetime",
    "CachedItem",
    "CallFilter",
    "CallRecord",
    "Capability",
    "Cell",
    "CellDraft",
    "ChatRequest",
    "ChatResponse",
    "Claim",
    "Cost",
    "Credential",
    "Dataset",
    "Denial",
    "Document",
    "DocumentPart",
    "EmbeddingRequest",
    "EmbeddingResponse",
    "EndpointFailed",
    "EndpointState",
    "FileInfo",
    "FileUpload",
    "FinishReason",
    "Finished",
    "FirstToken",
    "GeneratedAudio",
    "GeneratedImage",
    "GeneratedMedia",
    "GeneratedVideo",
    "HTTPCall",
    "HTTPReply",
    "Image",
    "ImageArrived",
    "ImagePart",
    "ImageRequest",
    "ImageResponse",
    "Instruction",
    "JobCounts",
    "JobKind",
    "JobRef",
    "JobState",
    "JobStatus",
    "KeyState",
    "KnownFacts",
    "LeaseState",
    "LongInputPrices",
    "MediaClosed",
    "MediaCompleted",
    "MediaDelta",
    "MediaEvent",
    "MediaFile",
    "MediaKind",
    "MediaLimits",
    "MediaPart",
    "MediaPreview",
    "MediaRequest",
    "Message",
    "ModelDetails",
    "ModelFacts",
    "ModelInfo",
    "ModelKind",
    "ModelPrices",
    "ModelRules",
    "ModerationRequest",
    "ModerationResponse",
    "ModerationResult",
    "NamedTool",
    "Observation",
    "OutputSchema",
    "ParameterLearned",
    "Part",
    "PromptRequest",
    "PullProgress",
    "RateLimits",
    "ReasoningClosed",
    "ReasoningDelta",
    "ReasoningEffort",
    "ReasoningPart",
    "Record",
    "RecordedFailure",
    "RefusalDelta",
    "RefusalPart",
    "RenderedPrompt",
    "ReplyHead",
    "RequestFinished",
    "RequestStarted",
    "ResponseMetadata",
    "ResponseStarted",
    "Restarted",
    "ResultContent",
    "RetryScheduled",
    "Role",
    "Row",
    "SavedReply",
    "SegmentArrived",
    "ServiceResponse",
    "SourcePassage",
    "SpeechRequest",
    "SpeechResponse",
    "StoredReplyAction",
    "StreamEvent",
    "StricterLimits",
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
    "ToolFinished",
    "ToolResultPart",
    "ToolStarted",
    "TranscriptDelta",
    "TranscriptSegment",
    "TranscriptWord",
    "TranscriptionRequest",
    "TranscriptionResponse",
    "Turn",
    "Usage",
    "UsageReported",
    "UsageTotals",
    "VendorContent",
    "VendorPart",
    "VendorTool",
    "Video",
    "VideoDelta",
    "VideoPart",
    "VideoRequest",
    "VideoResponse",
]


def __getattr__(name: str) -> object:
    """Look a name up where it is defined."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"budwood.types.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
