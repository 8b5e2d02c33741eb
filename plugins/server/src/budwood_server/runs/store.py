"""Runs in the database: submit, find, cancel, resume and remove them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, insert, select, tuple_, update

from budwood_server.access.tokens import new_id
from budwood_server.api_models.runs import ENDED, RunProgress, RunState
from budwood_server.database.tables import RUNS
from budwood_server.events.runs import record_change
from budwood_server.runs.records import Run, to_run
from budwood_server.web.problems import Problem, ProblemError, reject

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection

    from budwood_server.people.principals import Principal

_OPEN: Final = ("queued", "running")


async def submit_run(
    connection: AsyncConnection,
    principal: Principal,
    name: str,
    specification: Mapping[str, Any],
    *,
    run_id: str,
    max_waiting: int,
    progress: RunProgress | None = None,
) -> Run:
    """
    Submit a run.

    Args:
        connection: A transaction that writes.
        principal: Who submits it, and pays for its calls.
        name: A name for people.
        specification: What was submitted.
        run_id: Its id, from `new_run_id`.
        max_waiting: The maximum number of runs of the owner that have not ended.
        progress: Where its rows are stored, and what the owner should know about it.

    Raises:
        ProblemError: 429: the owner has as many.
    """
    query = select(func.count()).where(RUNS.c.owner == principal.owner, RUNS.c.state.in_(_OPEN))
    if (await connection.execute(query)).scalar_one() >= max_waiting:
        raise reject(
            f"You have {max_waiting} runs that have not ended.",
            code="too_many_runs",
            hint="Wait until one ends, or cancel one.",
            status=429,
        )
    run = Run(
        id=run_id,
        version=1,
        owner=principal.owner,
        name=name,
        principal_kind=principal.kind,
        principal_id=principal.id,
        specification=specification,
        state="queued",
        created=time.time(),
        progress=progress or RunProgress(),
    )
    await connection.execute(
        insert(RUNS).values(
            id=run.id,
            version=run.version,
            owner=run.owner,
            name=run.name,
            principal_kind=run.principal_kind,
            principal_id=run.principal_id,
            specification=dict(run.specification),
            state=run.state,
            created=run.created,
            due=run.due,
            claims=0,
            progress=run.progress.model_dump(),
        )
    )
    return run


def new_run_id() -> str:
    """Return the id of a new run."""
    return f"run_{new_id()}"


async def find_run(connection: AsyncConnection, run_id: str, owner: str | None, *, for_update: bool = False) -> Run:
    """
    Return a run.

    Args:
        connection: A transaction.
        run_id: Its id.
        owner: Who must own it; None for any owner.
        for_update: Whether no other transaction may change it meanwhile.

    Raises:
        ProblemError: 404: there is none, or another owner has it.
    """
    query = select(RUNS).where(RUNS.c.id == run_id, *_of(owner))
    if for_update:
        query = query.with_for_update()
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise ProblemError(Problem(status=404, message=f"No such run: {run_id!r}.", code="not_found"))
    return to_run(dict(row))


async def list_runs(
    connection: AsyncConnection,
    owner: str | None,
    *,
    state: RunState | None = None,
    before: tuple[float, str] | None = None,
    limit: int = 50,
) -> Sequence[Run]:
    """
    Return runs, the newest first.

    Args:
        connection: A transaction.
        owner: Who owns them; None for all owners.
        state: Only those in this state.
        before: Only those before the one that was created then and has this id.
        limit: The maximum number.
    """
    query = select(RUNS).where(*_of(owner)).order_by(RUNS.c.created.desc(), RUNS.c.id.desc()).limit(limit)
    if state is not None:
        query = query.where(RUNS.c.state == state)
    if before is not None:
        query = query.where(tuple_(RUNS.c.created, RUNS.c.id) < before)
    return [to_run(dict(row)) for row in (await connection.execute(query)).mappings()]


async def cancel_run(connection: AsyncConnection, run: Run) -> Run:
    """
    Cancel a run: at once if no worker executes it; else its worker ends it. Its finished rows stay.

    Raises:
        ProblemError: 409: it has ended.
    """
    if run.state in ENDED:
        raise _conflict(run, "has ended already", hint=None)
    now = time.time()
    if run.state == "queued":
        return await change_run(connection, run, state="cancelled", cancelled=now, finished=now)
    return await change_run(connection, run, cancelled=run.cancelled or now)


async def resume_run(connection: AsyncConnection, run: Run) -> Run:
    """
    Have a run continue that has ended without all of its rows. Failed rows are tried again.

    Raises:
        ProblemError: 409: it has all rows, or has not ended.
    """
    if run.state not in ENDED:
        raise _conflict(run, "has not ended", hint="Cancel it first, or wait.")
    if run.state == "complete":
        raise _conflict(run, "has all of its rows", hint="Submit a new run for others.")
    return await change_run(
        connection, run, state="queued", due=0.0, claims=0, cancelled=None, finished=None, error=None, worker=None
    )


async def delete_run(connection: AsyncConnection, run: Run) -> None:
    """
    Remove a run from the database.

    Raises:
        ProblemError: 409: a worker executes it.
    """
    if run.state == "running":
        raise _conflict(run, "is being executed", hint="Cancel it first.")
    await connection.execute(delete(RUNS).where(RUNS.c.id == run.id))


async def change_run(connection: AsyncConnection, run: Run, **values: Any) -> Run:  # noqa: ANN401 - of any column
    """Change columns of a run, and return it as it is then. If that ends it, the event that tells it is written."""
    query = update(RUNS).where(RUNS.c.id == run.id).values(version=RUNS.c.version + 1, **values).returning(RUNS)
    changed = to_run(dict((await connection.execute(query)).mappings().one()))
    await record_change(connection, changed)
    return changed


def _of(owner: str | None) -> list[ColumnElement[bool]]:
    return [] if owner is None else [RUNS.c.owner == owner]


def _conflict(run: Run, what: str, *, hint: str | None) -> ProblemError:
    return reject(f"The run {run.name!r} {what} ({run.state}).", code="wrong_state", hint=hint, status=409)
