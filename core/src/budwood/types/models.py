"""Capabilities and rules of models."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from budwood.types.media import MediaKind
from budwood.types.record import JSON, Record


class Capability(StrEnum):
    """A capability of a provider or a model."""

    CHAT = "chat"
    STREAM = "stream"
    TOOLS = "tools"
    JSON_SCHEMA = "json_schema"
    IMAGE_INPUT = "image_input"
    AUDIO_INPUT = "audio_input"
    VIDEO_INPUT = "video_input"
    DOCUMENT_INPUT = "document_input"
    IMAGE_OUTPUT = "image_output"
    AUDIO_OUTPUT = "audio_output"
    REASONING = "reasoning"
    EMBEDDINGS = "embeddings"
    MODELS = "models"
    COUNT_TOKENS = "count_tokens"
    MODERATION = "moderation"
    COMPLETION = "completion"
    PULL_MODELS = "pull_models"
    PROMPTS = "prompts"
    IMAGES = "images"
    IMAGE_EDITS = "image_edits"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    TRANSLATION = "translation"
    VIDEOS = "videos"
    FILES = "files"
    BATCHES = "batches"
    BACKGROUND = "background"


ModelKind = Literal[
    "chat", "completion", "embedding", "moderation", "image", "video", "speech", "transcription", "realtime"
]
"""The purpose of a model."""

_ABILITIES: Final[dict[ModelKind, frozenset[Capability]]] = {
    "completion": frozenset({Capability.COMPLETION, Capability.STREAM}),
    "embedding": frozenset({Capability.EMBEDDINGS}),
    "moderation": frozenset({Capability.MODERATION}),
    "image": frozenset({Capability.IMAGES, Capability.IMAGE_EDITS, Capability.STREAM}),
    "speech": frozenset({Capability.SPEECH, Capability.STREAM}),
    "transcription": frozenset({Capability.TRANSCRIPTION, Capability.TRANSLATION, Capability.STREAM}),
    "video": frozenset({Capability.VIDEOS}),
}
"""Capabilities of models that are not chat models."""

_WORDS_FOR_OTHER_TASKS: Final = re.compile(
    r"embed|rerank|(?<![a-z0-9])(bge|gte|e5|minilm|clip|siglip|whisper|tts|stt|asr|kokoro|piper|parakeet|moderation|dall)"
    r"(?![a-z0-9])"
)
"""Parts of the names of models that embed, rank, listen, speak, moderate or draw."""


def is_named_for_chat(model: str) -> bool:
    """
    Tell whether the name of a model says nothing against chat: a guess, if nothing else is known of the model.

    Args:
        model: The vendor's name, such as ``"nomic-embed-text"``, which is not a chat model.
    """
    return _WORDS_FOR_OTHER_TASKS.search(model.lower()) is None


_OF_PROVIDERS: Final = frozenset({Capability.MODELS, Capability.PULL_MODELS, Capability.FILES, Capability.PROMPTS})
"""Capabilities that do not depend on the model."""

_NOT_OF_CHAT: Final = frozenset(
    {
        Capability.COMPLETION,
        Capability.EMBEDDINGS,
        Capability.MODERATION,
        Capability.IMAGES,
        Capability.IMAGE_EDITS,
        Capability.SPEECH,
        Capability.TRANSCRIPTION,
        Capability.TRANSLATION,
        Capability.VIDEOS,
        Capability.IMAGE_OUTPUT,
        Capability.AUDIO_OUTPUT,
    }
)
"""Capabilities that chat models do not have, unless their rules offer them."""


class StricterLimits(Record):
    """
    Limits of one kind of media that replace others under a condition. None leaves a limit as it is.

    Attributes:
        above: They apply to requests with more files of the kind than this; None for all requests.
        window: They apply to models whose context window has at most this number of tokens; None for all models.
        count: As in `MediaLimits`; ``width``, ``height`` and ``pages`` likewise.
    """

    above: Annotated[int, Field(ge=0)] | None = None
    window: Annotated[int, Field(ge=1)] | None = None
    count: Annotated[int, Field(ge=0)] | None = None
    width: Annotated[int, Field(ge=1)] | None = None
    height: Annotated[int, Field(ge=1)] | None = None
    pages: Annotated[int, Field(ge=1)] | None = None

    def applies(self, count: int, window: int | None) -> bool:
        """Tell whether they apply to a request; see `MediaLimits.for_request`."""
        if self.above is not None and count <= self.above:
            return False
        return self.window is None or (window is not None and window <= self.window)


class MediaLimits(Record):
    """
    What a model takes of one kind of media. None is no known limit.

    Attributes:
        media_types: The media types that it takes; empty if that is not known.
        bytes: Maximum size of one file.
        count: Maximum number in a request.
        width: Maximum width of an image or video in pixels; ``height`` likewise.
        pixels: Maximum of width times height.
        pages: Maximum number of pages of a document, and of all documents in a request.
        seconds: Maximum duration of one file.
        request_bytes: Maximum size of all media that a request contains itself, as they are sent: in base64.
        stricter: Limits that hold for requests with many files, or for models with a small context window.
        source: Where the limits are documented; ``as_of`` is the date of that.
    """

    media_types: frozenset[str] = frozenset()
    bytes: Annotated[int, Field(ge=1)] | None = None
    count: Annotated[int, Field(ge=0)] | None = None
    width: Annotated[int, Field(ge=1)] | None = None
    height: Annotated[int, Field(ge=1)] | None = None
    pixels: Annotated[int, Field(ge=1)] | None = None
    pages: Annotated[int, Field(ge=1)] | None = None
    seconds: Annotated[float, Field(gt=0)] | None = None
    request_bytes: Annotated[int, Field(ge=1)] | None = None
    stricter: tuple[StricterLimits, ...] = ()
    source: str | None = None
    as_of: date | None = None

    def for_request(self, count: int, window: int | None) -> MediaLimits:
        """
        Return the limits of a request.

        Args:
            count: The number of its files of this kind.
            window: The context window of the model in tokens; None if it is not known.
        """
        rows = (row for row in self.stricter if row.applies(count, window))
        update = {name: value for row in rows for name, value in row if value is not None}
        return self.model_copy(update={name: update[name] for name in update if name not in ("above", "window")})


class ModelRules(Record):
    """
    The parameters that a model accepts and rejects, from the catalog. Empty rules change nothing.

    Attributes:
        kind: The purpose of the model; None if it is not known. Requests that a model of this kind cannot answer are
            not sent.
        renames: Parameters of `ChatRequest` or of requests for media, and the names that the vendor uses for them.
        refuses: Parameters that the model rejects.
        refuses_unless_effort_none: Parameters that it rejects while it reasons.
        refuses_beside: Parameters that it rejects together with another one, by name; the value is the other one.
        default_effort: The effort with which it reasons by default.
        efforts: The values to send for efforts that the model calls by other names.
        defaults: Parameters of the vendor that are sent unless the caller passes them.
        lacks: Capabilities of the provider that this model does not have.
        offers: Capabilities of the provider that this model has, although most models of its kind do not.
        traits: Further properties, in the terms of the vendor's plugin.
        max_output_tokens: Maximum number of output tokens.
        max_characters: Maximum length of a text that the model speaks at once, in characters.
        media: What it takes of each kind of media. These replace the limits that `budwood.catalog` has for its vendor.
        learned: The server's own message about a parameter, by our name; it replaces ``source`` as the source.
        source: Where the rules are documented; ``as_of`` is the date of that.
    """

    kind: ModelKind | None = None
    renames: dict[str, str] = Field(default_factory=dict)
    refuses: frozenset[str] = frozenset()
    refuses_unless_effort_none: frozenset[str] = frozenset()
    refuses_beside: dict[str, str] = Field(default_factory=dict)
    default_effort: str | None = None
    efforts: dict[str, str] = Field(default_factory=dict)
    defaults: dict[str, JSON] = Field(default_factory=dict)
    lacks: frozenset[Capability] = frozenset()
    offers: frozenset[Capability] = frozenset()
    traits: frozenset[str] = frozenset()
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    max_characters: Annotated[int, Field(ge=1)] | None = None
    media: dict[MediaKind, MediaLimits] = Field(default_factory=dict)
    learned: dict[str, str] = Field(default_factory=dict)
    source: str | None = None
    as_of: date | None = None

    def filter_capabilities(self, capabilities: frozenset[Capability]) -> frozenset[Capability]:
        """Return the capabilities of the provider that this model has; all of them if the model is not known."""
        usual = capabilities
        if self.kind == "chat":
            usual = capabilities - _NOT_OF_CHAT
        elif self.kind is not None:
            usual = capabilities & (_ABILITIES.get(self.kind, frozenset()) | _OF_PROVIDERS)
        return (usual | (capabilities & self.offers)) - self.lacks
