"""Lazy imports of `budwood_testing`, and its errors without pytest."""

import subprocess
import sys

import pytest

import budwood_testing as testing


def run(program):
    """
    Run a program in a new process.
    """
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_transports_load_no_test_library():
    """
    The clock and the transports can be used without pytest and hypothesis.
    """
    result = run("import sys; from budwood_testing import FakeClock, ScriptedTransport; print(*sys.modules)")
    loaded = result.stdout.split()

    assert {"budwood_testing", "budwood_testing.scripted"} <= set(loaded)
    assert set(loaded).isdisjoint({"pytest", "hypothesis", "budwood_testing.suites", "budwood_testing.examples"})


def test_examples_load_no_test_library():
    """
    Examples can be used without pytest and hypothesis.
    """
    loaded = run("import sys; from budwood_testing import OpenAIChatExamples; print(*sys.modules)").stdout.split()

    assert set(loaded).isdisjoint({"pytest", "hypothesis"})


@pytest.mark.parametrize("missing", ["pytest", "hypothesis"])
def test_missing_library_is_named(missing):
    """
    Without pytest or hypothesis, importing a suite says what to install.
    """
    output = run(f"import sys; sys.modules[{missing!r}] = None; from budwood_testing import CacheSuite").stderr

    assert f"ImportError: budwood_testing.CacheSuite requires {missing}. Install it: pip install {missing}" in output


def test_all_public_names_exist():
    """
    Every name in `__all__` can be imported.
    """
    assert [name for name in testing.__all__ if not hasattr(testing, name)] == []


def test_unknown_name_is_an_attribute_error():
    """
    An unknown name raises AttributeError.
    """
    with pytest.raises(AttributeError, match="NoSuchSuite"):
        testing.NoSuchSuite  # noqa: B018 - tests the look-up
