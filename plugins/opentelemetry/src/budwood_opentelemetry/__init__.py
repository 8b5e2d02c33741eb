"""Traces and metrics for OpenTelemetry, by the GenAI semantic conventions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from budwood.hooks import ObserverSpec, hookimpl
from budwood_opentelemetry.settings import OpenTelemetrySettings

if TYPE_CHECKING:
    from budwood.contracts import PluginContext
    from budwood_opentelemetry.observer import OpenTelemetryObserver

__all__ = ["OpenTelemetryObserver", "OpenTelemetrySettings", "budwood_observers"]


def _build(settings: OpenTelemetrySettings, _: PluginContext) -> OpenTelemetryObserver:
    from budwood_opentelemetry.observer import build_observer  # it imports the API of OpenTelemetry

    return build_observer(settings)


@hookimpl
def budwood_observers() -> Iterable[ObserverSpec[Any]]:
    """Describe the observer."""
    return [
        ObserverSpec(
            name="opentelemetry",
            settings=lambda: OpenTelemetrySettings,
            build=_build,
            requires_api=(2, 0),
            summary="Creates OpenTelemetry spans and metrics of calls, attempts and tools.",
        )
    ]


def __getattr__(name: str) -> object:
    """Import the observer when it is needed."""
    if name == "OpenTelemetryObserver":
        from budwood_opentelemetry.observer import OpenTelemetryObserver

        return OpenTelemetryObserver
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
