"""Property tests: hypothesis strategies and inputs that often break parsers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise
from typing import Final, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budwood.errors import BudwoodError, PluginFaultError

T = TypeVar("T")

HOSTILE_TEXTS: Final = (
    "",
    " \t ",
    "\n\n",
    "\r\n\r\ndata: [DONE]\r\n\r\n",
    "one\u2028two\u2029three\x85four\x0bfive\x1csix",
    "\x00\x01\x7f\x1b[31m",
    "\ufeffbyte order mark",
    "\U0001f600\u200d\U0001f468 e\u0301 \u05d0\u0644",
    '"quoted" \\ {"json": [1, null]} \\u0000 %s {0} ${x}',
    "</passage></document><|im_end|>",
    "trailing space \n",
)
"""Texts that often break parsers and encoders; every property test tries them first."""

MAX_LENGTH: Final = 60


def texts() -> st.SearchStrategy[str]:
    """Return a strategy for any text that UTF-8 can encode."""
    return st.text(st.characters(codec="utf-8"), max_size=MAX_LENGTH)


def json_values() -> st.SearchStrategy[object]:
    """Return a strategy for any JSON value."""
    plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | texts()
    return st.recursive(
        plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(), inner, max_size=3), max_leaves=8
    )


def splits(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """Return a strategy that splits bytes into chunks at any positions."""
    positions = st.lists(st.integers(0, len(data)), max_size=12, unique=True).map(sorted)
    return positions.map(partial(split_at, data))


def split_at(data: bytes, positions: Sequence[int]) -> list[bytes]:
    """Split bytes into chunks at the given positions."""
    return [data[start:end] for start, end in pairwise([0, *positions, len(data)])]


def check_error(error: BudwoodError) -> None:
    """
    Check that an error has a message and is not a `PluginFaultError`.

    The engine raises `PluginFaultError` for exceptions that the contract of a plugin does not allow.
    """
    assert not isinstance(error, PluginFaultError), (
        f"the plugin raised an undocumented exception; raise an error of budwood.errors instead: {error}"
    )
    assert str(error), f"{type(error).__name__} has no message: say what happened"


def error_of(call: Callable[[], object], documented: type[Exception] | tuple[type[Exception], ...], method: str) -> str:
    """
    Call a method of a plugin, and return the text of its error, or an empty string if it raises none.

    An exception other than the documented ones fails the test, with a message that says what to raise instead.
    """
    kinds = documented if isinstance(documented, tuple) else (documented,)
    try:
        call()
    except AssertionError:
        raise
    except kinds as error:
        if isinstance(error, BudwoodError):
            check_error(error)
        return str(error) or repr(error)
    except Exception as error:
        names = " or ".join(kind.__name__ for kind in kinds)
        raise AssertionError(
            f"{method} raised {type(error).__name__}, which its contract does not allow: catch it in the plugin, and "
            f"raise {names} instead. The message was: {error}"
        ) from error
    return ""


def for_all(
    strategy: st.SearchStrategy[T], check: Callable[[T], None], *, always: Iterable[T] = (), examples: int = 30
) -> None:
    """
    Run `check` with each value of `always`, then with values that hypothesis generates.

    Hypothesis rejects test methods that several classes inherit, so the suites call this function instead.
    """
    for value in always:
        check(value)

    @settings(deadline=None, max_examples=examples, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def holds(value: T) -> None:
        check(value)

    holds()
