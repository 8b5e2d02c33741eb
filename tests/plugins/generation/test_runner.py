from __future__ import annotations

import asyncio
import re
from random import Random

import pytest

from budwood.errors import (
    AuthenticationError,
    BadResponseError,
    BudgetExceededError,
    CapacityError,
    ConnectionFailedError,
    ContentFilterError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    ServerError,
)
from tests.simulated_run import ANSWERER, ASKER, RejectedError, SimulatedModels, SimulatedRun, ideal_seconds

REFUSED = ConnectionFailedError("refused")
REFUSED.is_unsent = True
DOWN = {
    "refused": lambda: REFUSED,
    "500": lambda: ServerError("broken", status=500),
    "503": lambda: CapacityError("overloaded", status=503),
    "429": lambda: RateLimitError("slow down", status=429, retry_after=5.0),
}


def html():
    """Return the error for a page that is not a reply of the API."""
    return BadResponseError("not JSON", status=200)


def lognormal(seed, mean=1.0, sigma=0.5):
    """Return a function that returns random latencies."""
    random = Random(seed)
    return lambda: mean * random.lognormvariate(-sigma * sigma / 2, sigma)


def outage(error, start, end):
    """Return a fault for all calls between two times."""
    return lambda now, _call, _attempt: error() if start <= now < end else None


def random_fault(error, share, seed=5):
    """Return a fault for a share of all calls."""
    random = Random(seed)
    return lambda _now, _call, _attempt: error() if random.random() < share else None


def expected_rows(turns):
    """Return the rows of an undisturbed run."""
    return SimulatedRun(turns).run().data


@pytest.mark.parametrize("slots", [1, 16, 64, 256])
def test_slots_are_used_as_by_an_ideal_scheduler(slots):
    """
    Conversations of different lengths take at most 2 % longer than if all slots always had a call.
    """
    random = Random(2)
    turns = [random.randint(1, 6) for _ in range(15 * slots)]
    run = SimulatedRun(turns, SimulatedModels(latencies=lognormal(7)), slots=slots).run()

    assert len(run.journal.rows) == len(turns)
    assert run.models.most == slots
    assert run.seconds <= ideal_seconds(turns, slots, lognormal(7)) / 0.98


@pytest.mark.parametrize("seed", range(3))
def test_rows_do_not_depend_on_the_order_of_replies(seed):
    """
    Whatever the latencies are.
    """
    turns = [1, 4, 2, 3, 1, 1, 5, 2] * 5

    run = SimulatedRun(turns, SimulatedModels(latencies=lognormal(seed, sigma=1.5)), slots=7).run()

    assert run.data == expected_rows(turns)


@pytest.mark.parametrize("error", DOWN.values(), ids=DOWN)
@pytest.mark.parametrize("slots", [1, 16])
def test_an_outage_pauses_the_run(error, slots):
    """
    The rows are those of an undisturbed run, no call is paid twice, and the server is not asked often meanwhile.
    """
    turns = [3] * 10 * slots
    models = SimulatedModels(outage(error, 10.0, 70.0))
    run = SimulatedRun(turns, models, slots=slots).run()

    undisturbed = run.calls / slots
    meanwhile = [now for now, _ in models.sent if 10.0 <= now < 70.0]
    assert run.data == expected_rows(turns)
    assert len(run.journal.done) == run.calls
    assert len(meanwhile) <= slots + 16 + 12
    assert run.seconds <= undisturbed + 60 + 60


@pytest.mark.parametrize("slots", [1, 16])
def test_an_outage_with_pages_of_a_proxy_pauses_the_run(slots):
    """
    Only the first of them count as replies that cannot be used.
    """
    run = SimulatedRun([3] * 10 * slots, SimulatedModels(outage(html, 10.0, 70.0)), slots=slots).run()

    assert (len(run.journal.rows), run.journal.failed) == (10 * slots, {})
    assert len(run.journal.done) <= run.calls + 2 * slots


def test_a_pause_is_reported_with_its_reason():
    """
    The progress says which model waits for what, and for how long. Afterwards it does not.
    """
    run = SimulatedRun([1] * 200, SimulatedModels(outage(DOWN["500"], 2.0, 60.0))).run()

    waiting = [step.waiting for step in run.progress if step.waiting]
    assert re.match("sim/(asker|answerer) is unavailable, next call in 1 s: ServerError: broken", waiting[0])
    assert run.progress[-1].waiting is None
    assert 55 <= run.progress[-1].paused_seconds <= 100


@pytest.mark.parametrize("patience", [0.0, 30.0, 900.0])
def test_the_run_stops_when_its_patience_ends(patience):
    """
    Without any success for so long, with the error of the endpoint. Finished work is committed.
    """
    run = SimulatedRun([1] * 200, SimulatedModels(outage(DOWN["refused"], 2.5, 1e9)), patience=patience)

    with pytest.raises(ConnectionFailedError, match="refused") as raised:
        run.run()

    assert raised.value.__notes__[-1] == f"The run waited {patience:g} s for {ANSWERER} (patience)."
    assert patience <= run.seconds - 2.5 <= patience + 3
    assert len(run.journal.done) == 48
    assert not run.journal.failed


