"""What a plugin gets besides its settings, for tests that make the plugin themselves."""

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
) -> PluginContext:
    """
    Make the context that a plugin gets when Budwood builds it.

    Args:
        instance: The name that users gave to the instance.
        rules: What is known of models, by the model's name; by default nothing is.
        log: Receives the events that the plugin logs; by default they are discarded.
        clock: The time; by default a `FakeClock`, on which nothing waits.
        cache_folder: Where the plugin may keep files; by default a path that does not exist, so that a plugin that
            writes to it fails. Give it pytest's ``tmp_path``.
    """
    from budwood.contracts import PluginContext

    known = rules or {}

    def find_rules(model: str, *, family: str | None = None) -> ModelRules:
        from budwood.types import ModelRules

        return known.get(model) or known.get(family or model) or ModelRules()

    return PluginContext(
        instance=instance,
        rules=find_rules,
        log=log or _discard,
        clock=clock or FakeClock(),
        cache_folder=cache_folder or Path("no-cache-folder-was-given") / instance,
    )


def _discard(event: str, **fields: object) -> None:
    """Receive an event that no test reads."""
