"""Report what a suite could not test: in the summary of the run, or as failures."""

from __future__ import annotations

from typing import NoReturn, Protocol

import pytest

from budwood_testing.summary import PROPERTY


class ReportUntested(Protocol):
    """Ends a test for which the suite lacks something, such as an example."""

    def __call__(self, claim: str) -> NoReturn:
        """
        Skip the test and list the claim in the summary of the run. In a strict suite, fail the test.

        Args:
            claim: What was not tested, and what the author can do to test it.
        """
        ...


def make_untested(item: pytest.Item, *, strict: bool) -> ReportUntested:
    """Return the function that ends this test without a result."""

    def end(claim: str) -> NoReturn:
        if strict:
            pytest.fail(f"not tested: {claim}")
        item.user_properties.append((PROPERTY, claim))
        pytest.skip(f"not tested: {claim}")

    return end