def test_a_run_continues_after_its_patience_ended():
    """
    Resuming pays only what is missing.
    """
    turns = [2] * 50
    journal = SimulatedRun(turns).journal
    with pytest.raises(ConnectionFailedError):
        SimulatedRun(turns, SimulatedModels(outage(DOWN["refused"], 2.5, 1e9)), journal=journal).run()

    run = SimulatedRun(turns, journal=journal).run()

    assert run.data == expected_rows(turns)
    assert len(journal.done) == run.calls


def test_calls_of_other_models_are_sent_during_a_pause():
    """
    While the answerer is down, the asker asks within the look-ahead.
    """

    def fault(now, call, _attempt):
        return ServerError("broken", status=500) if call.request.model == ANSWERER and 5 <= now < 65 else None

    models = SimulatedModels(fault)
    run = SimulatedRun([1] * 200, models, slots=8).run()

    asked = [now for now, call in models.sent if call.request.model == ASKER and 10 <= now < 60]
    assert len(run.journal.rows) == 200
    assert asked


@pytest.mark.parametrize("slots", [4, 64])
@pytest.mark.parametrize(("share", "least"), [(0.1, 0.8), (0.3, 0.55)])
def test_random_rate_limits_cost_little_time(slots, share, least):
    """
    All rows are created, at most of the throughput that the limits leave.
    """
    turns = [2] * 40 * slots
    run = SimulatedRun(turns, SimulatedModels(random_fault(DOWN["429"], share)), slots=slots).run()

    assert len(run.journal.rows) == len(turns)
    assert run.calls / slots / run.seconds >= least


@pytest.mark.parametrize("error", [lambda: RejectedError("garbage"), html])
def test_rejected_replies_are_requested_again(error):
    """
    One of ten replies is garbage: all rows are created, since another attempt has another seed.
    """

    def fault(_now, call, attempt):
        key = f"{call.cell.index} {call.turn} {call.request.purpose} {attempt}"
        return error() if Random(key).random() < 0.1 else None

    run = SimulatedRun([3] * 100, SimulatedModels(fault)).run()

    assert (len(run.journal.rows), run.journal.failed) == (100, {})
    assert len(run.journal.done) > run.calls
    assert run.progress[-1].rejected == len(run.journal.done) - run.calls


def test_a_row_fails_after_its_attempts():
    """
    Each was paid and is in the journal. When the run is resumed, further attempts have further numbers.
    """
    garbage = SimulatedModels(lambda _now, call, _attempt: RejectedError("cut") if call.cell.index == 3 else None)
    first = SimulatedRun([1] * 20, garbage, slots=4).run()

    attempts = [done.attempt for done in first.journal.done if done.index == 3]
    assert (list(first.journal.failed), attempts) == ([3], [0, 1, 2])
    assert first.journal.failed[3].reason == "RejectedError: cut"
    assert not first.journal.failed[3].transient

    later = SimulatedModels(
        lambda _now, call, attempt: RejectedError("cut") if call.request.purpose == "ask" and attempt < 5 else None
    )
    second = SimulatedRun([1] * 20, later, slots=4, journal=first.journal).run()
    assert second.data[3] == {"turns": [["ask 3 0 5", "answer 3 0 0"]]}


@pytest.mark.parametrize(
    "error",
    [
        ContentFilterError("filtered", status=400),
        InvalidRequestError("bad", status=400),
        NotFoundError("no", status=404),
    ],
)
def test_a_rejected_request_costs_one_row(error):
    """
    It is not repeated.
    """
    models = SimulatedModels(lambda _now, call, _attempt: error if call.cell.index == 5 else None)
    run = SimulatedRun([1] * 40, models).run()

    assert (len(run.journal.rows), list(run.journal.failed)) == (39, [5])
    assert len([call for _, call in models.sent if call.cell.index == 5]) == 1


@pytest.mark.parametrize("index", [0, 20, 39])
@pytest.mark.parametrize("slots", [1, 16])
def test_a_request_that_breaks_its_server_costs_one_row(index, slots):
    """
    Also if it comes last: the run does not wait for it as for an outage.
    """
    models = SimulatedModels(lambda _now, call, _attempt: DOWN["500"]() if call.cell.index == index else None)
    run = SimulatedRun([1] * 40, models, slots=slots).run()

    assert (len(run.journal.rows), list(run.journal.failed)) == (39, [index])
    assert run.journal.failed[index].transient
    assert run.seconds <= 80 / slots + 120
    assert len([call for _, call in models.sent if call.cell.index == index]) <= 15


