"""What `budwood_testing` costs, and what it says where pytest is missing."""

import subprocess
import sys

import pytest

import budwood_testing as testing


def run(program):
    """
    Run a program in a process of its own.
    """
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_transport_brings_no_test_library():
    """
    Programs use its clock and its transport without pytest and hypothesis.
    """
    shown = run("import sys; from budwood_testing import FakeClock, ScriptedTransport; print(*sys.modules)")
    shown = shown.stdout.split()

    assert {"budwood_testing", "budwood_testing.scripted"} <= set(shown)
    assert set(shown).isdisjoint({"pytest", "hypothesis", "budwood_testing.suites", "budwood_testing.examples"})


def test_examples_need_no_test_library():
    """
    What a vendor writes can be of use elsewhere.
    """
    shown = run("import sys; from budwood_testing import OpenAIChatExamples; print(*sys.modules)").stdout.split()

    assert set(shown).isdisjoint({"pytest", "hypothesis"})


@pytest.mark.parametrize("missing", ["pytest", "hypothesis"])
def test_missing_library_is_named_with_its_cure(missing):
    """
    Whoever wants a suite is told what to install.
    """
    said = run(f"import sys; sys.modules[{missing!r}] = None; from budwood_testing import CacheSuite").stderr

    assert f"ImportError: budwood_testing.CacheSuite needs {missing}: pip install 'budwood[testing]'." in said


def test_every_name_can_be_had():
    """
    What the list of names promises is there.
    """
    assert [name for name in testing.__all__ if not hasattr(testing, name)] == []


def test_unknown_name_is_an_attribute_error():
    """
    As of any module.
    """
    with pytest.raises(AttributeError, match="NoSuchSuite"):
        testing.NoSuchSuite  # noqa: B018 - the look-up is what is tested
