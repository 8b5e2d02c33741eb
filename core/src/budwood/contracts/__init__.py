"""
The interfaces of the objects that plugins build.

These are Protocols: a plugin implements the methods and inherits nothing. `budwood.hooks` registers such objects;
`budwood.providing` has an optional base class for providers.
"""

from budwood.contracts.caches import BatchCache, Cache, CountingCache, LeasingCache, ManagedCache
from budwood.contracts.context import Clock, EmitLog, PluginContext, RulesLookup
from budwood.contracts.instruction_strategies import Cells, InstructionStrategy, PassageIndex
from budwood.contracts.limiters import InlineLimiter, Limiter, WakingLimiter
from budwood.contracts.local_providers import (
    LocalAdaptationProvider,
    LocalImageProvider,
    LocalProvider,
    LocalSpeechProvider,
    LocalTokenCountProvider,
    LocalTranscriptionProvider,
    LocalVideoProvider,
)
from budwood.contracts.media import (
    BackgroundProvider,
    BatchFileProvider,
    BatchProvider,
    FileProvider,
    ImageProvider,
    ImageStreamProvider,
    MediaDecoder,
    MediaInputProvider,
    SpeechProvider,
    SpeechStreamProvider,
    Steps,
    TranscriptionProvider,
    TranscriptionStreamProvider,
    VideoProvider,
)
from budwood.contracts.media_handlers import MediaHandler
from budwood.contracts.observers import (
    ClosableObserver,
    HeadersObserver,
    Observer,
    SelectiveObserver,
    ToolObserver,
)
from budwood.contracts.prompt_modifiers import PromptModifier
from budwood.contracts.providers import (
    CatalogNameProvider,
    ConnectionHintProvider,
    ContextWindowProvider,
    LimitTokensProvider,
    ModelRulesProvider,
    PriceTierProvider,
    Provider,
    RateLimitProvider,
    RemoteProvider,
    ResponsesProvider,
    SchemaProvider,
    StreamDecoder,
    TokenProvider,
    TokenSource,
    TruncationProvider,
)
from budwood.contracts.services import (
    CompletionProvider,
    EmbeddingProvider,
    ModelDetailProvider,
    ModelListProvider,
    ModelPullProvider,
    ModerationProvider,
    PullDecoder,
    TokenCountProvider,
)
from budwood.contracts.storages import Storage
from budwood.contracts.tokenizers import Tokenizer
from budwood.contracts.transports import AsyncExchange, AsyncTransport, Exchange, Transport, Transports
from budwood.contracts.usage import UsageStore

__all__ = [
    "AsyncExchange",
    "AsyncTransport",
    "BackgroundProvider",
    "BatchCache",
    "BatchFileProvider",
    "BatchProvider",
    "Cache",
    "CatalogNameProvider",
    "Cells",
    "Clock",
    "ClosableObserver",
    "CompletionProvider",
    "ConnectionHintProvider",
    "ContextWindowProvider",
    "CountingCache",
    "EmbeddingProvider",
    "EmitLog",
    "Exchange",
    "FileProvider",
    "HeadersObserver",
    "ImageProvider",
    "ImageStreamProvider",
    "InlineLimiter",
    "InstructionStrategy",
    "LeasingCache",
    "LimitTokensProvider",
    "Limiter",
    "LocalAdaptationProvider",
    "LocalImageProvider",
    "LocalProvider",
    "LocalSpeechProvider",
    "LocalTokenCountProvider",
    "LocalTranscriptionProvider",
    "LocalVideoProvider",
    "ManagedCache",
    "MediaDecoder",
    "MediaHandler",
    "MediaInputProvider",
    "ModelDetailProvider",
    "ModelListProvider",
    "ModelPullProvider",
    "ModelRulesProvider",
    "ModerationProvider",
    "Observer",
    "PassageIndex",
    "PluginContext",
    "PriceTierProvider",
    "PromptModifier",
    "Provider",
    "PullDecoder",
    "RateLimitProvider",
    "RemoteProvider",
    "ResponsesProvider",
    "RulesLookup",
    "SchemaProvider",
    "SelectiveObserver",
    "SpeechProvider",
    "SpeechStreamProvider",
    "Steps",
    "Storage",
    "StreamDecoder",
    "TokenCountProvider",
    "TokenProvider",
    "TokenSource",
    "Tokenizer",
    "ToolObserver",
    "TranscriptionProvider",
    "TranscriptionStreamProvider",
    "Transport",
    "Transports",
    "TruncationProvider",
    "UsageStore",
    "VideoProvider",
    "WakingLimiter",
]
