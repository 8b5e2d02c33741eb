"""Errors of plugins are checked, and undocumented ones are explained."""

import pytest

from budwood.errors import PromptError
from budwood_testing.suites.properties import error_of


def raising(error):
    """
    Return a function that raises an error.
    """

    def call():
        raise error

    return call


def test_documented_error_gives_its_message():
    """
    The text of a documented error is returned; an error without text gives its repr.
    """
    assert error_of(raising(OSError("The disk is full.")), OSError, "set()") == "The disk is full."
    assert error_of(raising(OSError()), OSError, "set()") == "OSError()"
    assert error_of(raising(PromptError("It is damaged.")), (OSError, PromptError), "parts()") == "It is damaged."


def test_no_error_gives_an_empty_text():
    """
    A method that raises nothing gives an empty text.
    """
    assert error_of(lambda: None, OSError, "get()") == ""


def test_undocumented_error_is_explained():
    """
    Another exception fails the test with the method, the exception, and what to raise instead.
    """
    with pytest.raises(AssertionError, match=r"get\(\) raised KeyError.*raise OSError or PromptError") as caught:
        error_of(raising(KeyError("x")), (OSError, PromptError), "get()")

    assert isinstance(caught.value.__cause__, KeyError)


def test_budwood_error_needs_a_message():
    """
    A BudwoodError without a message fails the test.
    """
    with pytest.raises(AssertionError, match="has no message"):
        error_of(raising(PromptError("")), PromptError, "parts()")


def test_failed_assertions_are_not_undocumented_errors():
    """
    An assertion inside the call keeps its message.
    """
    with pytest.raises(AssertionError, match=r"^wrong value$"):
        error_of(raising(AssertionError("wrong value")), OSError, "get()")
