"""
Examine one plugin. The doctor runs this module in a separate process.

Standard input describes the plugin. Each line of the output is a JSON object: the step that starts, and at the end the
result.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from pydantic_core import from_json, to_json

from budwood.errors import BudwoodError, PluginError
from budwood.hooks import KINDS
from budwood.names import normalise
from budwood.plugins import faults
from budwood.plugins.building import settings_model
from budwood.plugins.discovery import InstalledPlugin, Inventory
from budwood.plugins.instances import Instances
from budwood.plugins.registry import Registry
from budwood.settings import Settings
from budwood.settings_sources import Source

Report = Callable[[dict[str, str]], None]


def main() -> None:
    """Examine the plugin that standard input describes. Redirect what the plugin prints to standard error."""
    fields = from_json(sys.stdin.buffer.read())
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def report(answer: dict[str, str]) -> None:
        os.write(answers, to_json(answer) + b"\n")

    kind = next(kind for kind in KINDS if kind.group == fields["kind"])
    plugin = InstalledPlugin(**{**fields, "kind": kind, "patterns": tuple(fields["patterns"])})
    report(examine_plugin(plugin, report))
    os._exit(0)  # do not wait for threads and exit handlers of the plugin


def examine_plugin(plugin: InstalledPlugin, report: Report) -> dict[str, str]:
    """Import a plugin, build it with its default settings and close it; return the fields of a `Finding`."""
    registry = Registry(inventory=Inventory({(plugin.kind.group, normalise(plugin.name)): (plugin,)}))
    method = "import"

    def start(name: str) -> None:
        nonlocal method
        method = name
        report({"method": name})

    try:
        start("import")
        spec: Any = registry.load(plugin.kind, plugin.name)
        start("settings")
        with faults.call_boundary(plugin.source, "settings"):
            settings_model(spec, plugin.source).model_json_schema()
        start("build")
        note = _build(plugin, registry, start)
    except PluginError as error:
        return {"state": "broken", "method": method, "problem": error.message, "hint": error.hint or ""}
    return {"state": "ok", "summary": str(spec.summary), "note": note}


def _build(plugin: InstalledPlugin, registry: Registry, start: Callable[[str], None]) -> str:
    """Build the plugin and close it; return the reason if it cannot be built with its default settings."""
    instances = Instances(Settings(Source("the doctor", {})), registry)
    try:
        instance = instances.build(plugin.kind, plugin.name)
        close = getattr(instance.implementation, "close", None)
        if callable(close):
            start("close")
            with faults.call_boundary(plugin.source, "close"):
                close()
    except PluginError:
        raise
    except BudwoodError as error:  # such as a required setting
        return error.message
    return ""


if __name__ == "__main__":
    main()
