from __future__ import annotations

import asyncio
import pickle
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from budwood.errors import BadResponseError, BudwoodError, ConfigurationError, PluginFaultError, PromptError
from budwood.plugins import faults
from budwood.plugins.faults import DecodingBoundary, PluginSource

SOURCE = PluginSource("groq", "budwood-groq", "0.1.0")
BOUNDARIES = [faults.call_boundary, faults.encoding_boundary, faults.decoding_boundary, faults.secret_boundary]


class ForeignPanicError(BaseException):
    """
    An exception of an extension in another language, which is not an `Exception`.
    """


def run(boundary, raised):
    """
    Raise an error inside a boundary and return the error that leaves it.
    """
    with pytest.raises(BaseException) as caught, boundary:  # noqa: PT011 - any error is the subject
        raise raised
    return caught.value


def test_a_fault_names_plugin_distribution_version_and_method():
    """
    The error says where the plugin failed, and to whom to report it.
    """
    error = run(faults.encoding_boundary(SOURCE, "encode"), KeyError("x"))

    assert isinstance(error, PluginFaultError)
    assert error.message == "Plugin 'groq' (budwood-groq 0.1.0) failed in encode(): KeyError: 'x'."
    assert error.hint == "This is a fault in the plugin. Report it to the authors of budwood-groq."
    assert (error.plugin, error.distribution, error.version, error.method) == (*SOURCE, "encode")
    assert isinstance(error.__cause__, KeyError)


def test_a_plugin_of_unknown_origin_has_only_its_name():
    """
    Without a distribution the text has no empty parentheses.
    """
    error = run(faults.call_boundary(PluginSource("groq"), "build"), RuntimeError())

    assert str(error).startswith("Plugin 'groq' failed in build(): RuntimeError. ")


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(
    "raised", [SystemExit(3), GeneratorExit(), StopIteration(7), RecursionError("deep"), ForeignPanicError("panic")]
)
def test_no_error_of_a_plugin_leaves_the_boundary(boundary, raised):
    """
    Errors that would end the program, or a generator of the engine, are converted to faults.
    """
    assert isinstance(run(boundary(SOURCE, "method"), raised), PluginFaultError)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("raised", [KeyboardInterrupt(), asyncio.CancelledError(), ConfigurationError("No.")])
def test_interrupts_and_errors_of_budwood_pass_through(boundary, raised):
    """
    Ctrl-C, a cancelled task and errors of Budwood are not changed.
    """
    assert run(boundary(SOURCE, "method"), raised) is raised


@pytest.mark.parametrize(
    ("raised", "problem"),
    [
        (KeyError("id"), "missing field 'id'"),
        (KeyError(), "KeyError"),
        (IndexError("list index out of range"), "IndexError: list index out of range"),
        (AttributeError("'str' object has no attribute 'get'"), "AttributeError: 'str' object has no attribute 'get'"),
        (TypeError("'NoneType' object is not iterable."), "TypeError: 'NoneType' object is not iterable"),
        (ValueError("not a number"), "ValueError: not a number"),
    ],
)
def test_parsing_errors_are_bad_responses_that_name_the_plugin(raised, problem):
    """
    A reply in an unexpected format is described; the server and the plugin are both named as possible causes.
    """
    error = run(faults.decoding_boundary(SOURCE, "feed"), raised)

    assert isinstance(error, BadResponseError)
    assert error.message == (f"Unexpected response format: {problem}, in feed() of plugin 'groq' (budwood-groq 0.1.0).")
    assert "base_url" not in str(error)
    assert "the authors of budwood-groq" in str(error)
    assert error.retryable is False


def test_a_validation_error_of_a_reply_names_its_field():
    """
    The error has the first field and its message, without the content.
    """

    class Reply(BaseModel):
        count: int

    with pytest.raises(ValidationError) as caught:
        Reply.model_validate({"count": "private"})
    error = run(faults.decoding_boundary(SOURCE, "decode"), caught.value)

    assert "field 'count': Input should be a valid integer" in str(error)
    assert "private" not in str(error)


def test_the_beginning_of_the_reply_is_quoted_and_clipped():
    """
    A boundary that knows the reply quotes its beginning on one line.
    """
    error = run(DecodingBoundary(SOURCE, "decode", b"<html>\n\x1b[31m" + b"x" * 100_000), KeyError("id"))

    assert "Response starts with: <html> [31mxxx" in error.message
    assert len(error.message) < 400


def test_other_errors_of_decoders_are_faults():
    """
    Errors that no reply can cause are not blamed on the server.
    """
    assert isinstance(
        run(faults.decoding_boundary(SOURCE, "feed"), ZeroDivisionError("division by zero")), PluginFaultError
    )


def test_text_that_cannot_be_encoded_is_a_prompt_error():
    """
    Unpaired surrogates are an error of the caller, however they are serialised.
    """
    for serialise in ("\ud800".encode, lambda: to_json("\ud800")):
        with pytest.raises(PromptError, match="cannot be sent"), faults.encoding_boundary(SOURCE, "encode"):
            serialise()


def test_a_fault_of_authorize_does_not_contain_the_secret():
    """
    The error has the type and the line. The text may contain the key, and is not in the traceback either.
    """
    secret = "sk-secret"

    with pytest.raises(PluginFaultError) as caught, faults.secret_boundary(SOURCE, "authorize"):
        raise KeyError(secret)

    assert "KeyError at test_faults.py:" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert secret not in "".join(traceback.format_exception(caught.value))


def test_a_fault_can_be_pickled():
    """
    All fields are restored in another process.
    """
    error = run(faults.encoding_boundary(SOURCE, "encode"), KeyError("x"))
    copied = pickle.loads(pickle.dumps(error))

    assert (str(copied), vars(copied)) == (str(error), vars(error))


def test_boundaries_are_created_once_and_shared_by_threads():
    """
    A boundary has no state: one object serves all calls of a method, also concurrent ones.
    """
    boundary = faults.decoding_boundary(SOURCE, "feed")
    assert faults.decoding_boundary(PluginSource(*SOURCE), "feed") is boundary

    with ThreadPoolExecutor(4) as pool:
        errors = list(pool.map(lambda number: run(boundary, KeyError(number)), range(100)))

    assert [error.message.partition(",")[0].rpartition(" ")[2] for error in errors] == [str(n) for n in range(100)]


def test_a_boundary_costs_two_python_calls():
    """
    If the method does not fail, only `__enter__` and `__exit__` run.
    """
    faults.encoding_boundary(SOURCE, "encode")
    calls = []

    sys.setprofile(lambda frame, event, _: calls.append(frame.f_code.co_name) if event == "call" else None)
    try:
        with faults.encoding_boundary(SOURCE, "encode"):
            pass
    finally:
        sys.setprofile(None)

    assert calls == ["__enter__", "__exit__"]


def test_a_wrapped_function_is_called_inside_a_boundary():
    """
    Every later call of a stored method is inside it.
    """
    divide = faults.wrap(SOURCE, "divide", lambda a, *, b: a / b)

    assert divide(6, b=3) == 2
    with pytest.raises(PluginFaultError, match=r"divide\(\): ZeroDivisionError"):
        divide(6, b=0)


def test_faults_are_errors_of_budwood():
    """
    Programs that catch Budwood's errors catch faults of plugins.
    """
    assert issubclass(PluginFaultError, BudwoodError)
