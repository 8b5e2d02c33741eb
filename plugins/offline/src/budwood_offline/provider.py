"""The provider: asks a question about a text, answers one, or fills a schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from budwood.contracts import PluginContext
from budwood.errors import InvalidRequestError
from budwood.types import (
    JSON,
    Adaptation,
    Capability,
    ChatRequest,
    Finished,
    FinishReason,
    Message,
    ModelInfo,
    ModelRules,
    OutputSchema,
    ResponseMetadata,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    Usage,
    UsageReported,
)
from budwood_offline.conversation import read_conversation
from budwood_offline.media import KINDS, MediaRequest, OfflineMedia, check_model, list_media_adaptations
from budwood_offline.questions import write_question
from budwood_offline.ranking import select_sentences
from budwood_offline.schemas import fill_schema
from budwood_offline.tokens import count_tokens, split_tokens

MODEL: Final = "extractive"
CAPABILITIES: Final = frozenset(
    {
        Capability.CHAT,
        Capability.STREAM,
        Capability.JSON_SCHEMA,
        Capability.MODELS,
        Capability.IMAGES,
        Capability.IMAGE_EDITS,
        Capability.SPEECH,
        Capability.TRANSCRIPTION,
        Capability.VIDEOS,
    }
)
NO_CONTEXT: Final = (
    "The offline provider only returns parts of its input, and this conversation contains no text to answer from."
)
NO_FURTHER_SENTENCE: Final = "The text has no further sentences."
NO_QUESTION: Final = "What does the text say?"


class OfflineSettings(BaseModel):
    """
    Settings of the offline provider.

    Attributes:
        sentences: The maximum number of sentences of an answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sentences: Annotated[int, Field(ge=1)] = 2


class Offline(OfflineMedia):
    """Answers from the text that a conversation contains, and returns media that contain what was asked."""

    def __init__(self, settings: OfflineSettings, context: PluginContext) -> None:
        self._settings = settings
        self._context = context

    @property
    def capabilities(self) -> frozenset[Capability]:
        """The capabilities of every instance."""
        return CAPABILITIES

    def models(self) -> tuple[ModelInfo, ...]:
        """Return the models."""
        return tuple(ModelInfo(id=name, provider=self._context.instance, owned_by="budwood") for name in KINDS)

    def model_rules(self, model: str) -> ModelRules:
        """Return the rules of a model: its kind."""
        rules = self._context.rules(model)
        return rules.model_copy(update={"kind": KINDS[model]}) if model in KINDS else rules

    def adaptations(self, request: ChatRequest | MediaRequest) -> tuple[Adaptation, ...]:
        """Return the parameters of a request for media that are not used."""
        return () if isinstance(request, ChatRequest) else tuple(list_media_adaptations(request))

    def stream(self, request: ChatRequest) -> Iterator[StreamEvent]:
        """
        Reply token by token. The seed of the request chooses among the questions about a passage.

        Raises:
            NotFoundError: The model does not exist.
            InvalidRequestError: No value satisfies the schema.
        """
        check_model(request.model, self._context.instance)
        return self._stream(request)

    def _stream(self, request: ChatRequest) -> Iterator[StreamEvent]:
        text, missing = self._reply(request)
        tokens, reason = _apply_limits(split_tokens(text), request)
        yield ResponseStarted(model=MODEL)
        yield from (TextDelta(token) for token in tokens)
        yield Finished(reason, reason)
        input_tokens = sum(count_tokens(_text_of(message)) for message in request.messages)
        yield UsageReported(Usage(input_tokens=input_tokens, output_tokens=len(tokens)))
        metadata: dict[str, JSON] = {"language_model": False, "method": MODEL}
        yield ResponseMetadata(metadata | {"missing": list(missing)} if missing else metadata)

    def _reply(self, request: ChatRequest) -> tuple[str, tuple[str, ...]]:
        """Return the text of a reply, and the paths of the schema that have default values."""
        task = read_conversation([(message.role, _text_of(message)) for message in request.messages])
        seed = request.seed or 0
        if request.output_schema is not None:
            return _fill(request.output_schema, task.material, seed)
        if task.kind == "ask":
            return write_question(
                task.context, seed=seed, questions=task.questions, shown=task.shown
            ) or NO_QUESTION, ()
        if not task.context:
            return NO_CONTEXT, ()
        sentences = select_sentences(task.question, task.context, limit=self._settings.sentences, exclude=task.shown)
        return " ".join(sentences) or NO_FURTHER_SENTENCE, ()


def _fill(schema: OutputSchema, text: str, seed: int) -> tuple[str, tuple[str, ...]]:
    text = text.encode("utf-8", "replace").decode()  # JSON cannot contain lone surrogates
    try:
        filled = fill_schema(schema.json_schema, text, seed=seed)
        return to_json(filled.value).decode(), filled.missing
    except (ValueError, ArithmeticError) as error:
        message = f"Cannot fill the schema: {error}."
        raise InvalidRequestError(message, param="output_schema", hint="Correct the schema.") from error


def _text_of(message: Message) -> str:
    return "\n".join([message.text, *(result.text for result in message.tool_results)]).strip()


def _apply_limits(tokens: list[str], request: ChatRequest) -> tuple[list[str], FinishReason]:
    """Truncate a reply before a stop sequence, then at the maximum number of tokens."""
    text = "".join(tokens)
    positions = [position for stop in request.stop if stop and (position := text.find(stop)) >= 0]
    if positions:
        tokens = split_tokens(text[: min(positions)])
    if request.max_tokens is not None and len(tokens) > request.max_tokens:
        return tokens[: request.max_tokens], "length"
    return tokens, "stop"
