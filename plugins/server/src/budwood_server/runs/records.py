"""Runs in the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from budwood_server.api_models.moments import from_seconds
from budwood_server.api_models.runs import RunDetails, RunProblem, RunProgress, RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """
    A run.

    Attributes:
        id: Identifies it.
        version: Grows with each change.
        owner: Who owns it; see `Principal.owner`.
        name: A name for people.
        principal_kind: Whether a key or an account has submitted it.
        principal_id: The id of the key or account.
        specification: What was submitted.
        state: Its state.
        created: When it was submitted, in seconds since 1970; the other moments likewise.
        started: When a worker began it for the first time.
        finished: When it ended.
        due: When a worker may claim it: if it is executed, the end of the lease of its worker.
        worker: The worker that executes it, or did last.
        claims: How many workers have claimed it and died since it was submitted or resumed, with the present one.
        cancelled: When somebody asked to cancel it.
        progress: How far it is.
        error: Why it failed or is incomplete.
    """

    id: str
    version: int
    owner: str
    name: str
    principal_kind: str
    principal_id: str
    specification: Mapping[str, Any]
    state: RunState
    created: float
    started: float | None = None
    finished: float | None = None
    due: float = 0.0
    worker: str | None = None
    claims: int = 0
    cancelled: float | None = None
    progress: RunProgress = field(default_factory=RunProgress)
    error: RunProblem | None = None

    def to_details(self) -> RunDetails:
        """Return it as it is shown."""
        return RunDetails(
            id=self.id,
            name=self.name,
            state=self.state,
            owner=self.owner,
            is_cancelling=self.state == "running" and self.cancelled is not None,
            created=from_seconds(self.created),
            started=from_seconds(self.started),
            finished=from_seconds(self.finished),
            progress=self.progress,
            error=self.error,
            specification=dict(self.specification),
        )


def to_run(row: Mapping[str, Any]) -> Run:
    """Return a run from its row."""
    error = row["error"]
    return Run(
        **{
            **row,
            "progress": RunProgress.model_validate(row["progress"]),
            "error": None if error is None else RunProblem.model_validate(error),
        }
    )
