"""
The summary of claims that went unproved, at the end of a run of pytest.

pytest loads this module in every run in an environment that holds budwood-testing, so it imports nothing besides the
standard library, and prints nothing where no suite left a claim unproved.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pytest

PROPERTY: Final = "budwood_unproved"
"""The property of a test's report that holds a claim; reports cross from the processes of pytest-xdist with it."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List each claim once, below the class of its tests, with the tests that were skipped for it."""
    claims: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for report in terminalreporter.stats.get("skipped", ()):
        for name, claim in getattr(report, "user_properties", ()):
            if name == PROPERTY:
                suite, test = _names(report)
                claims[suite][str(claim)].append(test)
    if not claims:
        return
    terminalreporter.section("claims that went unproved")
    for suite, found in claims.items():
        terminalreporter.line(suite)
        for claim, tests in found.items():
            terminalreporter.line(f"  {claim} ({', '.join(dict.fromkeys(tests))})")
    terminalreporter.line("strict = True on a suite makes them failures.")


def _names(report: pytest.TestReport) -> tuple[str, str]:
    """Name the suite that a test belongs to, with its file, and the test without its parameters."""
    suite, _, test = report.nodeid.rpartition("::")
    return suite, test.partition("[")[0]
