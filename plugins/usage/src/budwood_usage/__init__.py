"""A record of every call: tokens, cost, durations and errors, without prompts and replies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from budwood.hooks import ObserverSpec, hookimpl
from budwood_usage.settings import UsageSettings

if TYPE_CHECKING:
    from budwood.contracts import PluginContext
    from budwood_usage.observer import UsageObserver

__all__ = ["UsageSettings", "budwood_observers"]


def _build(settings: UsageSettings, context: PluginContext) -> UsageObserver:
    from budwood_usage.observer import build_observer  # it imports sqlite3

    return build_observer(settings, context)


@hookimpl
def budwood_observers() -> Iterable[ObserverSpec[Any]]:
    """Describe the usage store."""
    return [
        ObserverSpec(
            name="usage",
            settings=lambda: UsageSettings,
            build=_build,
            requires_api=(2, 0),
            summary="Records tokens, cost, durations and errors of every call.",
        )
    ]
