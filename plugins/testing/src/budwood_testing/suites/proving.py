"""Say which claims went unproved: in the summary of a run, or as failures."""

from __future__ import annotations

from typing import NoReturn, Protocol

import pytest

from budwood_testing.summary import PROPERTY


class Unproved(Protocol):
    """Ends a test that cannot prove a claim."""

    def __call__(self, claim: str) -> NoReturn:
        """
        Skip the test, and list the claim in the summary of the run; fail where the suite is strict.

        Args:
            claim: What is not proved, and what its author can do about it.
        """
        ...


def unproved_of(item: pytest.Item, *, strict: bool) -> Unproved:
    """Make the function that ends one test without a proof."""

    def end(claim: str) -> NoReturn:
        if strict:
            pytest.fail(f"unproved: {claim}")
        item.user_properties.append((PROPERTY, claim))
        pytest.skip(f"unproved: {claim}")

    return end
