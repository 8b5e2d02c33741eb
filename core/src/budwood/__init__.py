"""
Work with any language model: ask questions reliably and at low cost, and generate datasets.

Names are imported at their first use, so that ``import budwood`` takes almost no time.
"""

TYPE_CHECKING = False  # type checkers treat it as true; `import typing` would take 8 ms
if TYPE_CHECKING:
    from budwood.batches import AsyncBatchJob as AsyncBatchJob
    from budwood.batches import BatchJob as BatchJob
    from budwood.call_reports import CallReporter as CallReporter
    from budwood.call_reports import ReportedCall as ReportedCall
    from budwood.chat import AsyncChatSession as AsyncChatSession
    from budwood.chat import ChatSession as ChatSession
    from budwood.client.asynchronous import AsyncClient as AsyncClient
    from budwood.client.blocking import Client as Client
    from budwood.client.pairs import ClientPair as ClientPair
    from budwood.client.shared import ask as ask
    from budwood.client.shared import ask_async as ask_async
    from budwood.client.shared import run as run
    from budwood.client.shared import run_async as run_async
    from budwood.client.shared import session as session
    from budwood.client.shared import session_async as session_async
    from budwood.completed import AskProgress as AskProgress
    from budwood.completed import AsyncCompletedReplies as AsyncCompletedReplies
    from budwood.completed import CompletedReplies as CompletedReplies
    from budwood.completed import CompletedReply as CompletedReply
    from budwood.engine.batches.requests import BatchRequest as BatchRequest
    from budwood.engine.chat.option_types import AskOptions as AskOptions
    from budwood.engine.chat.option_types import ClientOptions as ClientOptions
    from budwood.engine.chat.option_types import CompletionOptions as CompletionOptions
    from budwood.engine.chat.prompts import File as File
    from budwood.engine.chat.prompts import Prompt as Prompt
    from budwood.engine.chat.schemas import check_schema as check_schema
    from budwood.errors import AuthenticationError as AuthenticationError
    from budwood.errors import BadResponseError as BadResponseError
    from budwood.errors import BatchItemError as BatchItemError
    from budwood.errors import BudgetExceededError as BudgetExceededError
    from budwood.errors import BudwoodError as BudwoodError
    from budwood.errors import CacheMissError as CacheMissError
    from budwood.errors import CapacityError as CapacityError
    from budwood.errors import ConfigurationError as ConfigurationError
    from budwood.errors import ConnectionFailedError as ConnectionFailedError
    from budwood.errors import ContentFilterError as ContentFilterError
    from budwood.errors import ContextLengthError as ContextLengthError
    from budwood.errors import CredentialError as CredentialError
    from budwood.errors import InvalidRequestError as InvalidRequestError
    from budwood.errors import JobFailedError as JobFailedError
    from budwood.errors import NotFoundError as NotFoundError
    from budwood.errors import PermissionDeniedError as PermissionDeniedError
    from budwood.errors import PluginConflictError as PluginConflictError
    from budwood.errors import PluginDisabledError as PluginDisabledError
    from budwood.errors import PluginError as PluginError
    from budwood.errors import PluginFaultError as PluginFaultError
    from budwood.errors import PluginIncompatibleError as PluginIncompatibleError
    from budwood.errors import PluginInvalidError as PluginInvalidError
    from budwood.errors import PluginLoadError as PluginLoadError
    from budwood.errors import PluginNotFoundError as PluginNotFoundError
    from budwood.errors import PromptError as PromptError
    from budwood.errors import ProviderError as ProviderError
    from budwood.errors import QuotaExhaustedError as QuotaExhaustedError
    from budwood.errors import RateLimitError as RateLimitError
    from budwood.errors import RequestTimeoutError as RequestTimeoutError
    from budwood.errors import ResponseTooLargeError as ResponseTooLargeError
    from budwood.errors import ServerError as ServerError
    from budwood.errors import StreamInterruptedError as StreamInterruptedError
    from budwood.errors import StructuredOutputError as StructuredOutputError
    from budwood.errors import ToolLoopError as ToolLoopError
    from budwood.errors import UnsupportedError as UnsupportedError
    from budwood.errors import UnsupportedParameterError as UnsupportedParameterError
    from budwood.files import AsyncFiles as AsyncFiles
    from budwood.files import Files as Files
    from budwood.jobs import AsyncJob as AsyncJob
    from budwood.jobs import Job as Job
    from budwood.live_batches import AsyncLiveBatch as AsyncLiveBatch
    from budwood.live_batches import LiveBatch as LiveBatch
    from budwood.logs import configure_logging as configure_logging
    from budwood.media_streams import AsyncMediaStream as AsyncMediaStream
    from budwood.media_streams import MediaStream as MediaStream
    from budwood.option_settings import Options as Options
    from budwood.settings import Settings as Settings
    from budwood.streams import AsyncChatStream as AsyncChatStream
    from budwood.streams import AsyncPullStream as AsyncPullStream
    from budwood.streams import ChatStream as ChatStream
    from budwood.streams import PullStream as PullStream
    from budwood.types import AccessToken as AccessToken
    from budwood.types import Adaptation as Adaptation
    from budwood.types import Attempt as Attempt
    from budwood.types import Audio as Audio
    from budwood.types import AudioDelta as AudioDelta
    from budwood.types import AudioPart as AudioPart
    from budwood.types import BudgetState as BudgetState
    from budwood.types import CacheLifetime as CacheLifetime
    from budwood.types import Capability as Capability
    from budwood.types import ChatResponse as ChatResponse
    from budwood.types import Document as Document
    from budwood.types import DocumentPart as DocumentPart
    from budwood.types import EmbeddingResponse as EmbeddingResponse
    from budwood.types import EndpointState as EndpointState
    from budwood.types import FileInfo as FileInfo
    from budwood.types import Finished as Finished
    from budwood.types import FinishReason as FinishReason
    from budwood.types import GeneratedAudio as GeneratedAudio
    from budwood.types import GeneratedImage as GeneratedImage
    from budwood.types import GeneratedMedia as GeneratedMedia
    from budwood.types import GeneratedVideo as GeneratedVideo
    from budwood.types import Image as Image
    from budwood.types import ImageArrived as ImageArrived
    from budwood.types import ImagePart as ImagePart
    from budwood.types import ImageResponse as ImageResponse
    from budwood.types import JobCounts as JobCounts
    from budwood.types import JobRef as JobRef
    from budwood.types import JobState as JobState
    from budwood.types import KeyState as KeyState
    from budwood.types import LongInputPrices as LongInputPrices
    from budwood.types import MediaClosed as MediaClosed
    from budwood.types import MediaDelta as MediaDelta
    from budwood.types import MediaPreview as MediaPreview
    from budwood.types import Message as Message
    from budwood.types import ModelDetails as ModelDetails
    from budwood.types import ModelFacts as ModelFacts
    from budwood.types import ModelInfo as ModelInfo
    from budwood.types import ModelKind as ModelKind
    from budwood.types import ModelPrices as ModelPrices
    from budwood.types import ModelRules as ModelRules
    from budwood.types import ModerationResponse as ModerationResponse
    from budwood.types import ModerationResult as ModerationResult
    from budwood.types import Part as Part
    from budwood.types import PullProgress as PullProgress
    from budwood.types import RateLimits as RateLimits
    from budwood.types import ReasoningClosed as ReasoningClosed
    from budwood.types import ReasoningDelta as ReasoningDelta
    from budwood.types import ReasoningEffort as ReasoningEffort
    from budwood.types import ReasoningPart as ReasoningPart
    from budwood.types import RefusalDelta as RefusalDelta
    from budwood.types import RefusalPart as RefusalPart
    from budwood.types import ResponseMetadata as ResponseMetadata
    from budwood.types import ResponseStarted as ResponseStarted
    from budwood.types import Restarted as Restarted
    from budwood.types import Role as Role
    from budwood.types import SegmentArrived as SegmentArrived
    from budwood.types import SpeechResponse as SpeechResponse
    from budwood.types import StreamEvent as StreamEvent
    from budwood.types import TextClosed as TextClosed
    from budwood.types import TextDelta as TextDelta
    from budwood.types import TextPart as TextPart
    from budwood.types import TokenCount as TokenCount
    from budwood.types import TokenPrices as TokenPrices
    from budwood.types import ToolCallClosed as ToolCallClosed
    from budwood.types import ToolCallDelta as ToolCallDelta
    from budwood.types import ToolCallPart as ToolCallPart
    from budwood.types import ToolExecuted as ToolExecuted
    from budwood.types import ToolResultPart as ToolResultPart
    from budwood.types import TranscriptDelta as TranscriptDelta
    from budwood.types import TranscriptionResponse as TranscriptionResponse
    from budwood.types import TranscriptSegment as TranscriptSegment
    from budwood.types import TranscriptWord as TranscriptWord
    from budwood.types import Usage as Usage
    from budwood.types import UsageReported as UsageReported
    from budwood.types import VendorContent as VendorContent
    from budwood.types import VendorPart as VendorPart
    from budwood.types import VendorTool as VendorTool
    from budwood.types import Video as Video
    from budwood.types import VideoDelta as VideoDelta
    from budwood.types import VideoPart as VideoPart
    from budwood.types import VideoResponse as VideoResponse

    __version__: str

