from __future__ import annotations

from decimal import Decimal

from budwood_cli.progress import SECONDS_BETWEEN_LINES, ProgressLines, format_progress
from budwood_generation import Progress


def progress(**known):
    """
    The progress of a run that has begun.
    """
    begun = {
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
    return Progress(**begun | known)


def test_what_is_unknown_is_never_a_number():
    """
    At the beginning there is neither a rate nor a time; tokens and costs that nobody knows are said to be unknown.
    """
    nothing = progress(input_tokens=None, output_tokens=None)

    assert format_progress(progress()) == "0/2,000 rows, 1 call, 15 tokens, cost unknown, 0 errors"
    assert format_progress(nothing) == "0/2,000 rows, 1 call, tokens unknown, cost unknown, 0 errors"
    assert format_progress(progress(calls=0, errors=1)) == "0/2,000 rows, 0 calls, 1 error"


def test_what_is_known_is_told():
    """
    Rows, rate, calls, tokens, cost, errors and the time that is left stand in one line.
    """
    told = format_progress(
        progress(
            rows_done=1000, calls=2500, errors=1, cost=Decimal("0.12345"), rows_per_second=12.345, seconds_left=81.04
        )
    )

    assert told == "1,000/2,000 rows, 12.3 rows/s, 2,500 calls, 15 tokens, $0.1234, 1 error, 0:01:21 left"


def test_lines_come_every_few_seconds(clock):
    """
    However often there is progress, a log gets a line at once and then one in `SECONDS_BETWEEN_LINES`.
    """
    written = []
    lines = ProgressLines(written.append, clock.monotonic)

    for rows_done in range(8):
        lines(progress(rows_done=rows_done))
        clock.sleep(SECONDS_BETWEEN_LINES / 4)

    assert [text.partition("/")[0] for text in written] == ["0", "4"]
