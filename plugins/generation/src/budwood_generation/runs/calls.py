"""The calls of a run. A call that is in the journal is not repeated."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, cast

from pydantic_core import to_json

from budwood import ChatResponse
from budwood.errors import BadResponseError, BudwoodError, ContentFilterError, StructuredOutputError
from budwood.types import Attempt, Cell
from budwood.types.record import JSON
from budwood_generation.clients import ModelClient
from budwood_generation.identity import FREE_OPTIONS
from budwood_generation.journal import CallDone
from budwood_generation.prompts import ModelRequest
from budwood_generation.randomness import request_seed
from budwood_generation.runs.answer_text import AnswerText, split_reasoning
from budwood_generation.runs.batch_lane import BatchLane

MAX_RETRY_AFTER: Final = 5.0
"""
The longest ``Retry-After`` for which a call waits in its slot, in seconds. For a longer one the whole run waits, and
says why.
"""

_FILTERED: Final = ("content_filter", "refusal")


@dataclass(frozen=True, slots=True)
class Call:
    """A call that a row needs: its turn and its request."""

    cell: Cell
    turn: int
    request: ModelRequest

    @property
    def digest(self) -> str:
        """A hash of what determines the reply."""
        request = self.request
        options = request.options.model_dump(exclude=set(FREE_OPTIONS))
        content = [request.model, request.messages, options, request.schema]
        return hashlib.sha256(to_json(content)).hexdigest()


@dataclass(frozen=True, slots=True)
class Reply:
    """
    A paid reply.

    Attributes:
        done: Its record.
        error: Why it cannot be part of a dataset; None if it can.
        is_final: Whether another reply would be rejected as well, because the request was.
    """

    done: CallDone
    error: BudwoodError | None = None
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and US dollars, or None where unknown."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None

    def __bool__(self) -> bool:
        """Return whether anything is known."""
        return (self.input_tokens, self.output_tokens, self.cost) != (None, None, None)

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            _add(self.input_tokens, other.input_tokens),
            _add(self.output_tokens, other.output_tokens),
            _add(self.cost, other.cost),
        )


class Caller:
    """
    Sends calls.

    Args:
        client: Sends the requests.
        seed: The seed of the run.
        options: Options of every call, which those of a model override.
        lane: Sends the calls in batches; None to send them one by one.
    """

    def __init__(
        self, client: ModelClient, seed: int, options: dict[str, Any] | None = None, lane: BatchLane | None = None
    ) -> None:
        self._client = client
        self._lane = lane
        self._seed = seed
        self._options = options or {}

    async def send(self, call: Call, attempt: int) -> Reply:
        """
        Send a call.

        Args:
            call: The call.
            attempt: The number of replies that were rejected before. It changes the seed of the request.

        Raises:
            BudwoodError: There is no reply, or it was not paid.
        """
        request = call.request
        started, clock = time.time(), time.monotonic()
        invalid: BudwoodError | None = None
        try:
            response = await self._ask(call, attempt)
        except StructuredOutputError as error:
            if error.response is None:
                raise
            response, invalid = error.response, error
        content = split_reasoning(response.text)
        failure = invalid or find_problem(response, content.answer, request)
        done = CallDone(
            index=call.cell.index,
            turn=call.turn,
            purpose=request.purpose,
            attempt=attempt,
            digest=call.digest,
            model=f"{response.provider}/{response.model}",
            started=started,
            seconds=time.monotonic() - clock,
            **_usage_fields(usage_of(response)),
            **_content_fields(response, content, request, failure),
        )
        return Reply(done, failure, is_final=response.finish_reason in _FILTERED)

    async def _ask(self, call: Call, attempt: int) -> ChatResponse:
        messages, parameters = list(call.request.messages), self._parameters(call, attempt)
        key = f"{call.cell.id}/{call.turn}/{call.request.purpose}/{attempt}/{call.digest}"
        if self._lane is not None and self._lane.takes(key):
            return await self._lane.ask(key, messages, parameters)
        return await self._client.ask(messages, **parameters)

    def _parameters(self, call: Call, attempt: int) -> dict[str, Any]:
        request = call.request
        key = (self._seed, call.cell.id, request.purpose, call.turn)
        seed = request_seed(*key, attempt) if attempt else request_seed(*key)
        schema = {} if request.schema is None else {"schema": request.schema}
        return self._options | {"model": request.model, "seed": seed, **schema, **request.options.parameters()}


def rejected_call(call: Call, attempt: int, reason: str, usage: Usage) -> CallDone:
    """Return the record of a call that failed, but was paid."""
    return CallDone(
        index=call.cell.index,
        turn=call.turn,
        purpose=call.request.purpose,
        attempt=attempt,
        digest=call.digest,
        model=call.request.model,
        text="",
        rejected=reason,
        started=time.time(),
        seconds=0.0,
        **_usage_fields(usage),
    )


def add_usage(done: CallDone, usage: Usage) -> CallDone:
    """Add to a call what was paid for requests of it that failed before."""
    total = Usage(done.input_tokens, done.output_tokens, done.cost) + usage
    return replace(done, **_usage_fields(total))


def usage_of_error(error: BudwoodError) -> Usage:
    """Return what the requests of a failed call used that were answered, such as a reply that was to be repaired."""
    return _sum_attempts(getattr(error, "attempts", ()))


def usage_of(response: ChatResponse) -> Usage:
    """Return what a call used, in all its rounds. An unknown cost is that of the requests whose cost is known."""
    usage = response.usage
    cost = response.cost if response.cost is not None else _sum_attempts(response.attempts).cost
    return Usage(usage.input_tokens, usage.output_tokens, cost)


def describe(error: BudwoodError) -> str:
    """Return the class and the text of an error."""
    return f"{type(error).__name__}: {error}"


def find_problem(response: ChatResponse, answer: str, request: ModelRequest) -> BudwoodError | None:
    """Return why a reply cannot be part of a dataset, or None."""
    model = request.model
    if response.finish_reason in _FILTERED:
        return ContentFilterError(f"{model} refused the request for the {request.purpose}.")
    if response.finish_reason == "length" and not request.options.keep_truncated:
        return BadResponseError(
            f"The reply of {model} reached its token limit and was truncated.",
            hint="Raise max_tokens in the options of the model, or set keep_truncated = true there.",
        )
    if not answer and request.schema is None:
        return BadResponseError(
            _describe_missing_answer(response, model),
            hint="Raise max_tokens in the options of the model, or use another model.",
        )
    reasoning = response.reasoning if request.options.reasoning != "drop" else ""
    problem = _find_invalid_text([response.text, reasoning, response.parsed])
    if problem is not None:
        return BadResponseError(
            f"The reply of {model} is not valid Unicode: {problem}.", hint="Resume the run to try the row again."
        )
    return None


def _describe_missing_answer(response: ChatResponse, model: str) -> str:
    if response.text.strip() or response.reasoning:
        return f"The reply of {model} contains only reasoning, no answer (finish reason: {response.finish_reason})."
    return f"The reply of {model} has no text (finish reason: {response.finish_reason})."


def _find_invalid_text(value: object) -> str | None:
    try:
        to_json(value)
    except ValueError as error:
        return str(error)
    return None


def _content_fields(
    response: ChatResponse, content: AnswerText, request: ModelRequest, failure: BudwoodError | None
) -> dict[str, Any]:
    if failure is not None:  # the text helps to find out why; it may contain what cannot be stored
        return {"text": _to_valid_text(response.text), "rejected": _to_valid_text(describe(failure))}
    reasoning = "\n\n".join(filter(None, (response.reasoning.strip(), content.reasoning)))
    return {
        "text": content.answer,
        "value": cast("JSON", response.parsed),
        "reasoning": reasoning or None if request.options.reasoning != "drop" else None,
    }


def _to_valid_text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _usage_fields(usage: Usage) -> dict[str, Any]:
    return {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens, "cost": usage.cost}


def _sum_attempts(attempts: Iterable[Attempt]) -> Usage:
    total = Usage()
    for attempt in attempts:
        tokens = (attempt.usage.input_tokens, attempt.usage.output_tokens) if attempt.usage else (None, None)
        total += Usage(*tokens, attempt.cost if attempt.usage else None)
    return total


def _add(first: Any, second: Any) -> Any:  # noqa: ANN401 - int or Decimal
    """Add what is known."""
    return second if first is None else first if second is None else first + second
