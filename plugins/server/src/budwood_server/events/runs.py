"""Events of dataset runs, written in the transaction that ends them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budwood_server.api_models.runs import ENDED
from budwood_server.events.recording import NewEvent, record_events

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from budwood_server.runs.records import Run


async def record_change(connection: AsyncConnection, run: Run) -> None:
    """
    Write the event of a run that has just ended; nothing of one that has not.

    Args:
        connection: The transaction that has changed the run.
        run: The run as it is now.
    """
    if run.state in ENDED:
        await record_events(connection, [to_event(run)])


def to_event(run: Run) -> NewEvent:
    """Return the event of a run that has ended. The message of its error is not part of it: it may quote rows."""
    progress, seconds = run.progress, None
    if run.started is not None and run.finished is not None:
        seconds = round(run.finished - run.started, 3)
    data = {
        "name": run.name,
        "state": run.state,
        "owner": run.owner,
        "key": run.principal_id if run.principal_kind == "key" else None,
        "rows": progress.rows,
        "rows_done": progress.rows_done,
        "rows_failed": progress.rows_failed,
        "calls": progress.calls,
        "input_tokens": progress.input_tokens,
        "output_tokens": progress.output_tokens,
        "cost": progress.cost,
        "seconds": seconds,
        "error": None if run.error is None else run.error.code,
    }
    if run.finished is None:
        return NewEvent("run.finished", run.id, data, owner=run.owner)
    return NewEvent("run.finished", run.id, data, owner=run.owner, time=run.finished)
