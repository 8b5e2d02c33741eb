"""The plugin context, for tests that build a plugin directly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from budwood_testing.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budwood.contracts import Clock, EmitLog, PluginContext
    from budwood.types import ModelRules


def plugin_context(
    instance: str,
    *,
    rules: Mapping[str, ModelRules] | None = None,
    log: EmitLog | None = None,
    clock: Clock | None = None,
    cache_folder: Path | None = None,
    data_folder: Path | None = None,
) -> PluginContext:
    """
    Create a `PluginContext` like the one that Budwood passes to a plugin.

    Args:
        instance: The name of the instance.
        rules: The catalog's rules by model name; none by default.
        log: Receives log events of the plugin; by default they are discarded.
        clock: The clock; by default a `FakeClock`, on which sleeping returns immediately.
        cache_folder: A folder for the plugin's files, such as pytest's ``tmp_path``. The default folder does not exist:
            a plugin that writes to it fails.
        data_folder: The same for files that cannot be created again.
    """
    from budwood.contracts import PluginContext

    by_model = rules or {}

    def find_rules(model: str, *, family: str | None = None) -> ModelRules:
        from budwood.types import ModelRules

        return by_model.get(model) or by_model.get(family or model) or ModelRules()

    return PluginContext(
        instance=instance,
        rules=find_rules,
        log=log or _discard,
        clock=clock or FakeClock(),
        cache_folder=cache_folder or Path("missing-cache-folder") / instance,
        data_folder=data_folder or Path("missing-data-folder") / instance,
    )


def _discard(event: str, **fields: object) -> None:
    """Discard a log event."""
