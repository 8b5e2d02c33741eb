"""Errors of strategies, modifiers and storages name the plugin."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace

import pytest

from budwood.errors import PluginFaultError
from budwood.plugins.faults import PluginSource
from budwood.types import Cell
from budwood_generation import make_plan
from budwood_generation.guards import GuardedModifier, GuardedStorage, GuardedStrategy
from tests.datasets import conversation_spec

CELL = Cell(id="c", index=0, turns=1)

CALLS = {
    "plan": lambda instance: GuardedStrategy(instance).plan((), 1, Random(1)),
    "instruct": lambda instance: GuardedStrategy(instance).instruct(CELL, (), Random(1)),
    "modify": lambda instance: GuardedModifier(instance).modify((), CELL),
    "write": lambda instance: GuardedStorage(instance).write(()),
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


def test_a_generator_of_drafts_is_guarded():
    """
    A generator runs when it is read, which must happen inside the guard.
    """

    def plan(*_args):
        yield None
        raise KeyError("x")

    strategy = GuardedStrategy(SimpleNamespace(implementation=SimpleNamespace(plan=plan), source=PluginSource("acme")))

    with pytest.raises(PluginFaultError, match=r"failed in plan\(\)"):
        strategy.plan((), 2, Random(1))


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
        CALLS["write"](instance("write", OSError(28, "No space left on device")))


def test_plans_have_guarded_plugins(tmp_path):
    """
    All plugins of a run are guarded.
    """
    plugins = make_plan(conversation_spec(tmp_path, job={"modifiers": ["persona"]})).plugins

    assert isinstance(plugins.strategy, GuardedStrategy)
    assert isinstance(plugins.storage, GuardedStorage)
    assert all(isinstance(modifier, GuardedModifier) for modifier in plugins.modifiers)
