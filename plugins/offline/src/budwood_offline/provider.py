"""The provider: understand the conversation, then ask, answer or fill; see `budwood_offline.reading`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from budwood.contracts import PluginContext
from budwood.errors import InvalidRequestError, NotFoundError
from budwood.types import (
    JSON,
    Capability,
    ChatRequest,
    Finished,
    FinishReason,
    Message,
    ModelInfo,
    OutputSchema,
    ResponseMetadata,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    Usage,
    UsageReported,
)
from budwood_offline.asking import ask_question
from budwood_offline.counting import count_tokens, pieces
from budwood_offline.filling import fill_schema
from budwood_offline.ranking import best_sentences
from budwood_offline.reading import NO_CONTEXT, Task, understand

MODEL: Final = "extractive"
CAPABILITIES: Final = frozenset({Capability.CHAT, Capability.STREAM, Capability.JSON_SCHEMA, Capability.MODELS})
NOTHING_LEFT: Final = "The text holds no sentence that was not given already."
NO_QUESTION: Final = "What does the text say?"


class OfflineSettings(BaseModel):
    """
    Settings of the offline provider.

    Attributes:
        sentences: How many sentences an answer has at most.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sentences: Annotated[int, Field(ge=1)] = 2


@dataclass(frozen=True, slots=True)
class _Reply:
    """What is answered; ``missing`` are the paths of a schema for which the context held nothing."""

    text: str
    missing: tuple[str, ...] = ()


class Offline:
    """
    Answers from what a conversation holds, and from nothing else.

    Args:
        settings: How much it says.
        context: What the plugin got besides its settings.
    """

    def __init__(self, settings: OfflineSettings, context: PluginContext) -> None:
        self._settings = settings
        self._context = context

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do."""
        return CAPABILITIES

    def models(self) -> tuple[ModelInfo, ...]:
        """List its one model."""
        return (ModelInfo(id=MODEL, provider=self._context.instance, owned_by="budwood"),)

    def stream(self, request: ChatRequest) -> Iterator[StreamEvent]:
        """
        Answer, token by token. The seed of the request chooses among the questions that a passage allows.

        Raises:
            NotFoundError: The model is not ``extractive``.
            InvalidRequestError: No value satisfies the schema.
        """
        if request.model != MODEL:
            raise NotFoundError(
                f"The offline provider has no model {request.model!r}.",
                hint=f"Its only model is {self._context.instance}/{MODEL}.",
            )
        return self._events(request)

    def _events(self, request: ChatRequest) -> Iterator[StreamEvent]:
        reply = self._reply(request)
        whole = pieces(reply.text)
        shown, reason = _within_limits(whole, request)
        yield ResponseStarted(model=MODEL)
        yield from (TextDelta(piece) for piece in shown)
        yield Finished(reason, reason)
        yield UsageReported(Usage(input_tokens=_input_tokens(request), output_tokens=len(shown)))
        yield ResponseMetadata(_metadata(reply))

    def _reply(self, request: ChatRequest) -> _Reply:
        task = understand([(message.role, _said(message)) for message in request.messages])
        if request.output_schema is not None:
            return _filled(request.output_schema, task, request.seed or 0)
        if task.kind == "ask":
            return _Reply(_question(task, request.seed or 0))
        return _Reply(self._answer(task))

    def _answer(self, task: Task) -> str:
        if not task.context:
            return NO_CONTEXT
        sentences = best_sentences(task.question, task.context, limit=self._settings.sentences, exclude=task.said)
        return " ".join(sentences) or NOTHING_LEFT


def _question(task: Task, seed: int) -> str:
    question = ask_question(task.context, seed=seed, asked=task.asked, said=task.said)
    return question.text if question else NO_QUESTION


def _filled(schema: OutputSchema, task: Task, seed: int) -> _Reply:
    # JSON cannot carry half a surrogate pair.
    material = task.material.encode("utf-8", "replace").decode()
    try:
        filled = fill_schema(schema.json_schema, material, seed=seed)
        text = to_json(filled.value).decode()
    except ValueError as error:
        raise InvalidRequestError(
            f"The schema cannot be satisfied: {error}.", param="output_schema", hint="Mend the schema."
        ) from error
    return _Reply(text, filled.missing)


def _said(message: Message) -> str:
    """Return the text of a message, results of tools included."""
    return "\n".join([message.text, *(result.content for result in message.tool_results)]).strip()


def _input_tokens(request: ChatRequest) -> int:
    return sum(count_tokens(_said(message)) for message in request.messages)


def _within_limits(tokens: list[str], request: ChatRequest) -> tuple[list[str], FinishReason]:
    """Cut a reply at a stop sequence, then at the limit of tokens."""
    text = "".join(tokens)
    places = [place for stop in request.stop if stop and (place := text.find(stop)) >= 0]
    if places:
        tokens = pieces(text[: min(places)])
    if request.max_tokens is not None and len(tokens) > request.max_tokens:
        return tokens[: request.max_tokens], "length"
    return tokens, "stop"


def _metadata(reply: _Reply) -> dict[str, JSON]:
    said: dict[str, JSON] = {"language_model": False, "method": MODEL}
    return said | {"missing": list(reply.missing)} if reply.missing else said
