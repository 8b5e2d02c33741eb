"""Counters and histograms of calls for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from budwood.hooks import ObserverSpec, hookimpl
from budwood_prometheus.settings import PrometheusSettings

if TYPE_CHECKING:
    from budwood.contracts import PluginContext
    from budwood_prometheus.observer import PrometheusObserver

__all__ = ["PrometheusObserver", "PrometheusSettings", "budwood_observers"]


def _build(settings: PrometheusSettings, context: PluginContext) -> PrometheusObserver:
    from budwood_prometheus.multiprocess import prepare  # it must run before prometheus_client is imported

    prepare(settings.multiprocess_folder, context.instance)
    from budwood_prometheus.observer import build_observer

    return build_observer(settings)


@hookimpl
def budwood_observers() -> Iterable[ObserverSpec[Any]]:
    """Describe the observer."""
    return [
        ObserverSpec(
            name="prometheus",
            settings=lambda: PrometheusSettings,
            build=_build,
            requires_api=(2, 0),
            summary="Counts requests, attempts, tokens, costs and durations for Prometheus.",
        )
    ]


def __getattr__(name: str) -> object:
    """Import the observer when it is needed."""
    if name == "PrometheusObserver":
        from budwood_prometheus.observer import PrometheusObserver

        return PrometheusObserver
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
