"""
What a batch needs to find, decode and order its results in another process.

It is the ``data`` of the `JobRef`, and contains neither prompts nor secrets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any, Final, cast

from pydantic import Field

from budwood.engine.chat.files import digest_of
from budwood.errors import ConfigurationError
from budwood.types import Adaptation, Body, BodyFile, ChatRequest, DocumentPart, JobCounts, JobRef, JobState, JobStatus
from budwood.types.jobs import ENDED
from budwood.types.record import JSON, Record

FIELD: Final = "batch"
"""The key of the record in the data of the `JobRef`."""

_MARK_BYTES: Final = 8


class RequestForm(Record):
    """
    What requests of a batch have in common, and what decoding their replies needs.

    Attributes:
        request: The request without its messages.
        schema_: The JSON schema that the replies must satisfy.
        is_wrapped: Whether the schema has an object around the value.
        takes_tools: Whether the replies may call tools.
        adaptations: Parameters that were not sent as passed.
        label: The label of the requests; ``tags`` likewise.
    """

    request: ChatRequest
    schema_: dict[str, JSON] | None = None
    is_wrapped: bool = False
    takes_tools: bool = False
    adaptations: tuple[Adaptation, ...] = ()
    label: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)


class BatchPart(Record):
    """
    One batch at the vendor.

    Attributes:
        provider: The instance of the provider.
        model: The vendor's name of the model.
        id: The vendor's id of the batch.
        indices: The requests in it, as pairs of the first and the last index.
        group: The group of the keys with whose account it was submitted, if the provider has several.
        status: Its last known state; ``error`` is why it failed.
        is_lost: Whether it has failed because the vendor does not have it.
        counts: The requests by their outcome, if the vendor reports them.
        data: What the provider needs to find it again.
    """

    provider: str
    model: str
    id: str
    indices: tuple[tuple[int, int], ...]
    group: str | None = None
    status: JobStatus = "queued"
    error: str | None = None
    is_lost: bool = False
    counts: JobCounts | None = None
    data: dict[str, JSON] = Field(default_factory=dict)

    def ref(self, created: float) -> JobRef:
        """Return the job of this part alone."""
        return JobRef(
            kind="batch",
            provider=self.provider,
            model=self.model,
            id=self.id,
            created=created,
            group=self.group,
            data=self.data,
        )

    def with_state(self, state: JobState) -> BatchPart:
        """Return the part in a new state."""
        return self.model_copy(
            update={
                "status": state.status,
                "error": state.error,
                "counts": state.counts,
                "data": state.data or self.data,
            }
        )

    @property
    def is_ended(self) -> bool:
        """Whether it has ended."""
        return self.status in ENDED

    def list_indices(self) -> Iterator[int]:
        """Yield the indices of its requests."""
        for first, last in self.indices:
            yield from range(first, last + 1)


class BatchRecord(Record):
    """
    All batches of one job.

    Attributes:
        marks: A hash of each request, which is part of its id; empty for one that could not be encoded.
        forms: What requests have in common.
        uses: The form of each request, by its place in ``forms``.
        parts: The batches at the vendor. A request that was submitted again is in a later part as well.
        unsent: Why requests were not submitted, by index.
        is_adopted: Whether only the vendor's id of the batch was known: the requests are those of its results.
    """

    marks: tuple[str, ...]
    forms: tuple[RequestForm, ...]
    uses: tuple[int, ...]
    parts: tuple[BatchPart, ...] = ()
    unsent: dict[int, str] = Field(default_factory=dict)
    is_adopted: bool = False

    def line_id(self, index: int) -> str:
        """Return the id of a request in its batch."""
        return make_line_id(index, self.marks[index])

    def find(self, line_id: str) -> int | None:
        """Return the index of a request by its id, or None if the id is not one of this job."""
        number, _, mark = line_id.partition("-")
        if not (number.isascii() and number.isdigit()):
            return None
        index = int(number)
        if self.is_adopted:
            return index if len(mark) == 2 * _MARK_BYTES else None
        return index if index < len(self.marks) and line_id == self.line_id(index) else None

    def form_number(self, index: int) -> int:
        """Return the number of the form of a request."""
        return 0 if self.is_adopted else self.uses[index]

    def to_data(self) -> dict[str, JSON]:
        """Return the data of the job."""
        return {FIELD: cast("JSON", self.model_dump(mode="json", exclude_defaults=True))}


def adopt_batch(ref: JobRef) -> JobRef:
    """Return a job with the record of a batch of which only the id is known."""
    form = RequestForm(request=ChatRequest(model=ref.model, messages=()))
    part = BatchPart(provider=ref.provider, model=ref.model, id=ref.id, indices=())
    record = BatchRecord(marks=(), forms=(form,), uses=(), parts=(part,), is_adopted=True)
    return ref.model_copy(update={"data": record.to_data()})


def make_line_id(index: int, mark: str) -> str:
    """Return the id of a request. It contains its hash, so that it never gets the result of another request."""
    return f"{index}-{mark}"


def make_mark(body: Body) -> str:
    """
    Return the hash of an encoded request. Files count by their content.

    Raises:
        PromptError: A file cannot be read.
    """
    digest = blake2b(digest_size=_MARK_BYTES)
    for part in (body,) if isinstance(body, bytes) else body:
        digest.update(part if isinstance(part, bytes) else _describe_file(part).encode())
    return digest.hexdigest()


def _describe_file(file: BodyFile) -> str:
    content = digest_of(DocumentPart(path=file.path))
    return f"{content} {file.offset} {file.size} {file.base64}"


def read_record(ref: JobRef) -> BatchRecord:
    """
    Return the record in a job.

    Raises:
        ConfigurationError: The job has none.
    """
    data: Any = ref.data.get(FIELD)
    if not isinstance(data, dict):
        raise ConfigurationError(
            f"The job {ref.id} has no data about its batch.",
            hint="Pass the text that job.to_json() returned, unchanged.",
        )
    return BatchRecord.model_validate_json(_to_json(data))


def _to_json(data: dict[str, Any]) -> bytes:
    from pydantic_core import to_json

    return to_json(data)


def make_ranges(indices: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Return ascending indices as pairs of the first and the last of each run."""
    ranges: list[tuple[int, int]] = []
    for index in indices:
        if ranges and ranges[-1][1] == index - 1:
            ranges[-1] = ranges[-1][0], index
        else:
            ranges.append((index, index))
    return tuple(ranges)
