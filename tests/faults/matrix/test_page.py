"""The fault matrix in the documentation is that of the tests."""

from __future__ import annotations

from tests.faults.matrix.page import END, PAGE, START, render, replace_section
from tests.faults.matrix.table import FAULTS


def test_page_is_up_to_date():
    """
    The section of the guide equals the generated one.
    """
    text = PAGE.read_text("utf-8")

    assert START in text
    assert text == replace_section(text), "run python -m tests.faults.matrix.page"


def test_section_has_each_fault():
    """
    Each fault is one row, and the section replaces an older one.
    """
    assert render().count("\n| ") == len(FAULTS) + 1
    assert replace_section(f"# Page\n\n{START}old\n{END}after\n") == f"# Page\n\n{START}{render()}{END}after\n"
