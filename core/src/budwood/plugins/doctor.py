"""Examine all installed plugins, each in a process of its own, so that none can harm the others or us."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic_core import from_json, to_json

from budwood.errors import PluginError
from budwood.hooks import KINDS, Spec
from budwood.names import normalise
from budwood.plugins.discovery import InstalledPlugin, Inventory
from budwood.plugins.registry import Registry, conflict

State = Literal["ok", "disabled", "conflict", "broken"]

SECONDS_PER_PLUGIN: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is the matter with one plugin, and what helps; both are empty where nothing is."""

    kind: str
    name: str
    distribution: str
    version: str
    module: str
    state: State
    summary: str = ""
    problem: str = ""
    hint: str = ""


def examine(registry: Registry, *, timeout: float = SECONDS_PER_PLUGIN) -> Iterable[Finding]:
    """
    Load every installed plugin in a new process and say how that went, one after the other.

    Args:
        registry: Knows what is installed and what is disabled.
        timeout: Seconds after which a plugin that is still loading counts as broken.
    """
    for plugin in registry.inventory.all():
        if registry.is_disabled(plugin):
            yield _finding(plugin, "disabled")
        elif len(claims := registry.claims(plugin.kind, plugin.name)) > 1:
            error = conflict(plugin.kind, plugin.name, claims)
            yield _finding(plugin, "conflict", problem=error.message, hint=error.hint or "")
        else:
            yield _examine_apart(plugin, timeout)


def _examine_apart(plugin: InstalledPlugin, timeout: float) -> Finding:
    command = [sys.executable, "-P", "-c", "from budwood.plugins import doctor; doctor.main()"]
    request = to_json({**plugin._asdict(), "kind": plugin.kind.group})
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(_search_path())}
    try:
        run = subprocess.run(  # noqa: S603 - this interpreter, with our own code
            command, input=request, capture_output=True, timeout=timeout, check=False, env=environment
        )
    except subprocess.TimeoutExpired:
        return _finding(plugin, "broken", problem=f"It is still loading after {timeout:g} seconds.")
    last_line = run.stdout.strip().rpartition(b"\n")[2]
    try:
        state, summary, problem, hint = from_json(last_line)
    except ValueError:
        return _finding(
            plugin, "broken", problem=f"Its process ended with status {run.returncode}: {_tail(run.stderr)}"
        )
    return _finding(plugin, state, summary=summary, problem=problem, hint=hint)


def _search_path() -> list[str]:
    """Return where this process finds modules, without the folder that it happens to be started in."""
    return [folder for folder in sys.path if folder and Path(folder) != Path.cwd()]


def main() -> None:
    """Load the one plugin that standard input describes, and write its state to standard output."""
    fields = from_json(sys.stdin.buffer.read())
    group = fields.pop("kind")
    kind = next(kind for kind in KINDS if kind.group == group)
    plugin = InstalledPlugin(kind=kind, **fields)
    inventory = Inventory({(kind.group, normalise(plugin.name)): (plugin,)})
    try:
        spec: Spec[Any, Any] = Registry(inventory=inventory).load(kind, plugin.name)
        spec.settings()
        answer = ("ok", spec.summary, "", "")
    except PluginError as error:
        answer = ("broken", "", error.message, error.hint or "")
    sys.stdout.buffer.write(b"\n" + to_json(answer) + b"\n")


def _finding(plugin: InstalledPlugin, state: State, *, summary: str = "", problem: str = "", hint: str = "") -> Finding:
    return Finding(
        kind=plugin.kind.label,
        name=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        module=plugin.module,
        state=state,
        summary=summary,
        problem=problem,
        hint=hint,
    )


def _tail(stderr: bytes) -> str:
    return stderr.decode("utf-8", "replace").strip()[-500:]
