"""The operations of a client with batches, as flows."""

from __future__ import annotations

import contextlib
import itertools
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from budwood.engine import jobs
from budwood.engine.batches.budgets import check_budgets
from budwood.engine.batches.live import LiveCalls, LiveFacts
from budwood.engine.batches.parts import cancel_parts, poll_parts
from budwood.engine.batches.record import BatchPart, BatchRecord, RequestForm, make_ranges, read_record
from budwood.engine.batches.requests import BatchRequest, Lane, check_lane, check_requests, split_request
from budwood.engine.batches.results import Result, ResultReader, make_item_error
from budwood.engine.batches.writing import BatchWriter, LineFile
from budwood.engine.chat.option_types import AskOptions
from budwood.engine.chat.prompts import Prompt, parse_prompt
from budwood.engine.drivers.effects import Flow, Invoke
from budwood.engine.keys.accounts import account_of, on_one_account, select_account
from budwood.engine.many import check_concurrency, error_as_result
from budwood.engine.media_services import BATCHES
from budwood.engine.pipeline.call import Call, Round
from budwood.engine.pipeline.offers import check_service, offers
from budwood.engine.pipeline.steps import run_steps
from budwood.engine.services import CHAT
from budwood.engine.uploads.flow import store_media
from budwood.errors import BudwoodError, JobFailedError, NotFoundError, ProviderError
from budwood.providing import has_media
from budwood.types import JobRef, JobState

if TYPE_CHECKING:
    from budwood.contracts import Clock
    from budwood.engine.chat.options import CallOptions
    from budwood.engine.chat.structured import Output
    from budwood.engine.endpoints.endpoint import Endpoints, Target
    from budwood.engine.uploads.registry import Place
    from budwood.option_settings import Options
    from budwood.types import ChatResponse, Message
    from budwood.types.jobs import Submitted
    from budwood.types.record import JSON

ENCODED_AT_ONCE: Final = 64
"""How many requests are in memory while they are written to a file."""

NewBatch = tuple[JobRef, JobState]
"""A batch, and its first state."""

Requests = Iterable[Prompt | BatchRequest]
"""The requests of a batch."""


@dataclass
class BatchMemory:
    """
    What only the process that submitted a batch knows, beyond its `JobRef`.

    Attributes:
        requests: The requests, if they are a list.
        options: Their options.
        outputs: The structured output of each form that has one.
        errors: The errors of requests that were not submitted, by index.
        results: The results that were read.
        creating: Called before each request that creates a batch.
        groups: The group of the keys with which media were uploaded, by the label of the endpoint.
        retry_after: Seconds until the first poll, if the vendor specifies them.
    """

    requests: Sequence[Prompt | BatchRequest] | None = None
    options: AskOptions = field(default_factory=AskOptions)
    outputs: dict[int, Output] = field(default_factory=dict)
    errors: dict[int, BudwoodError] = field(default_factory=dict)
    results: list[Result] | None = None
    creating: Callable[[], object] | None = None
    groups: dict[str, str | None] = field(default_factory=dict)
    retry_after: float | None = None

    def select_account(self, target: Target) -> Target:
        """Return a target that uses only the keys with which media were uploaded."""
        return select_account(target, self.groups.get(target.endpoint.label))


