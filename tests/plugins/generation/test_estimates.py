from __future__ import annotations

import pytest

from budwood_generation import generate, make_plan
from budwood_generation.estimates import MAX_COUNTED, MAX_SAMPLE
from budwood_generation.guards import GuardedCells
from tests.datasets import conversation_spec, row_spec

PRICES = {"models": {"offline/*": {"prices": {"input": "10", "output": "30"}}}}


def is_ordered(amount):
    """
    Tell whether the range contains the expected number.
    """
    return amount.low <= amount.expected <= amount.high


def test_small_plans_have_exact_calls(tmp_path):
    """
    Turns and calls have no range if all rows were counted. Tokens have one, since replies are not known.
    """
    estimate = make_plan(conversation_spec(tmp_path, rows=MAX_COUNTED)).estimate

    assert estimate.turns.low == estimate.turns.high
    assert estimate.calls.low == estimate.calls.high == 2 * estimate.turns.expected
    assert estimate.sample == MAX_SAMPLE
    assert estimate.output_tokens.low < estimate.output_tokens.expected < estimate.output_tokens.high


@pytest.mark.parametrize("seed", range(5))
def test_the_ranges_of_large_plans_hold(tmp_path, seed):
    """
    The number of turns and calls of all rows is within the range, which is narrow.
    """
    plan = make_plan(conversation_spec(tmp_path, rows=5000, seed=seed))
    turns = sum(cell.turns for cell in plan.cells)

    assert plan.estimate.turns.low <= turns <= plan.estimate.turns.high
    assert plan.estimate.calls.low <= 2 * turns <= plan.estimate.calls.high
    assert plan.estimate.turns.high < 1.1 * plan.estimate.turns.low


def test_the_tokens_of_a_run_are_in_their_range(tmp_path):
    """
    The range allows for replies of half and double the expected length.
    """
    spec = conversation_spec(tmp_path, rows=30)
    estimate, report = make_plan(spec).estimate, generate(spec)

    assert estimate.input_tokens.low / 1.5 <= report.input_tokens <= estimate.input_tokens.high * 1.5
    assert is_ordered(estimate.input_tokens)


def test_the_cost_has_a_range(tmp_path):
    """
    It follows from the tokens and the prices of the models.
    """
    spec = row_spec(tmp_path, rows=10)
    estimate = make_plan(spec, settings=PRICES).estimate
    expected = (10 * estimate.input_tokens.expected + 30 * estimate.output_tokens.expected) / 1e6

    assert estimate.dollars.expected == pytest.approx(expected, rel=0.01)
    assert float(estimate.cost) == pytest.approx(expected, rel=0.01)
    assert is_ordered(estimate.dollars)
    assert estimate.dollars.low < estimate.dollars.high


def test_max_tokens_limits_the_range(tmp_path):
    """
    No reply is longer.
    """
    limits = {"asker_options": {"max_tokens": 4}, "answerer_options": {"max_tokens": 10}, "turns": 1}
    estimate = make_plan(conversation_spec(tmp_path, job=limits)).estimate

    assert estimate.output_tokens == (6 * 14, 6 * 14, 6 * 14)


def test_the_estimate_is_the_same_each_time(tmp_path):
    """
    The sample depends on the seed of the specification.
    """
    spec = conversation_spec(tmp_path, rows=3000)

    assert make_plan(spec).estimate == make_plan(spec).estimate


def test_planning_does_not_look_at_all_rows(tmp_path, monkeypatch):
    """
    For ten million rows, as many cells are drafted as for a hundred thousand.
    """
    drafted = []
    draft = GuardedCells.cell
    monkeypatch.setattr(GuardedCells, "cell", lambda *args: drafted.append(args[1]) or draft(*args))
    counts = []
    for rows in (100_000, 10_000_000):
        plan = make_plan(conversation_spec(tmp_path, rows=rows))
        assert (plan.estimate.sample, len(plan.cells)) == (MAX_SAMPLE, rows)
        assert plan.shares.rows_per_passage > rows / 100
        counts.append(len(drafted))

    assert counts[1] - counts[0] == counts[0] < 10_000
