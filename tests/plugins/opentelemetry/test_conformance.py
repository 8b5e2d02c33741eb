"""The observer in the conformance suites of the test kit."""

from __future__ import annotations

import pytest

import budwood_opentelemetry.observer
from budwood_testing import ObserverSuite, PackagingSuite


class TestObserver(ObserverSuite):
    plugin = "opentelemetry"

    @pytest.fixture(autouse=True)
    def use_sdk(self, make_telemetry, monkeypatch):
        """
        Give each observer an SDK of its own; by default they share the global one.
        """
        self.telemetry = {}

        def build(settings):
            telemetry = make_telemetry(content=settings.content, headers=settings.headers)
            self.telemetry[telemetry.observer] = telemetry
            return telemetry.observer

        monkeypatch.setattr(budwood_opentelemetry.observer, "build_observer", build)

    def state(self, observer):
        """
        The number of spans and of measurements, with their sums.
        """
        telemetry = self.telemetry[observer]
        names = ("gen_ai.client.operation.duration", "gen_ai.client.token.usage")
        points = [telemetry.points(name) for name in names]
        return len(telemetry.spans), [
            sorted((point.count, round(point.sum, 6)) for _, point in each) for each in points
        ]


class TestObserverWithContent(TestObserver):
    keeps_content = True

    def settings(self, folder):
        """
        Content on, headers off.
        """
        return {"content": True, "headers": False}


class TestPackage(PackagingSuite):
    distribution = "budwood-opentelemetry"
