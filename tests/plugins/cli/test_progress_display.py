"""Progress on standard error: lines in a pipe, and a bar whose terminal is resized."""

from __future__ import annotations

import io
from decimal import Decimal
from types import SimpleNamespace

from rich.console import Console
from rich.segment import ControlType

from budwood_cli.batch_runs.progress import Meter
from budwood_cli.progress_display import Step, StepLines
from budwood_cli.reflowed_render import ReflowedRender


def draw(console, text):
    """
    Return a drawing of a text, as the terminal has it.
    """
    render = ReflowedRender(console)
    render.set_renderable(text)
    list(render.__rich_console__(console, console.options))
    return render


def count_erased(control):
    """
    Return how many rows the codes erase.
    """
    return sum(code[0] is ControlType.ERASE_IN_LINE for code in control.segment.control)


def test_a_terminal_that_becomes_narrower_leaves_no_row():
    """
    A line of 60 columns takes three rows of 25 columns, and all of them are erased.
    """
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    render = draw(console, "x" * 60)
    assert count_erased(render.position_cursor()) == 1

    console.width = 25

    assert count_erased(render.position_cursor()) == 3
    assert count_erased(render.restore_cursor()) == 3


def test_a_terminal_that_becomes_wider_erases_what_was_drawn():
    """
    Lines that were drawn stay lines.
    """
    console = Console(file=io.StringIO(), width=20, force_terminal=True)
    render = draw(console, "word " * 12)
    rows = count_erased(render.position_cursor())

    console.width = 200

    assert rows > 1
    assert count_erased(render.position_cursor()) == rows


def test_lines_are_written_for_new_states_and_every_few_seconds():
    """
    A pipe gets the first line, each change of the state, and otherwise one every few seconds.
    """
    lines, now = [], [0.0]
    show = StepLines(5.0, lines.append, lambda: now[0])

    for seconds, state in ((0, 1), (1, 1), (2, 2), (6, 2), (7, 2)):
        now[0] = seconds
        show(Step(f"{seconds} s", state=state))

    assert lines == ["0 s", "2 s", "7 s"]


def test_the_progress_of_a_batch_has_rate_cost_errors_and_time():
    """
    Results of earlier commands count as done, but not for the rate.
    """
    rows = SimpleNamespace(done=10, failed=1, spent=Decimal("0.5"), has_cost=True)
    remaining, now = [90], [100.0]
    meter = Meter(rows, 100, lambda: remaining[0], lambda: now[0])
    first = meter.step()
    rows.done, remaining[0], now[0] = 30, 70, 110.0
    later = meter.step(is_stopping=True)

    assert first.text == "10/100 requests, $0.5000, 1 error"
    assert later.text == "30/100 requests, 2/s, 0:00:35 left, $0.5000, 1 error, stopping"
    assert (later.share, first.state, later.state) == (0.3, False, True)
