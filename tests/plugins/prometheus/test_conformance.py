"""The observer in the conformance suites of the test kit."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

import budwood_prometheus.observer
from budwood_prometheus import PrometheusObserver
from budwood_testing import ObserverSuite, PackagingSuite


class TestObserver(ObserverSuite):
    plugin = "prometheus"

    @pytest.fixture(autouse=True)
    def use_registries(self, monkeypatch):
        """
        Give each observer a registry of its own; by default they share the global one.
        """
        self.registries = {}

        def build(settings):
            registry = CollectorRegistry()
            observer = PrometheusObserver(registry, labels=settings.labels, max_values=settings.max_values)
            self.registries[observer] = registry
            return observer

        monkeypatch.setattr(budwood_prometheus.observer, "build_observer", build)

    def state(self, observer):
        """
        The values of all metrics.
        """
        return {
            (sample.name, *sorted(sample.labels.items())): round(sample.value, 6)
            for metric in self.registries[observer].collect()
            for sample in metric.samples
            if not sample.name.endswith("_created")
        }


class TestPackage(PackagingSuite):
    distribution = "budwood-prometheus"
