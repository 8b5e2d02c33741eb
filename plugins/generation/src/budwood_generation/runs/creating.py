"""Creating the rows of a plan: the client, the calls and the runner."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from budwood import AsyncClient
from budwood.errors import ConfigurationError, UnsupportedError
from budwood.settings import Settings
from budwood_generation.clients import ModelClient
from budwood_generation.journal import Journal, RowFailed
from budwood_generation.plan import Plan
from budwood_generation.replicates import AskedQuestions
from budwood_generation.runs.batch_lane import FOLDER, SLOTS, BatchLane
from budwood_generation.runs.calls import MAX_RETRY_AFTER, Caller
from budwood_generation.runs.connections import allow_connections
from budwood_generation.runs.interrupts import Interrupted, Interrupts
from budwood_generation.runs.progress import Meter
from budwood_generation.runs.rows import FinishedTurn, OpenConversation, OpenRow, OpenValue
from budwood_generation.runs.runner import RunLimits, Runner
from budwood_generation.spec import ConversationSpec


@dataclass(frozen=True, slots=True)
class Environment:
    """
    What a run is given.

    Attributes:
        settings: The settings.
        interrupts: Signals that stop it; None if the program handles them.
        client: Sends the calls; None for a new client with the settings.
    """

    settings: Settings
    interrupts: Interrupts | None = None
    client: ModelClient | None = None

    def open_client(self, slots: int) -> contextlib.AbstractAsyncContextManager[Any]:
        """Open the client for a number of calls at a time. One that was given stays open at the end."""
        if self.client is not None:
            return contextlib.nullcontext(self.client)
        return AsyncClient(settings=allow_connections(self.settings, slots))


async def create_rows(plan: Plan, environment: Environment, journal: Journal, meter: Meter) -> None:
    """
    Create all rows that are not finished.

    Raises:
        BudwoodError: The error that stopped the run.
        Interrupted: A signal stopped it.
    """
    spec, interrupts = plan.spec, environment.interrupts
    failures = journal.failures() if plan.only is None else _failed_with(plan.only, journal.failures())
    missing = len(plan.cells) - meter.before.rows if plan.only is None else len(failures)
    slots = SLOTS if plan.lane == "batch" else spec.concurrency
    limits = RunLimits(slots=slots, rows=missing, attempts=spec.attempts, patience=spec.patience)
    async with environment.open_client(spec.concurrency) as client:
        lane = _open_lane(client, plan)
        caller = Caller(client, spec.seed, _call_options(environment.settings, plan.models), lane)
        runner = Runner(
            _row_opener(plan, journal),
            caller,
            journal,
            meter,
            limits,
            models=plan.models,
            has_history=bool(meter.before.calls or failures),
            find_previous=plan.cells.find_previous,
        )
        stopping = interrupts.stopping_by(lambda: runner.stop(Interrupted())) if interrupts else None
        async with contextlib.aclosing(lane) if lane is not None else contextlib.nullcontext():
            with stopping or contextlib.nullcontext():
                await runner.run(journal.finished().missing() if plan.only is None else iter(failures), failures)
            if lane is not None:
                lane.finish()


def _open_lane(client: ModelClient, plan: Plan) -> BatchLane | None:
    """
    Return what sends calls in batches, also for a run that has left batches at the vendor.

    Raises:
        UnsupportedError: The client has no batches.
    """
    submits = plan.lane == "batch"
    if not submits and not (plan.run_folder / FOLDER).is_dir():
        return None
    if not isinstance(client, AsyncClient):
        raise UnsupportedError("This client sends no batches.", hint='Set lane = "live".')
    return BatchLane(client, plan.run_folder, submits=submits)


def _failed_with(name: str, failures: Mapping[int, RowFailed]) -> dict[int, RowFailed]:
    """
    Return the failures with an error.

    Raises:
        ConfigurationError: There is none.
    """
    found = {index: failure for index, failure in failures.items() if failure.error == name}
    if not found:
        names = ", ".join(sorted({failure.error for failure in failures.values()}))
        raise ConfigurationError(
            f"No row failed with {name}.",
            hint=f"Rows failed with {names}."
            if names
            else "No row failed. `budwood runs resume` creates missing rows.",
        )
    return found


def _row_opener(plan: Plan, journal: Journal) -> Callable[[int], OpenRow]:
    """Return the function that opens the row of an index."""
    spec, job, plugins = plan.spec, plan.spec.job, plan.plugins

    asked = AskedQuestions(plan.cells, journal.turns)

    def open_row(index: int) -> OpenRow:
        cell = plan.cells[index]
        if isinstance(job, ConversationSpec):
            turns = _finished_turns(plan, journal, index)
            return OpenConversation(spec, job, plugins, cell, turns, find_asked=asked.find)
        return OpenValue(spec, job, plugins, cell)

    return open_row


def _finished_turns(plan: Plan, journal: Journal, index: int) -> list[FinishedTurn]:
    turns = journal.turns(index)
    job = plan.spec.job
    if not turns or not isinstance(job, ConversationSpec) or job.answerer_options.reasoning == "drop":
        return [FinishedTurn(turn) for turn in turns]
    accepted = {
        call.turn: call.reasoning for call in journal.calls(index) if call.purpose == "answer" and call.rejected is None
    }
    return [FinishedTurn(turn, accepted.get(number)) for number, turn in enumerate(turns)]


def _call_options(settings: Settings, models: tuple[str, ...]) -> dict[str, Any]:
    """
    Return the options of every call: if a server asks for a long delay, the run waits, not the call.

    A call that may go to another endpoint would do so after a shorter delay, so its options stay as they are.
    """
    providers = [settings.instance_settings("providers", model.partition("/")[0]) for model in models]
    is_set = "max_retry_after" in settings.options.model_fields_set
    if is_set or settings.options.is_routed or any(provider.get("backups") for provider in providers):
        return {}
    return {"max_retry_after": MAX_RETRY_AFTER}
