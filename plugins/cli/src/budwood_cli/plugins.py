"""``budwood plugins``: what is installed, and whether it works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budwood_cli import options, terminal
from budwood_cli.groups import new_group

if TYPE_CHECKING:
    from budwood.plugins import Registry

COLUMNS: Final = ("kind", "name", "distribution", "version", "state")

app = new_group("Look at the installed plugins.")


@app.command("list")
def list_plugins(*, json_wanted: options.AsJSON = False) -> None:
    """List the installed plugins. None of them is imported."""
    registry = _registry()
    rows = []
    for plugin in registry.inventory.all():
        claims = registry.inventory.find(plugin.kind, plugin.name)
        usable = [claim for claim in claims if not registry.is_disabled(claim)]
        state = "disabled" if plugin not in usable else "conflict" if len(usable) > 1 else "installed"
        rows.append(
            {
                "kind": plugin.kind.label,
                "name": plugin.name,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "module": plugin.module,
                "state": state,
            }
        )
    if json_wanted:
        terminal.write_json(rows)
    else:
        terminal.write_table(COLUMNS, [[row[column] for column in COLUMNS] for row in rows])


@app.command("doctor")
def doctor(*, json_wanted: options.AsJSON = False) -> None:
    """Load every plugin, each in a process of its own, and say what is wrong with it."""
    from dataclasses import asdict

    from budwood.errors import PluginError
    from budwood.plugins.doctor import examine

    findings = list(examine(_registry()))
    if json_wanted:
        terminal.write_json([asdict(finding) for finding in findings])
    else:
        columns = (*COLUMNS, "problem")
        terminal.write_table(columns, [[getattr(finding, column) for column in columns] for finding in findings])
        for finding in findings:
            if finding.hint:
                terminal.note(f"hint: {finding.name}: {finding.hint}")
    ill = [finding.name for finding in findings if finding.problem]
    if ill:
        raise PluginError(f"{len(ill)} of {len(findings)} plugins cannot be used: {', '.join(ill)}.")


def _registry() -> Registry:
    from budwood import Settings
    from budwood.plugins import Registry

    return Registry(Settings.load().disabled)
