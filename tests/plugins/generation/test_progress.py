from __future__ import annotations

import pytest

from budwood.types import Row, Turn
from budwood_generation.journal import RowDone, Totals, TurnDone
from budwood_generation.runs.progress import Meter

TURN = TurnDone(index=0, number=0, turn=Turn(question="?", answer="!"))
ROW = RowDone(Row(id="a", index=0, data={}))


def test_the_rate_counts_turns_of_this_session(clock):
    """
    After a resume, a row may be finished by its first call.
    """
    seen = []
    before = Totals(rows=2, turns=13)
    meter = Meter(before, rows=10, turns=40, report=seen.append, monotonic=clock.monotonic)

    clock.sleep(2.0)
    meter.count(TURN, ROW)
    clock.sleep(2.0)
    meter.count(TURN)

    assert [(step.rows_done, step.turns_done) for step in seen] == [(3, 14), (3, 15)]
    assert [step.rows_per_second for step in seen] == [pytest.approx(0.125)] * 2
    assert [step.seconds_left for step in seen] == [pytest.approx(52), pytest.approx(50)]
