"""README.md lists the reports that the markers name."""

from __future__ import annotations

import re

from tests.reports.listing import FOLDER, README, read_reports, render


def test_the_readme_lists_every_report():
    """
    README.md is up to date; run `tests/reports/listing.py` after a change.
    """
    assert README.read_text(encoding="utf-8") == render()


def test_every_report_has_a_source_and_an_outcome():
    """
    A source is an issue or a pull request of a repository, and the outcome is "right" or "mended".
    """
    reports = [report for file in FOLDER.glob("test_*.py") for report in read_reports(file)]

    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", report.source) for report in reports)
    assert {report.outcome for report in reports} <= {"right", "mended"}
