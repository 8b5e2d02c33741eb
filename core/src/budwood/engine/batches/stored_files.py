"""Batches whose lines are in a file that the vendor already stores."""

from __future__ import annotations

from collections.abc import Mapping

from budwood.engine.batches.budgets import check_left
from budwood.engine.batches.parts import poll_parts
from budwood.engine.batches.record import BatchPart, adopt_batch
from budwood.engine.drivers.effects import Flow
from budwood.engine.job_waiting import update
from budwood.engine.keys.accounts import OF_KEYS, account_of, on_one_account
from budwood.engine.media_services import BATCH_FILES
from budwood.engine.pipeline.call import Call
from budwood.engine.pipeline.offers import check_service
from budwood.engine.pipeline.steps import run_steps
from budwood.errors import ConfigurationError, NotFoundError
from budwood.types import JobRef, JobState
from budwood.types.record import JSON


def submit_stored_file(call: Call, file_id: object, fields: Mapping[str, JSON]) -> Flow[tuple[JobRef, JobState]]:
    """
    Submit a batch, and return it with its first state.

    Args:
        call: The call, whose model is that of the lines.
        file_id: The vendor's id of the file.
        fields: Further fields of the vendor's request.

    Raises:
        ConfigurationError: The id is none.
        UnsupportedError: The vendor has no such batches. Nothing was sent.
        BudgetExceededError: A budget has nothing left. Nothing was sent.
    """
    if not isinstance(file_id, str) or not file_id.strip():
        raise ConfigurationError(f"Invalid id of a file: {file_id!r}.", hint="Pass info.id of a FileInfo.")
    call.route = None  # a file is at one endpoint
    check_service(call.target, BATCH_FILES)
    return _submit(call, file_id, fields)


def _submit(call: Call, file_id: str, fields: Mapping[str, JSON]) -> Flow[tuple[JobRef, JobState]]:
    yield from check_left(call)
    created: JobState = yield from on_one_account(
        call,
        lambda: run_steps(call, BATCH_FILES, "submit_batch_file", file_id, fields),
        (*OF_KEYS, NotFoundError),  # the account of the file is not known
    )
    ref = adopt_batch(
        JobRef(
            kind="batch",
            provider=call.target.endpoint.name,
            model=call.target.model,
            id=created.id,
            created=call.clock.time(),
            group=account_of(call.target),
        )
    )

    def get_state(_: BatchPart) -> Flow[JobState]:
        yield from ()
        return created

    state = yield from poll_parts(ref, get_state)
    return update(ref, state), state
