"""Claims of workers on runs: each run is executed by one worker at a time, and by another one if that worker dies."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, select, update

from budwood_server.access.tokens import new_id
from budwood_server.api_models.runs import RunProblem, RunProgress, RunState
from budwood_server.database.tables import RUNS
from budwood_server.events.runs import record_change
from budwood_server.runs.records import Run, to_run

if TYPE_CHECKING:
    from budwood_server.database import Database

MAX_CLAIMS: Final = 5
"""How many workers may die while they execute a run before it fails: the run itself may be the reason."""

_DIED: Final = RunProblem(
    code="worker_died",
    message=f"The worker died {MAX_CLAIMS} times while it executed this run.",
    hint="The log of the server may have the reason, such as too little memory. Resume the run to try it again.",
)


class ClaimLostError(Exception):
    """Another worker has claimed the run, or it was removed."""


def name_worker(pid: int, mark: str) -> str:
    """
    Return the name of a worker.

    Args:
        pid: Its process.
        mark: Random text, because another machine can have the same name and such a process, too.
    """
    return f"{socket.gethostname()[:60]}-{pid}-{mark}"


async def release_claims(database: Database, worker: str) -> None:
    """
    Have the runs of a worker that has died continued at once, without waiting for the end of its leases.

    Args:
        database: The database.
        worker: The name of the worker.

    Raises:
        DatabaseError: The database cannot be used.
    """
    is_claimed = and_(RUNS.c.worker.startswith(f"{worker}/", autoescape=True), RUNS.c.state == "running")
    async with database.write() as connection:
        await connection.execute(update(RUNS).where(is_claimed).values(due=time.time()))


@dataclass(frozen=True, slots=True)
class Claims:
    """
    The claims of a worker.

    Args:
        database: The database.
        worker: Identifies the worker.
        lease: Seconds for which a claim holds without being renewed.
    """

    database: Database
    worker: str
    lease: float

    async def claim(self) -> Run | None:
        """
        Claim the run that has waited longest; None if no run waits.

        Raises:
            DatabaseError: The database cannot be used.
        """
        now = time.time()
        waiting = RUNS.alias()
        waits = and_(waiting.c.state.in_(("queued", "running")), waiting.c.due <= now)
        longest = select(waiting.c.id).where(waits).order_by(waiting.c.due, waiting.c.created).limit(1)
        longest = longest.with_for_update(skip_locked=True)  # of PostgreSQL; SQLite has one writer at a time
        query = update(RUNS).where(RUNS.c.id == longest.scalar_subquery())
        query = query.values(
            state="running",
            version=RUNS.c.version + 1,
            worker=f"{self.worker}/{new_id()}",  # another one for each claim, also of the same run
            due=now + self.lease,
            claims=RUNS.c.claims + 1,
        ).returning(RUNS)
        async with self.database.write() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            return None
        run = to_run(dict(row))
        if run.cancelled is not None:  # its worker died before it could end it
            await self.finish(run, "cancelled")
            return None
        if run.claims > MAX_CLAIMS:
            await self.finish(run, "failed", error=_DIED)
            return None
        return run

    async def start(self, run: Run) -> None:
        """Note when a run began for the first time."""
        if run.started is None:
            await self._change(run, started=time.time())

    async def renew(self, run: Run, progress: RunProgress | None = None) -> bool:
        """
        Hold a claim for another lease, and store the progress. Return whether the run was cancelled.

        Raises:
            ClaimLostError: The run is not this worker's any more.
        """
        values: dict[str, Any] = {"due": time.time() + self.lease}
        if progress is not None:
            values |= {"progress": progress.model_dump(), "version": RUNS.c.version + 1}
        return (await self._change(run, **values)).cancelled is not None

    async def finish(
        self, run: Run, state: RunState, *, error: RunProblem | None = None, progress: RunProgress | None = None
    ) -> None:
        """
        End a run, and write the event that tells it.

        Raises:
            ClaimLostError: The run is not this worker's any more.
        """
        values: dict[str, Any] = {} if progress is None else {"progress": progress.model_dump()}
        values |= {"state": state, "finished": time.time(), "version": RUNS.c.version + 1}
        await self._change(run, **values, error=None if error is None else error.model_dump())

    async def release(self, run: Run, *, delay: float = 0.0) -> None:
        """
        Give a run back, for any worker that claims it after a delay in seconds. This claim does not count.

        Raises:
            ClaimLostError: The run is not this worker's any more.
        """
        values = {"state": "queued", "due": time.time() + delay, "claims": RUNS.c.claims - 1}
        await self._change(run, **values, version=RUNS.c.version + 1)

    async def _change(self, run: Run, **values: Any) -> Run:  # noqa: ANN401 - of any column
        is_ours = and_(RUNS.c.id == run.id, RUNS.c.worker == run.worker, RUNS.c.state == "running")
        query = update(RUNS).where(is_ours).values(**values).returning(RUNS)
        async with self.database.write() as connection:
            row = (await connection.execute(query)).mappings().first()
            changed = None if row is None else to_run(dict(row))
            if changed is not None:
                await record_change(connection, changed)
        if changed is None:
            raise ClaimLostError(run.id)
        return changed