_NAMES = {
    "budwood.batches": "AsyncBatchJob BatchJob",
    "budwood.call_reports": "CallReporter ReportedCall",
    "budwood.chat": "AsyncChatSession ChatSession",
    "budwood.client.asynchronous": "AsyncClient",
    "budwood.client.blocking": "Client",
    "budwood.client.pairs": "ClientPair",
    "budwood.client.shared": "ask ask_async run run_async session session_async",
    "budwood.completed": "AskProgress AsyncCompletedReplies CompletedReplies CompletedReply",
    "budwood.engine.batches.requests": "BatchRequest",
    "budwood.engine.chat.option_types": "AskOptions ClientOptions CompletionOptions",
    "budwood.engine.chat.prompts": "File Prompt",
    "budwood.engine.chat.schemas": "check_schema",
    "budwood.errors": """
        AuthenticationError BadResponseError BatchItemError BudgetExceededError BudwoodError CacheMissError
        CapacityError ConfigurationError ConnectionFailedError ContentFilterError ContextLengthError CredentialError
        InvalidRequestError JobFailedError NotFoundError PermissionDeniedError PluginConflictError PluginDisabledError
        PluginError PluginFaultError PluginIncompatibleError PluginInvalidError PluginLoadError
        PluginNotFoundError PromptError ProviderError QuotaExhaustedError RateLimitError RequestTimeoutError
        ResponseTooLargeError ServerError StreamInterruptedError StructuredOutputError ToolLoopError
        UnsupportedError UnsupportedParameterError
    """,
    "budwood.files": "AsyncFiles Files",
    "budwood.jobs": "AsyncJob Job",
    "budwood.live_batches": "AsyncLiveBatch LiveBatch",
    "budwood.logs": "configure_logging",
    "budwood.media_streams": "AsyncMediaStream MediaStream",
    "budwood.option_settings": "Options",
    "budwood.settings": "Settings",
    "budwood.streams": "AsyncChatStream AsyncPullStream ChatStream PullStream",
    "budwood.types": """
        AccessToken Adaptation Attempt Audio AudioDelta AudioPart BudgetState CacheLifetime Capability ChatResponse
        Document DocumentPart EmbeddingResponse EndpointState FileInfo Finished FinishReason GeneratedAudio
        GeneratedImage GeneratedMedia GeneratedVideo Image ImageArrived ImagePart ImageResponse JobCounts JobRef
        JobState KeyState LongInputPrices MediaClosed MediaDelta MediaPreview Message ModelDetails ModelFacts
        ModelInfo ModelKind ModelPrices ModelRules ModerationResponse ModerationResult Part PullProgress RateLimits
        ReasoningClosed ReasoningDelta ReasoningEffort ReasoningPart RefusalDelta RefusalPart ResponseMetadata
        ResponseStarted Restarted Role SegmentArrived SpeechResponse StreamEvent TextClosed TextDelta TextPart
        TokenCount TokenPrices ToolCallClosed ToolCallDelta ToolCallPart ToolExecuted ToolResultPart TranscriptDelta
        TranscriptionResponse TranscriptSegment TranscriptWord Usage UsageReported VendorContent VendorPart VendorTool
        Video VideoDelta VideoPart VideoResponse
    """,
}
"""The public names, by their module."""

_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """Import a public name at its first use."""
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("budwood")
    elif name in _HOMES:
        from importlib import import_module

        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'budwood' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__, "__version__"})
