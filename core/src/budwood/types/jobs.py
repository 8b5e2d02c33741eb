"""Long jobs: videos, batches and background replies."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, Literal

from pydantic import Field

from budwood.types.chat import ChatRequest
from budwood.types.record import JSON, Record
from budwood.types.usage import Adaptation

JobKind = Literal["video", "batch", "response"]
"""What a job produces."""

JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"]
"""The status of a job. A vendor's status that is not known counts as running."""

StoredReplyAction = Literal["get", "delete", "cancel", "input_items"]
"""What to do with a reply that a vendor keeps: ``input_items`` lists its input."""

ENDED: Final[frozenset[JobStatus]] = frozenset({"succeeded", "failed", "cancelled", "expired"})
"""The statuses of jobs that have ended."""


class BackgroundRequest(ChatRequest):
    """A chat request that the vendor answers in the background. Its API may accept other media."""

    is_background: ClassVar[bool] = True


class JobRef(Record):
    """
    Identifies a job, also in another process. It contains no secret.

    Attributes:
        kind: What the job produces.
        provider: The instance of the provider.
        model: The vendor's name of the model.
        id: The vendor's id of the job.
        created: When it was submitted, in seconds since 1970.
        label: The label of the call that submitted it, under which budgets count its cost.
        tags: The tags of that call.
        group: The group of the keys with whose account it was submitted, if the provider has several.
        adaptations: The parameters of the request that were not sent as they were passed.
        data: What the provider needs to find the job again.
    """

    kind: JobKind
    provider: str
    model: str
    id: str
    created: float
    label: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    group: str | None = None
    adaptations: tuple[Adaptation, ...] = ()
    data: dict[str, JSON] = Field(default_factory=dict)


class JobCounts(Record):
    """The requests of a batch by their outcome. Unknown is None."""

    total: int | None = None
    succeeded: int | None = None
    failed: int | None = None
    cancelled: int | None = None
    expired: int | None = None


class JobState(Record):
    """
    The state of a job.

    Attributes:
        id: The vendor's id of the job.
        status: The status; ``raw_status`` is the vendor's name for it.
        progress: From 0 to 1, if the vendor reports it.
        retry_after: Seconds until the next poll, if the vendor specifies them.
        error: Why the job failed; ``error_code`` is the vendor's code, or ``"content_filter"`` if a filter removed the
            result.
        expires: When the result expires, in seconds since 1970.
        counts: The requests of a batch by their outcome.
        data: What the provider needs to fetch the result; it replaces that of the `JobRef`.
        raw: The vendor's own record of a batch, if it has one and the job is a single batch.
    """

    id: str
    status: JobStatus
    raw_status: str | None = None
    progress: float | None = None
    retry_after: float | None = None
    error: str | None = None
    error_code: str | None = None
    expires: float | None = None
    counts: JobCounts | None = None
    data: dict[str, JSON] = Field(default_factory=dict)
    raw: dict[str, JSON] = Field(default_factory=dict, repr=False)

    @property
    def is_ended(self) -> bool:
        """Whether the job has ended."""
        return self.status in ENDED


Progress = Callable[[JobState], object]
"""Called with the state of a job after each poll."""

Submitted = Callable[[JobRef], object]
"""Called with a job as soon as the vendor has it, to store it. For a batch: after each of its parts was submitted."""