@dataclass(frozen=True)
class BatchEngine:
    """
    The operations of a client with batches. Only programs with batches import it.

    Attributes:
        endpoints: The providers of the client.
        clock: The clock.
        parse: Parses options.
        check_request: Checks all that a call needs besides its prompt, and returns a call.
        start_call: Creates the call of a request.
        new_call: Creates a call to an endpoint.
        read_files: Adds the prompt that messages name, and the files of the options, to messages.
        set_account: Sets the label and the budgets of a call.
        ask_one: Asks one prompt as an ordinary call; ``ask_each`` asks several with the same options.
        has_account: Whether calls have any by default.
    """

    endpoints: Endpoints
    clock: Clock
    parse: Callable[[AskOptions], CallOptions]
    check_request: Callable[[AskOptions], Call]
    start_call: Callable[[CallOptions], Call]
    new_call: Callable[[Target, Options], Call]
    read_files: Callable[[Call, tuple[Message, ...], CallOptions], Flow[tuple[Message, ...]]]
    set_account: Callable[[Call, str | None, None], None]
    ask_one: Callable[[Prompt, AskOptions], Flow[ChatResponse]]
    ask_each: Callable[[Iterable[Prompt | BatchRequest], AskOptions], Iterator[Flow[Result]]]
    has_account: bool

    def choose_lane(self, lane: Lane, options: AskOptions) -> Lane:
        """Return the lane of requests: ``"auto"`` is ``"batch"`` if the vendor has batches."""
        if check_lane(lane) != "auto":
            return lane
        target = self.start_call(self.parse(options)).target
        return "batch" if offers(target, BATCHES) else "live"

    def submit(
        self, requests: Requests, options: AskOptions, memory: BatchMemory, submitted: Submitted | None = None
    ) -> Flow[JobRef]:
        """
        Submit requests, in as many batches as the limits of the vendor need.

        Args:
            requests: The requests.
            options: Their options.
            memory: Receives what the results need in this process.
            submitted: Called with the job after each batch, so that it can be stored before the next one.

        Raises:
            UnsupportedError: The vendor has no batches. Nothing was sent.
        """
        check_requests(requests)
        check_service(self.start_call(self.parse(options)).target, BATCHES)
        call = self.check_request(options)
        call.target.endpoint.check_credential()
        memory.options = options
        memory.requests = requests if isinstance(requests, Sequence) else None
        ref = JobRef(
            kind="batch",
            provider=call.target.endpoint.name,
            model=call.target.model,
            id="",
            created=self.clock.time(),
        )
        record = BatchRecord(marks=(), forms=(), uses=())
        return self._submit(ref, record, enumerate(requests), memory, submitted)

    def submit_file(self, file_id: object, fields: Mapping[str, JSON], options: AskOptions) -> Flow[NewBatch]:
        """Submit a batch whose lines are in a file that the vendor stores; see `stored_files`."""
        from budwood.engine.batches.stored_files import submit_stored_file  # few programs write their own lines

        return submit_stored_file(self.start_call(self.parse(options)), file_id, fields)

    def resubmit(
        self,
        ref: JobRef,
        requests: Mapping[int, Prompt | BatchRequest],
        memory: BatchMemory,
        submitted: Submitted | None = None,
    ) -> Flow[JobRef]:
        """Submit some requests of a job again, by their index. Its results are then those of all its parts."""
        return self._submit(ref, read_record(ref), iter(requests.items()), memory, submitted)

    def poll(self, ref: JobRef, options: AskOptions | None = None, *, deadline: float = math.inf) -> Flow[JobState]:
        """Ask for the state of those parts of a job that have not ended, until a deadline by the client's clock."""
        return poll_parts(ref, lambda part: jobs.poll(self._part_call(part, options), part.ref(ref.created), deadline))

    def prepare_live(self, requests: Requests, options: AskOptions, concurrency: int) -> LiveCalls:
        """
        Prepare requests as ordinary calls.

        Raises:
            ConfigurationError: An argument is not valid.
        """
        check_requests(requests)
        check_concurrency(concurrency)
        items = list(requests)
        live = cast("AskOptions", {**options, "execute_tools": False} if options.get("tools") else options)
        target = self.check_request(live).target
        facts: LiveFacts = {
            "provider": target.endpoint.name,
            "model": target.model,
            "total": len(items),
            "created": self.clock.time(),
        }

        def ask_again(indices: Iterable[int]) -> Iterator[Flow[Result]]:
            return (error_as_result(partial(self.ask_one, *split_request(items[index], live))) for index in indices)

        return LiveCalls(self.ask_each(items, live), ask_again, facts)

    def cancel(self, ref: JobRef, options: AskOptions | None = None) -> Flow[JobState]:
        """Cancel those parts of a job that have not ended."""
        return cancel_parts(ref, lambda part: jobs.cancel(self._part_call(part, options), part.ref(ref.created)))

    def fetch(self, ref: JobRef, memory: BatchMemory) -> Flow[list[Result]]:
        """
        Return the results of a job whose parts have all ended, in the order of the requests.

        Raises:
            JobFailedError: A part has not ended.
        """
        record = read_record(ref)
        running = next((part for part in record.parts if not part.is_ended), None)
        if running is not None:
            raise JobFailedError(f"The batch {running.id} has not ended.", hint="Wait until it has ended.")
        reader = ResultReader(record, self._item_call, memory.outputs, memory.errors)
        for part in record.parts:
            reader.add(part, {} if part.is_lost else (yield from self._fetch_part(ref, part, reader)))
        memory.results = reader.complete()
        return memory.results

    def _fetch_part(self, ref: JobRef, part: BatchPart, reader: ResultReader) -> Flow[dict[int, Result]]:
        call = self._part_call(part, None)
        results: dict[int, Result] = {}
        with _temporary_folder() as folder:
            try:
                contents: tuple[Path | bytes, ...] = yield from run_steps(
                    call, BATCHES, "fetch_batch", part.ref(ref.created), folder
                )
            except NotFoundError as error:
                return {
                    index: make_item_error(part, "lost", error.message, error.code) for index in part.list_indices()
                }
            for content in contents:
                yield from reader.read(part, call.target.endpoint, content, results)
        return results

    def _submit(
        self,
        ref: JobRef,
        record: BatchRecord,
        requests: Iterator[tuple[int, Prompt | BatchRequest]],
        memory: BatchMemory,
        submitted: Submitted | None,
    ) -> Flow[JobRef]:
        with _temporary_folder() as folder:
            writer = BatchWriter(folder, dict(enumerate(record.marks)))
            yield from self._write(writer, requests, memory)
            record = _add_requests(record, writer, memory)
            if not writer.files:
                return ref.model_copy(update={"data": record.to_data()})
            for file in writer.files:
                count = len(record.parts)
                record = yield from self._submit_file(ref, record, file, memory)
                ref = ref.model_copy(update={"id": ref.id or record.parts[0].id, "data": record.to_data()})
                if submitted is not None and len(record.parts) > count:
                    yield Invoke(partial(submitted, ref))
        return ref

    def _submit_file(self, ref: JobRef, record: BatchRecord, file: LineFile, memory: BatchMemory) -> Flow[BatchRecord]:
        """Submit one file. If it fails after others were submitted, its requests have errors in place of replies."""
        call = self.new_call(memory.select_account(file.target), self.parse(memory.options).options)
        call.route = None
        try:
            batch = yield Invoke(partial(file.make_input, call.id))
            part_ref, state = yield from jobs.submit(call, "batch", batch, memory.creating)
        except BudwoodError as error:
            if not record.parts:
                raise
            memory.errors |= dict.fromkeys(file.indices, error)
            return record.model_copy(update={"unsent": record.unsent | dict.fromkeys(file.indices, error.message)})
        memory.retry_after = state.retry_after
        part = BatchPart(
            provider=part_ref.provider,
            model=part_ref.model,
            id=part_ref.id,
            indices=make_ranges(file.indices),
            group=part_ref.group,
        )
        return record.model_copy(update={"parts": (*record.parts, part.with_state(state))})

    def _write(
        self, writer: BatchWriter, requests: Iterator[tuple[int, Prompt | BatchRequest]], memory: BatchMemory
    ) -> Flow[None]:
        renewed: set[Place] = set()
        while chunk := list(itertools.islice(requests, ENCODED_AT_ONCE)):
            rounds = []
            for index, request in chunk:
                try:
                    round_ = yield from self._make_round(request, memory)
                    contents = yield from _store_media(round_, memory, index, renewed)
                    rounds.append((index, round_, contents))
                except BudwoodError as error:
                    writer.fail(index, error)
            yield Invoke(partial(writer.add_all, rounds))

    def _make_round(self, request: Prompt | BatchRequest, memory: BatchMemory) -> Flow[Round]:
        prompt, own = split_request(request, memory.options)
        parsed = self.parse(own)
        call = self._batch_call(parsed)
        check_service(call.target, BATCHES)
        messages = parse_prompt(prompt, system=parsed.system)
        if parsed.files or parsed.variables is not None:
            messages = yield from self.read_files(call, messages, parsed)
        chat_request = parsed.request(call.target.model, messages)
        if call.budgets:
            chat_request = yield from check_budgets(call, chat_request)
        return Round(call, CHAT, chat_request, parsed.tools._replace(execute=False), parsed.output)

    def _batch_call(self, parsed: CallOptions) -> Call:
        """Return the call of a request. It uses no other endpoint than the batch, and no cache."""
        call = self.start_call(parsed)
        call.route = None
        call.cache = None
        return call

    def _part_call(self, part: BatchPart, options: AskOptions | None) -> Call:
        parsed = self.parse(options or cast("AskOptions", {}))
        target = select_account(self.endpoints.find(f"{part.provider}/{part.model}"), part.group)
        call = self.new_call(target, parsed.options)
        call.route = None
        return call

    def _item_call(self, part: BatchPart, form: RequestForm) -> Call:
        call = self._part_call(part, None)
        if self.has_account or form.label:
            self.set_account(call, form.label, None)
        if form.tags:
            call.tags = form.tags
        return call


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Provide a folder for the lines of a batch, which is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="budwood-batch-") as name:
        yield Path(name)


