"""The usage store in the conformance suites of the test kit."""

from __future__ import annotations

import uuid

from budwood.types import CallFilter
from budwood_testing import ObserverSuite, PackagingSuite


class TestUsage(ObserverSuite):
    plugin = "usage"

    def settings(self, folder):
        """
        A file for each observer.
        """
        return {"path": folder / f"{uuid.uuid4()}.sqlite3"}

    def state(self, observer):
        """
        The totals, after what has been collected is written.
        """
        observer.flush()
        return observer.totals(("model", "error"), CallFilter())


class TestPackage(PackagingSuite):
    distribution = "budwood-usage"
