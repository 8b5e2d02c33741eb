"""Properties: what holds for any text and any bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
"""Texts at which readers and writers break; they are tried before any that are drawn."""

LONGEST: Final = 60


def texts() -> st.SearchStrategy[str]:
    """Draw any text that UTF-8 can hold."""
    return st.text(st.characters(codec="utf-8"), max_size=LONGEST)


def json_values() -> st.SearchStrategy[object]:
    """Draw any value that JSON can hold."""
    plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | texts()
    return st.recursive(
        plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(), inner, max_size=3), max_leaves=8
    )


def splits(whole: bytes) -> st.SearchStrategy[list[bytes]]:
    """Cut bytes into pieces, at any places."""
    places = st.lists(st.integers(0, len(whole)), max_size=12, unique=True).map(sorted)
    return places.map(lambda cuts: cut(whole, cuts))


def cut(whole: bytes, places: Sequence[int]) -> list[bytes]:
    """Cut bytes at these places."""
    return [whole[start:end] for start, end in pairwise([0, *places, len(whole)])]


def check_error(error: BudwoodError) -> None:
    """
    Check an error that a plugin may raise: it has a text for users, and does not hide a crash of the plugin.

    The engine turns whatever else a plugin raises into a `PluginFaultError`, so that such an error is a fault here.
    """
    assert not isinstance(error, PluginFaultError), error
    assert str(error)


def for_all(
    drawn: st.SearchStrategy[T], check: Callable[[T], None], *, always: Iterable[T] = (), examples: int = 30
) -> None:
    """
    Check values that are always tried, then values that hypothesis draws.

    The test that hypothesis sees is made here, and not a method of the suite: it would refuse one that several classes
    inherit.
    """
    for value in always:
        check(value)

    @settings(deadline=None, max_examples=examples, database=None, suppress_health_check=list(HealthCheck))
    @given(drawn)
    def holds(value: T) -> None:
        check(value)

    holds()
