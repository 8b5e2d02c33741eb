"""``budwood plugins``: what is installed, whether it works, and how to begin one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.groups import new_group
from budwood_cli.scaffold.kinds import Family, KindOfPlugin

if TYPE_CHECKING:
    from budwood.plugins import Registry

COLUMNS: Final = ("kind", "name", "distribution", "version", "state")

app = new_group("Look at the installed plugins, or begin one of your own.")


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


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What users will type, as in NAME/model.")],
    *,
    kind: Annotated[KindOfPlugin, typer.Option("--kind", "-k", help="What kind of plugin it is.")],
    family: Annotated[
        Family, typer.Option(help="Of a provider: an API of its own, that of OpenAI, or models inside the process.")
    ] = Family.OWN,
    module: Annotated[
        str | None, typer.Option(metavar="MODULE", help="What is imported; by default budwood_NAME.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where to write; by default budwood-NAME, here.")
    ] = None,
    json_wanted: options.AsJSON = False,
) -> None:
    """Write the package of a new plugin, which works, and has tests that prove it. Nothing is overwritten."""
    from budwood_cli.scaffold.names import Names
    from budwood_cli.scaffold.packages import Package
    from budwood_cli.scaffold.steps import next_steps

    if family is not Family.OWN and kind is not KindOfPlugin.PROVIDER:
        raise typer.BadParameter("only a provider has a family", param_hint="--family")
    package = Package(names=Names.of(name, module), kind=kind, family=family)
    target = Path(package.names.distribution) if folder is None else folder
    written = package.write(target)
    if json_wanted:
        terminal.write_json(
            {
                "name": package.names.name,
                "kind": kind.value,
                "distribution": package.names.distribution,
                "module": package.names.module,
                "group": package.group,
                "folder": target,
                "files": written,
            }
        )
    else:
        terminal.write(f"{target}\n")
        terminal.note(next_steps(package, target))


def _registry() -> Registry:
    from budwood import Settings
    from budwood.plugins import Registry

    return Registry(Settings.load().disabled)
