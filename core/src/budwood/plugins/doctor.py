"""Examine all installed plugins, each in its own process, so that they cannot affect one another or this process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic_core import from_json, to_json

from budwood.plugins.discovery import InstalledPlugin
from budwood.plugins.registry import Registry, conflict
from budwood.plugins.survey import Survey

State = Literal["ok", "disabled", "conflict", "broken", "shadowed"]

SECONDS_PER_PLUGIN: Final = 10.0

MAX_PROCESSES: Final = 4
"""The maximum number of plugins that are examined at the same time."""

_HOMES: Final = (
    "HOME",
    "USERPROFILE",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "APPDATA",
    "LOCALAPPDATA",
    "BUDWOOD_CACHE_DIR",
    "BUDWOOD_CONFIG_DIR",
    "BUDWOOD_DATA_DIR",
    "BUDWOOD_STATE_DIR",
)
"""Variables for the folders of a user's files. They are set to a temporary folder while a plugin is examined."""

_STEPS: Final = {"import": "importing its module", "build": "build()", "settings": "settings()", "close": "close()"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    The result for one plugin or one distribution.

    Attributes:
        kind: The kind of plugin; ``distribution`` for a problem of a whole distribution.
        name: The name of the plugin.
        distribution: The distribution that contains it.
        version: The version of the distribution.
        module: The module that was imported.
        state: The state of the plugin.
        method: The step that failed: ``import``, ``settings``, ``build`` or ``close``; empty if none failed.
        summary: The plugin's own description.
        problem: What happened; empty if there is no problem.
        hint: What to do about the problem.
        note: The reason why it was not built, such as a required setting; empty if it was built.
    """

    kind: str
    name: str
    distribution: str
    version: str
    module: str
    state: State
    method: str = ""
    summary: str = ""
    problem: str = ""
    hint: str = ""
    note: str = ""


def examine(
    registry: Registry,
    survey: Survey | None = None,
    *,
    timeout: float = SECONDS_PER_PLUGIN,
    processes: int | None = None,
) -> Iterator[Finding]:
    """
    Import every installed plugin and build it with its default settings, each in its own process.

    Args:
        registry: The installed and the disabled plugins.
        survey: The metadata of all distributions, whose problems are reported as well.
        timeout: Seconds after which a plugin that has not finished counts as broken.
        processes: The number of processes at the same time; by default one per processor, at most `MAX_PROCESSES`.

    Yields:
        A finding for each plugin, in the order of `Inventory.all`, then one for each problem of a distribution.
    """
    workers = processes or min(os.cpu_count() or 1, MAX_PROCESSES)
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(lambda plugin: _examine(registry, plugin, timeout), registry.inventory.all())
    for copy, problem in survey.list_problems() if survey else ():
        yield Finding(
            kind="distribution",
            name=copy.name,
            distribution=copy.name,
            version=copy.version,
            module="",
            state="shadowed" if copy.shadowed_by else "broken",
            problem=problem.summary,
            hint=problem.hint,
        )


def _examine(registry: Registry, plugin: InstalledPlugin, timeout: float) -> Finding:
    if registry.is_disabled(plugin):
        return _make_finding(plugin, state="disabled")
    claims = registry.claims(plugin.kind, plugin.name)
    if len(claims) > 1:
        error = conflict(plugin.kind, plugin.name, claims)
        return _make_finding(plugin, state="conflict", problem=error.message, hint=error.hint or "")
    with tempfile.TemporaryDirectory(prefix="budwood-doctor-", ignore_cleanup_errors=True) as home:
        return _examine_in_process(plugin, timeout, home)


def _examine_in_process(plugin: InstalledPlugin, timeout: float, home: str) -> Finding:
    command = [sys.executable, "-P", "-m", "budwood.plugins.examination"]
    environment = os.environ | dict.fromkeys(_HOMES, home) | {"PYTHONPATH": os.pathsep.join(_search_path())}
    try:
        run = subprocess.run(  # noqa: S603 - this interpreter runs our own module
            command,
            input=to_json({**plugin._asdict(), "kind": plugin.kind.group}),
            capture_output=True,
            timeout=timeout,
            check=False,
            env=environment,
            cwd=home,
        )
    except subprocess.TimeoutExpired as expired:
        method = _last_report(expired.stdout or b"").get("method", "import")
        problem = f"{_name_of(plugin, method)} did not finish within {timeout:g} seconds."
        return _make_broken(plugin, method, problem)
    report = _last_report(run.stdout)
    if "state" in report:
        return _make_finding(plugin, **report)
    method = report.get("method", "import")
    problem = f"{_name_of(plugin, method)} ended its process with status {run.returncode}: {_tail(run.stderr)}"
    return _make_broken(plugin, method, problem)


def _name_of(plugin: InstalledPlugin, method: str) -> str:
    return f"Plugin {plugin.source.label}: {_STEPS[method]}"


def _last_report(stdout: bytes) -> dict[str, Any]:
    """Return the last complete line that the process wrote."""
    lines = stdout.rpartition(b"\n")[0].splitlines()
    report: dict[str, Any] = from_json(lines[-1]) if lines else {}
    return report


def _search_path() -> list[str]:
    """Return the module search path of this process, without the current folder."""
    return [str(Path(folder).absolute()) for folder in sys.path if folder and Path(folder) != Path.cwd()]


def _make_broken(plugin: InstalledPlugin, method: str, problem: str) -> Finding:
    hint = f"This is a fault in the plugin. Report it to {plugin.source.authors}."
    return _make_finding(plugin, state="broken", method=method, problem=problem, hint=hint)


def _make_finding(plugin: InstalledPlugin, *, state: State, **details: str) -> Finding:
    return Finding(
        kind=plugin.kind.label,
        name=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        module=plugin.module,
        state=state,
        **details,
    )


def _tail(stderr: bytes) -> str:
    return stderr.decode("utf-8", "replace").strip()[-500:]
