"""Errors of strategies, modifiers and storages name the plugin."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace

import pytest

from budwood.errors import PluginFaultError
from budwood.plugins.faults import PluginSource
from budwood.types import Cell, CellDraft
from budwood_generation import make_plan
from budwood_generation.guards import GuardedModifier, GuardedStorage, GuardedStrategy
from budwood_testing import ListedPassages
from tests.datasets import conversation_spec

CELL = Cell(id="c", index=0, turns=1)

CALLS = {
    "prepare": lambda instance: GuardedStrategy(instance).prepare(ListedPassages(()), 1, 1),
    "instruct": lambda instance: GuardedStrategy(instance).instruct(CELL, (), Random(1)),
    "modify": lambda instance: GuardedModifier(instance).modify((), CELL),
    "begin": lambda instance: GuardedStorage(instance).begin(None),
    "put": lambda instance: GuardedStorage(instance).put(()),
    "finish": lambda instance: GuardedStorage(instance).finish(()),
    "load": lambda instance: GuardedStorage(instance).load(-1, 10),
    "close": lambda instance: GuardedStorage(instance).close(),
}


def instance(method, error):
    """
    Return an instance of a plugin that raises an error in one method.
    """

    def fail(*_args):
        raise error

    return SimpleNamespace(
        implementation=SimpleNamespace(**{method: fail}), source=PluginSource("acme", "budwood-acme", "1.2")
    )


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(3)])
@pytest.mark.parametrize("method", CALLS)
def test_a_fault_names_plugin_and_method(method, error):
    """
    A plugin error can end the run, but not the program.
    """
    with pytest.raises(PluginFaultError, match=rf"'acme' \(budwood-acme 1\.2\) failed in {method}\(\)"):
        CALLS[method](instance(method, error))


def strategy_with(cells):
    """
    Return a strategy that prepares these cells.
    """
    implementation = SimpleNamespace(prepare=lambda *_args: cells)
    return GuardedStrategy(SimpleNamespace(implementation=implementation, source=PluginSource("acme")))


def test_cells_are_guarded():
    """
    Cells are drafted long after they are prepared.
    """

    def cell(*_args):
        raise KeyError("x")

    prepared = strategy_with(SimpleNamespace(cell=cell)).prepare(ListedPassages(()), 2, 1)

    assert prepared.limit is None
    with pytest.raises(PluginFaultError, match=r"failed in cell\(\)"):
        prepared.cell(0, Random(1))


def test_a_wrong_draft_is_a_fault():
    """
    The type of a draft is checked.
    """
    prepared = strategy_with(SimpleNamespace(cell=lambda *_args: "tea")).prepare(ListedPassages(()), 2, 1)

    with pytest.raises(PluginFaultError, match=r"cell\(\): it returned str instead of CellDraft"):
        prepared.cell(0, Random(1))


@pytest.mark.parametrize(
    ("draft", "problem"),
    [
        (CellDraft(after=2), "cell 2 comes after cell 2"),
        (CellDraft(after=3), "cell 2 comes after cell 3"),
        (CellDraft(after=-1), "cell 2 comes after cell -1"),
        (CellDraft(after="1"), "cell 2 comes after cell '1'"),
        (CellDraft(passage="text"), "the passage of cell 2 is a str"),
        (CellDraft(material=["a"]), "the material of cell 2 is a list"),
        (CellDraft(max_turns="1"), "max_turns of cell 2 is '1'"),
    ],
)
def test_a_draft_with_a_wrong_value_is_a_fault(draft, problem):
    """
    A row that waits for itself or a later one would never start, and its run would never end.
    """
    prepared = strategy_with(SimpleNamespace(cell=lambda *_args: draft)).prepare(ListedPassages(()), 9, 1)

    with pytest.raises(PluginFaultError, match=rf"failed in cell\(\): {problem}\."):
        prepared.cell(2, Random(1))


def test_a_wrong_previous_cell_is_a_fault():
    """
    Only earlier cells can be waited for.
    """
    prepared = strategy_with(SimpleNamespace(find_previous=lambda number: number)).prepare(ListedPassages(()), 9, 1)

    with pytest.raises(PluginFaultError, match=r"failed in find_previous\(\): it returned 2 for cell 2\."):
        prepared.find_previous(2, Random(1))


def test_a_wrong_instruction_is_a_fault():
    """
    The type of the strategy's result is checked.
    """
    guarded = SimpleNamespace(implementation=SimpleNamespace(instruct=lambda *_args: None), source=PluginSource("acme"))

    with pytest.raises(PluginFaultError, match=r"instruct\(\): it returned NoneType instead of Instruction"):
        CALLS["instruct"](guarded)


def test_a_full_disk_is_not_a_fault_of_the_storage():
    """
    The error of the run says what to do.
    """
    with pytest.raises(OSError, match="No space left"):
        CALLS["finish"](instance("finish", OSError(28, "No space left on device")))


def test_plans_have_guarded_plugins(tmp_path):
    """
    All plugins of a run are guarded.
    """
    plugins = make_plan(conversation_spec(tmp_path, job={"modifiers": ["persona"]})).plugins

    assert isinstance(plugins.strategy, GuardedStrategy)
    assert isinstance(plugins.storage, GuardedStorage)
    assert all(isinstance(modifier, GuardedModifier) for modifier in plugins.modifiers)
