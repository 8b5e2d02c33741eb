from __future__ import annotations

from decimal import Decimal

from budwood_cli.progress import SECONDS_BETWEEN_LINES, ProgressLines, format_progress
from budwood_generation import Progress


def make_progress(**changes):
    """
    Return the progress of a run.
    """
    values = {
        "rows_done": 0,
        "rows": 2000,
        "turns_done": 0,
        "turns": 4000,
        "calls": 1,
        "errors": 0,
        "input_tokens": 10,
        "output_tokens": 5,
        "cost": None,
        "seconds": 0.5,
        "rows_per_second": None,
        "seconds_left": None,
    }
    return Progress(**values | changes)


def test_unknown_values_are_not_numbers():
    """
    At the start there is no rate and no time. Unknown tokens and costs are named as unknown.
    """
    without_counts = make_progress(input_tokens=None, output_tokens=None)

    assert format_progress(make_progress()) == "0/2,000 rows, 1 call, 15 tokens, cost unknown, 0 errors"
    assert format_progress(without_counts) == "0/2,000 rows, 1 call, tokens unknown, cost unknown, 0 errors"
    assert format_progress(make_progress(calls=0, errors=1)) == "0/2,000 rows, 0 calls, 1 error"


def test_known_values_are_shown():
    """
    Rows, rate, calls, rejected replies, tokens, cost, errors and remaining time are in one line.
    """
    line = format_progress(
        make_progress(
            rows_done=1000,
            calls=2500,
            rejected=3,
            errors=1,
            cost=Decimal("0.12345"),
            rows_per_second=12.345,
            seconds_left=81.04,
        )
    )

    assert line == "1,000/2,000 rows, 12.3 rows/s, 2,500 calls (3 rejected), 15 tokens, $0.1234, 1 error, 0:01:21 left"


def test_lines_are_written_every_few_seconds(clock):
    """
    A log gets a line at once, and then one every `SECONDS_BETWEEN_LINES`.
    """
    written = []
    lines = ProgressLines(written.append, clock.monotonic)

    for rows_done in range(8):
        lines(make_progress(rows_done=rows_done))
        clock.sleep(SECONDS_BETWEEN_LINES / 4)

    assert [text.partition("/")[0] for text in written] == ["0", "4"]


def test_a_problem_of_the_storage_is_shown_at_once(clock):
    """
    The run continues, so that the numbers stay.
    """
    written = []
    lines = ProgressLines(written.append, clock.monotonic)
    failing = make_progress(storage_problem="the storage failed, next attempt in 4 s: no connection")

    for progress in (make_progress(), failing, failing):
        lines(progress)

    assert len(written) == 2
    assert written[1].startswith("0/2,000 rows, ")
    assert written[1].endswith(", the storage failed, next attempt in 4 s: no connection")


def test_the_reason_of_a_pause_is_shown_at_once(clock):
    """
    A log gets a line when the run begins to wait, and the next one when it is due.
    """
    written = []
    lines = ProgressLines(written.append, clock.monotonic)
    waiting = make_progress(waiting="local/tiny is unavailable, next call in 4 s: no connection")

    for progress in (make_progress(), make_progress(), waiting, waiting):
        lines(progress)

    assert len(written) == 2
    assert written[1].endswith(", waiting: local/tiny is unavailable, next call in 4 s: no connection")


def test_notes_are_written_once_before_the_progress():
    """
    They say at the start what makes the run slow.
    """
    written = []
    lines = ProgressLines(written.append)

    lines(make_progress(notes=("one call runs at a time.",)))
    lines(make_progress(notes=("one call runs at a time.",), waiting="local/tiny is unavailable"))

    assert written[0] == "note: one call runs at a time."
    assert len(written) == 3


def test_an_endpoint_that_hangs_is_shown():
    """
    The line says for how long no call has ended.
    """
    assert format_progress(make_progress(silent_seconds=60.4)).endswith("0 errors, no reply for 60 s")