def _store_media(round_: Round, memory: BatchMemory, index: int, renewed: set[Place]) -> Flow[dict[str, str]]:
    """Upload the media of a request, and return the hash of the content of each file, by its id."""
    if not has_media(round_.request.messages):
        return {}
    call, result = round_.call, memory.results[index] if memory.results else None
    error = result if isinstance(result, ProviderError) else None
    call.target = memory.select_account(call.target)
    contents = yield from on_one_account(call, lambda: store_media(round_, error, renewed))
    memory.groups[call.target.endpoint.label] = account_of(call.target)
    return contents


def _add_requests(record: BatchRecord, writer: BatchWriter, memory: BatchMemory) -> BatchRecord:
    """Return a record with the requests that were written, and those that could not be."""
    first = len(record.forms)
    indices = sorted(writer.marks)
    marks, uses = list(record.marks), list(record.uses)
    for index in indices:
        mark, use = writer.marks[index], first + writer.uses[index]
        if index == len(marks):
            marks.append(mark)
            uses.append(use)
        elif mark:
            marks[index], uses[index] = mark, use
    memory.outputs |= {first + number: output for number, output in writer.outputs.items()}
    memory.errors = {index: error for index, error in memory.errors.items() if index not in writer.marks}
    memory.errors |= writer.errors
    unsent = {index: message for index, message in record.unsent.items() if index not in writer.marks}
    unsent |= {index: error.message for index, error in writer.errors.items()}
    return record.model_copy(
        update={
            "marks": tuple(marks),
            "uses": tuple(uses),
            "forms": (*record.forms, *writer.forms),
            "unsent": unsent,
        }
    )
