"""Replies to ``POST /api/run``, at once and as a stream of events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from budwood.errors import StructuredOutputError
from budwood.types import OUTPUT_TOOL, TextDelta, ToolCallDelta
from budwood_server.api_models.run import RunAdaptation, RunReply, RunUsage
from budwood_server.formats.errors import encode_own

if TYPE_CHECKING:
    from budwood.types import Adaptation, ChatResponse
    from budwood_server.web.problems import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class RunForm:
    """
    What a reply tells of its request.

    Attributes:
        request_id: The id of the request.
        prompt: The version of its prompt, or None.
        session: The name of its session, or None.
        has_schema: Whether the reply must satisfy a schema.
        adaptations: What was changed before the call.
    """

    request_id: str
    prompt: str | None
    session: str | None
    has_schema: bool
    adaptations: Sequence[Adaptation]

    def encode(self, response: ChatResponse) -> dict[str, Any]:
        """
        Return the body of a reply.

        Raises:
            StructuredOutputError: The reply does not satisfy the schema.
        """
        check_schema(response, has_schema=self.has_schema)
        sent = [attempt for attempt in response.attempts if not attempt.cached and not attempt.skipped]
        return RunReply(
            text=response.text,
            parsed=response.parsed,
            model=response.model,
            provider=response.provider,
            finish_reason=response.finish_reason,
            usage=RunUsage.model_validate(response.usage, from_attributes=True),
            cost=None if response.cost is None else f"{response.cost:f}",
            cache="hit" if response.cached else "miss",
            attempts=len(sent),
            adaptations=_list_adaptations((*self.adaptations, *response.adaptations)),
            prompt=self.prompt,
            session=self.session,
            request_id=self.request_id,
        ).model_dump()


def check_schema(response: ChatResponse, *, has_schema: bool) -> None:
    """
    Check that a reply has the value that its schema describes.

    Raises:
        StructuredOutputError: It has not.
    """
    if has_schema and response.parsed is None and response.text.strip() != "null":
        message = "The reply does not satisfy the schema."
        hint = "Retry, simplify the schema, or use another model."
        raise StructuredOutputError(message, text=response.text, errors=(), response=response, hint=hint)


class RunStreamEncoder:
    """
    Encodes a stream: events ``text`` with parts of the text, then ``done`` with the reply, or ``error``.

    Args:
        form: What the reply tells of its request.
    """

    def __init__(self, form: RunForm) -> None:
        self._form = form
        self._output: int | None = None

    def start(self) -> bytes:
        """Return what comes before the first event: nothing."""
        return b""

    def encode(self, events: Sequence[Any]) -> bytes:
        """Return the text of events that arrived together."""
        text = "".join(self._list_texts(events))
        return _encode_event("text", {"text": text}) if text else b""

    def finish(self, response: ChatResponse) -> bytes:
        """
        Return the last event.

        Raises:
            StructuredOutputError: The reply does not satisfy the schema.
        """
        return _encode_event("done", self._form.encode(response))

    def fail(self, problem: Problem, request_id: str) -> bytes:
        """Return the event that ends a stream that failed."""
        return _encode_event("error", encode_own(problem, request_id))

    def _list_texts(self, events: Sequence[Any]) -> Iterator[str]:
        """Yield texts; structured output may come as the arguments of a call."""
        for event in events:
            if isinstance(event, TextDelta):
                if event.choice == 0:
                    yield event.text
            elif isinstance(event, ToolCallDelta):
                if event.name == OUTPUT_TOOL:
                    self._output = event.index
                if event.index == self._output:
                    yield event.arguments


def _list_adaptations(adaptations: Iterable[Adaptation]) -> list[RunAdaptation]:
    return [RunAdaptation.model_validate(each, from_attributes=True) for each in adaptations]


def _encode_event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), to_json(data, inf_nan_mode="null"))
