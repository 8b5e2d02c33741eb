"""Dataset runs and their documents, as they are shown."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from budwood_server.api_models.moments import Moment

RunState = Literal["queued", "running", "complete", "incomplete", "failed", "cancelled"]
ENDED: Final[frozenset[RunState]] = frozenset({"complete", "incomplete", "failed", "cancelled"})
"""The states of runs that no worker will execute, unless they are resumed."""

MAX_SPECIFICATION: Final = 1024 * 1024
"""The maximum length of a specification that is a text."""


class SubmittedRun(BaseModel):
    """
    A run to submit.

    Attributes:
        specification: An object with the keys of the file, or the text of the file in TOML.
        name: A name for people, which is also the label of its calls; by default that of the output.
    """

    model_config = ConfigDict(extra="forbid")

    specification: dict[str, JsonValue] | Annotated[str, Field(min_length=1, max_length=MAX_SPECIFICATION)]
    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = None


class RunProgress(BaseModel):
    """
    How far a run is. All numbers include earlier sessions of the run, except for the time.

    Attributes:
        rows: The number of rows that it will have, or null before it is planned.
        rows_done: Finished rows.
        rows_failed: Rows that failed.
        calls: Calls that were paid.
        input_tokens: Tokens sent, or null if unknown; ``output_tokens`` likewise.
        cost: US dollars as a decimal number, or null if unknown.
        seconds_left: Estimated time until its end, or null if unknown.
        waiting: Why calls or the storage of rows wait, or null.
        location: The URL at which rows are stored, or null if the server keeps them.
        notes: What makes it slower or more expensive than it could be, or was left out.
    """

    rows: int | None = None
    rows_done: int = 0
    rows_failed: int = 0
    calls: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: str | None = None
    seconds_left: float | None = None
    waiting: str | None = None
    location: str | None = None
    notes: list[str] = []


class RunProblem(BaseModel):
    """
    Why a run failed, or has fewer rows than it should have.

    Attributes:
        code: A stable code for programs.
        message: What happened.
        hint: What to do, or null.
    """

    code: str
    message: str
    hint: str | None = None


class RunDetails(BaseModel):
    """
    A run.

    Attributes:
        id: Identifies it.
        name: A name for people.
        state: ``"queued"`` until a worker executes it; ``"incomplete"`` if it ended and some rows failed.
        owner: Who owns it: the team of a key, a key, or an account.
        is_cancelling: Whether it was cancelled, and its worker has not ended it yet.
        created: When it was submitted.
        started: When a worker began it for the first time, or null.
        finished: When it ended, or null.
        progress: How far it is.
        error: Why it failed or is incomplete, or null.
        specification: What was submitted.
    """

    id: str
    name: str
    state: RunState
    owner: str
    is_cancelling: bool
    created: Moment
    started: Moment | None
    finished: Moment | None
    progress: RunProgress
    error: RunProblem | None
    specification: dict[str, Any]


class RunRow(BaseModel):
    """
    A finished row.

    Attributes:
        index: Its number in the plan, from 0.
        id: Its id.
        data: Its fields.
    """

    index: int
    id: str
    data: dict[str, Any]


class DocumentDetails(BaseModel):
    """
    An uploaded document, which specifications name by its id.

    Attributes:
        id: Identifies it.
        name: The name of the file.
        bytes: Its size.
        sha256: The hash of its content.
        created: When it was uploaded.
    """

    id: str
    name: str
    bytes: int
    sha256: str
    created: Moment
