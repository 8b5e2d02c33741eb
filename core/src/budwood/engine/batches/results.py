"""Read the results of a batch, match them to their requests, and decode each as the reply of a live call."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from budwood import logs
from budwood.engine.accounting import costs
from budwood.engine.batches.record import BatchPart, BatchRecord, RequestForm
from budwood.engine.chat.schemas import restore_schema
from budwood.engine.chat.structured import Output, with_output
from budwood.engine.chat.tools import ToolConfig
from budwood.engine.drivers.effects import Flow, Invoke
from budwood.engine.pipeline.attempt import Attempt
from budwood.engine.pipeline.call import Call, Round
from budwood.engine.pipeline.endpoint_choice import complete_reply
from budwood.engine.pipeline.observing import with_observers
from budwood.engine.pipeline.sending import decode, make_reply_error
from budwood.engine.services import CHAT
from budwood.errors import BatchItemError, BudwoodError, ConfigurationError, ProviderError
from budwood.plugins import faults
from budwood.types import BatchLineResult, ChatResponse, HTTPReply

if TYPE_CHECKING:
    from budwood.contracts import BatchProvider
    from budwood.engine.endpoints.endpoint import Endpoint

LINES_AT_ONCE: Final = 64
"""How many lines of a result are in memory at a time."""

Result = ChatResponse | BudwoodError
NewCall = Callable[[BatchPart, RequestForm], Call]

_REASONS: Final = {
    "expired": "The batch expired before the request was answered.",
    "cancelled": "The batch was cancelled before the request was answered.",
    "failed": "The batch failed.",
    "missing": "The batch has ended, but its result does not contain the request.",
    "lost": "The result is lost.",
    "unsent": "The request was not submitted.",
}


@dataclass
class ResultReader:
    """
    Collects the results of a job.

    Attributes:
        record: The record of the job.
        new_call: Creates the call of one request.
        outputs: The structured output of forms, if the process has submitted them; others are restored.
        errors: The errors of requests that were not submitted, in the process that has tried it.
        results: The results so far, by index.
    """

    record: BatchRecord
    new_call: NewCall
    outputs: Mapping[int, Output] = field(default_factory=dict)
    errors: Mapping[int, BudwoodError] = field(default_factory=dict)
    results: dict[int, Result] = field(default_factory=dict)
    _restored: dict[int, Output] = field(default_factory=dict)

    def read(
        self, part: BatchPart, endpoint: Endpoint, content: Path | bytes, results: dict[int, Result]
    ) -> Flow[None]:
        """Read one file with results of a part, or lines in memory."""
        lines = read_lines(content)
        unknown = 0
        while chunk := (yield Invoke(partial(_decode_lines, endpoint, lines))):
            for line in chunk:
                index = self.record.find(line.id) if line is not None else None
                if line is None or index is None:
                    unknown += 1
                elif _is_better(line, results.get(index)):
                    results[index] = yield from self._decode(part, index, line)
        if unknown and self.record.is_adopted:
            raise ConfigurationError(
                f"The batch {part.id} has {unknown:,} results of requests that Budwood did not submit.",
                hint="Read them with the program that submitted the batch, or with the vendor's API.",
            )
        if unknown:
            logs.emit("batch results skipped", level="warning", provider=part.provider, batch=part.id, lines=unknown)

    def add(self, part: BatchPart, results: Mapping[int, Result]) -> None:
        """Add the results of a part, which replace errors of earlier parts. Other requests of it have an error."""
        reason = "lost" if part.is_lost else part.status if part.status in _REASONS else "missing"
        missing = (index for index in part.list_indices() if index not in results)
        found = {index: make_item_error(part, reason, part.error) for index in missing} | dict(results)
        self.results |= {index: result for index, result in found.items() if not self._has_reply(index)}

    def complete(self) -> list[Result]:
        """Return all results in order. If the last submission of a request failed, its error is the result."""
        for index in self.record.unsent:
            if not self._has_reply(index):
                self.results[index] = self._unsent(index)
        count = max(self.results, default=-1) + 1 if self.record.is_adopted else len(self.record.marks)
        return [self.results.get(index) or self._unsent(index) for index in range(count)]

    def _has_reply(self, index: int) -> bool:
        return isinstance(self.results.get(index), ChatResponse)

    def _unsent(self, index: int) -> BudwoodError:
        if index in self.errors:
            return self.errors[index]
        return make_item_error(None, "missing" if self.record.is_adopted else "unsent", self.record.unsent.get(index))

    def _decode(self, part: BatchPart, index: int, line: BatchLineResult) -> Flow[Result]:
        if line.reply is None:
            return make_item_error(part, line.status, line.error, line.code)
        number = self.record.form_number(index)
        form = self.record.forms[number]
        call = self.new_call(part, form)
        call.id = blake2b(f"{part.id}/{line.id}".encode(), digest_size=8).hexdigest()
        call.adaptations = {adaptation.parameter: adaptation for adaptation in form.adaptations}
        try:
            return (yield from decode_item(call, form, self._output(number, form), line.reply, part.id))
        except BudwoodError as error:
            return error

    def _output(self, number: int, form: RequestForm) -> Output | None:
        if number in self.outputs or form.schema_ is None:
            return self.outputs.get(number)
        if number not in self._restored:
            self._restored[number] = Output(restore_schema(form.schema_, is_wrapped=form.is_wrapped))
        return self._restored[number]


def read_lines(content: Path | bytes) -> Iterator[bytes]:
    """Yield the lines that are not blank, also of a file with a byte order mark."""
    if isinstance(content, bytes):
        yield from (line for line in content.splitlines() if line.strip())
        return
    with content.open("rb") as file:
        for number, line in enumerate(file):
            text = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 0 else line.strip()
            if text:
                yield text


def _decode_lines(endpoint: Endpoint, lines: Iterator[bytes]) -> list[BatchLineResult | None]:
    """Decode the next lines; None replaces a line that is not in the format of the API."""
    provider = cast("BatchProvider", endpoint.remote)
    decoded: list[BatchLineResult | None] = []
    for line in itertools.islice(lines, LINES_AT_ONCE):
        try:
            with faults.DecodingBoundary(endpoint.source, "decode_batch_line", line):
                decoded.append(provider.decode_batch_line(line))
        except ProviderError:
            decoded.append(None)
    return decoded


def _is_better(line: BatchLineResult, known: Result | None) -> bool:
    """Tell whether a line replaces a result: only a reply replaces an error."""
    return known is None or (
        isinstance(known, BudwoodError) and line.reply is not None and 200 <= line.reply.status < 300
    )


def make_item_error(
    part: BatchPart | None, reason: str, detail: str | None = None, code: str | None = None
) -> BatchItemError:
    """Return the error of a request without a reply."""
    known = reason if reason in _REASONS else "failed"
    message = _REASONS[known]
    if detail:
        message = f"{message.rstrip('.')}: {detail.rstrip('.')}."
    error = BatchItemError(message, code=code, hint="Submit it again: job.resubmit().", retryable=known != "failed")
    error.reason = known
    return error if part is None else error.add_target(part.provider, part.model)


def decode_item(call: Call, form: RequestForm, output: Output | None, reply: HTTPReply, batch: str) -> Flow[Result]:
    """
    Decode the reply to one request. Observers see a request with one attempt.

    Raises:
        BudwoodError: The reply is an error, or does not satisfy the schema. It is not repaired.
    """
    call.options = call.options.model_copy(update={"repairs": 0})
    tools = ToolConfig(execute=False) if form.takes_tools else ToolConfig()
    answer: Callable[[Round], Flow[Any]] = partial(_answer, reply, batch)
    answer = with_observers(with_output(answer) if output is not None else answer)
    return answer(Round(call, CHAT, form.request, tools, output))


def _answer(reply: HTTPReply, batch: str, round_: Round) -> Flow[Any]:
    call = round_.call
    attempt = Attempt(round_, *call.target, round_.request, head=reply.head, is_started=True, batch=batch)
    attempt.started = call.clock.monotonic()
    if call.observers is not None:
        call.observers.start_attempt(attempt)
    try:
        if not reply.head.ok:
            raise make_reply_error(attempt, reply)
        response: ChatResponse = decode(attempt, reply)
    except ProviderError as error:
        error.add_target(attempt.endpoint.name, attempt.model)
        attempt.record(reply.status, costs.cost_of_failure(error), error=error)
        error.attempts = tuple(call.attempts)
        raise
    now = call.clock.time()
    cost = costs.cost_of_reply(attempt.endpoint, attempt.model, response, now, batch=True)
    attempt.record(reply.status, cost, reply=response)
    if call.budgets:
        from budwood.engine.budgets.flow import charge, used_by_reply  # few programs have budgets

        yield from charge(call, used_by_reply(response, cost))
    return complete_reply(attempt, response)