def test_only_requests_that_break_their_server_are_left():
    """
    A run that is resumed for them ends, after some time, as it did before.
    """
    models = SimulatedModels(lambda _now, call, _attempt: DOWN["500"]() if call.cell.index in (2, 7) else None)
    journal = SimulatedRun([1] * 10, models).run().journal

    run = SimulatedRun([1] * 10, models, journal=journal).run()

    assert set(run.journal.failed) == {2, 7}
    assert run.seconds <= 120


def test_only_unfinished_requests_that_break_their_server_are_left():
    """
    A run that was killed before it gave them up does not wait for them as for an outage.
    """
    models = SimulatedModels(lambda _now, call, _attempt: DOWN["500"]() if call.cell.index in (2, 7) else None)
    journal = SimulatedRun([1] * 10, models).run().journal
    journal.failed.clear()

    run = SimulatedRun([1] * 10, models, journal=journal).run()

    assert set(run.journal.failed) == {2, 7}
    assert run.seconds <= 120


def test_rows_that_failed_transiently_are_created_in_the_end():
    """
    A server that cannot serve some rows for a while serves them in the second pass.
    """

    def fault(now, call, _attempt):
        return DOWN["500"]() if call.cell.index % 5 == 0 and now < 15 else None

    run = SimulatedRun([2] * 100, SimulatedModels(fault)).run()

    assert (len(run.journal.rows), run.journal.failed) == (100, {})


def test_a_fatal_error_keeps_the_replies_in_flight():
    """
    No other call is sent, and those that were sent are committed before the error is raised.
    """
    error = AuthenticationError("key", status=401)
    models = SimulatedModels(lambda _now, call, _attempt: error if call.cell.index == 20 else None)
    run = SimulatedRun([1] * 100, models, slots=8)

    with pytest.raises(AuthenticationError):
        run.run()

    assert len(run.journal.done) == len(models.sent) - 1
    assert models.cancelled == 0


def test_a_stop_waits_for_calls_in_flight_at_most_eight_seconds():
    """
    Those that are answered by then are kept.
    """
    latencies = iter([1.0] * 8 + [3.0] * 4 + [100.0] * 1000)
    models = SimulatedModels(latencies=lambda: next(latencies))

    def stop_later(runner):
        asyncio.get_running_loop().call_later(1.5, runner.stop, KeyboardInterrupt())

    run = SimulatedRun([1] * 100, models, slots=8, act=stop_later)
    with pytest.raises(KeyboardInterrupt):
        run.run()

    assert run.seconds == pytest.approx(1.5 + 8)
    assert (len(run.journal.done), models.cancelled) == (12, 4)


def test_a_budget_is_used_up_before_it_stops_the_run():
    """
    Calls in flight reserve more than they cost. A call that a budget refuses meanwhile is sent again.
    """
    models = SimulatedModels()
    left = [50]

    def fault(_now, _call, _attempt):
        if models.running > 4 or not left[0]:
            return BudgetExceededError("no room", budget="b", left=0.0, required=1.0, unit="dollars")
        left[0] -= 1
        return None

    models._fault = fault
    run = SimulatedRun([1] * 100, models, slots=8)

    with pytest.raises(BudgetExceededError):
        run.run()

    assert len(run.journal.done) == 50


@pytest.mark.parametrize("error", ["500", "429"])
def test_an_outage_at_the_end_of_a_run_costs_no_row(error):
    """
    The last rows wait for the endpoint up to the patience, like those before.
    """
    run = SimulatedRun([1] * 40, SimulatedModels(outage(DOWN[error], 3, 303))).run()

    assert (len(run.journal.rows), run.journal.failed) == (40, {})
    assert run.seconds < 420


@pytest.mark.parametrize("rows", [2, 40])
def test_waiting_for_the_last_rows_is_reported(rows):
    """
    The progress has the reason also if too few calls fail for the run to pause.
    """
    models = SimulatedModels(lambda now, call, _attempt: DOWN["500"]() if call.cell.index < 2 and now < 12 else None)
    run = SimulatedRun([1] * rows, models).run()

    waiting = [progress.waiting for progress in run.progress]
    assert any(text is not None and "broken" in text for text in waiting)
    assert waiting[-1] is None
    assert (len(run.journal.rows), run.journal.failed) == (rows, {})
    assert run.progress[-1].paused_seconds > 5


def test_calls_that_hang_are_reported():
    """
    Every 30 seconds without a reply, and no more once a reply has arrived.
    """
    latencies = iter([100.0] * 4)
    models = SimulatedModels(latencies=lambda: next(latencies, 1.0))
    run = SimulatedRun([1] * 8, models, slots=4).run()

    assert [round(step.silent_seconds) for step in run.progress if step.silent_seconds] == [30, 60, 90]
    assert run.progress[-1].silent_seconds == 0
