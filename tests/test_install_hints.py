"""Errors name no distribution of this project as one of an index: none is published there yet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(file for folder in ("core/src", "plugins") for file in (ROOT / folder).rglob("*.py"))
FROM_INDEX = re.compile(r"pip install (?:-\S+ )*[\"'\\]*budwood[-\w]*\[")


def test_hints_name_the_library_that_is_missing_and_no_extra_of_this_project() -> None:
    """`docs/installing.md` warns of packages of an index that are named ``budwood``."""
    found = [str(file.relative_to(ROOT)) for file in SOURCES if FROM_INDEX.search(file.read_text("utf-8"))]
    assert found == []


@pytest.mark.parametrize("text", ['pip install "budwood[keyring]"', r"pip install 'budwood-server[redis]'"])
def test_the_pattern_finds_such_hints(text: str) -> None:
    """A hint with an extra of a distribution is found, with either quotes."""
    assert FROM_INDEX.search(text)
