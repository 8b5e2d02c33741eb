"""The page that keeps what `nox -s datasets` finds."""

from __future__ import annotations

import pytest

from tests import datasets_page
from tests.datasets_page import END, PAGE, START

REPORT = """<testsuites><testsuite>
<testcase classname="tests.b" name="test_kills" time="12.6">
<properties><property name="SIGKILL" value="nothing lost"/></properties>
</testcase>
<testcase classname="tests.a" name="test_short" time="0.1"/>
{more}
</testsuite></testsuites>"""


@pytest.fixture
def page(tmp_path, monkeypatch):
    """
    A page with an old table.
    """
    page = tmp_path / "page.md"
    page.write_text(f"# Guarantees\n\n{START}\n| old |\n\n{END}\nThe end.\n", "utf-8")
    monkeypatch.setattr(datasets_page, "PAGE", page)
    return page


def run_with_report(tmp_path, monkeypatch, more=""):
    """Write a report of pytest, and run the program."""
    report = tmp_path / "report.xml"
    report.write_text(REPORT.format(more=more), "utf-8")
    monkeypatch.setattr("sys.argv", ["datasets_page", str(report)])
    datasets_page.main()


def test_the_table_is_replaced(page, tmp_path, monkeypatch):
    """
    It has a row for each property, with the duration of its test. The text around it stays.
    """
    run_with_report(tmp_path, monkeypatch)
    text = page.read_text("utf-8")

    assert "| SIGKILL | nothing lost | 13 |" in text
    assert "old" not in text
    assert text.startswith("# Guarantees\n")
    assert text.endswith("The end.\n")


def test_skipped_tests_leave_the_page_alone(page, tmp_path, monkeypatch):
    """
    A table without them would look complete. The error names each with its reason.
    """
    before = page.read_text("utf-8")
    skipped = '<skipped message="apt-get install python3.11-doc"/>'
    more = f'<testcase classname="tests.a" name="test_docs" time="0">{skipped}</testcase>'

    with pytest.raises(SystemExit, match="test_docs: apt-get install"):
        run_with_report(tmp_path, monkeypatch, more)
    assert page.read_text("utf-8") == before


def test_the_guide_has_a_place_for_the_table():
    """
    It has the marks once.
    """
    text = PAGE.read_text("utf-8")

    assert (text.count(START), text.count(END)) == (1, 1)
