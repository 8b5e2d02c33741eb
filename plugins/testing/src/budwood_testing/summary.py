"""
The summary of claims that were not tested, at the end of a pytest run.

pytest loads this module in every run of an environment that has budwood-testing installed. It therefore imports only
the standard library, and prints nothing unless a suite left a claim untested.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pytest

PROPERTY: Final = "budwood_untested"
"""The name of the test report property that stores a claim; pytest-xdist transfers it between processes."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List each claim once, below its suite, with the tests that were skipped because of it."""
    claims: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for report in terminalreporter.stats.get("skipped", ()):
        for name, claim in getattr(report, "user_properties", ()):
            if name == PROPERTY:
                suite, test = _names(report)
                claims[suite][str(claim)].append(test)
    if not claims:
        return
    terminalreporter.section("claims that were not tested")
    for suite, found in claims.items():
        terminalreporter.line(suite)
        for claim, tests in found.items():
            terminalreporter.line(f"  {claim} ({', '.join(dict.fromkeys(tests))})")
    terminalreporter.line("Set strict = True on a suite to make these tests fail.")


def _names(report: pytest.TestReport) -> tuple[str, str]:
    """Return the suite of a test with its file, and the name of the test without its parameters."""
    suite, _, test = report.nodeid.rpartition("::")
    return suite, test.partition("[")[0]
