"""``budwood plugins``: list, check and create plugins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.groups import new_group
from budwood_cli.scaffold.kinds import Family, KindOfPlugin

if TYPE_CHECKING:
    from budwood.plugins import InstalledPlugin, Registry
    from budwood.plugins.survey import Copy, Survey

SECONDS_PER_PLUGIN: Final = 10.0
COLUMNS: Final = ("kind", "name", "distribution", "version", "state")

app = new_group("List, check and create plugins.")


@app.command("list")
def list_plugins(*, layout: options.Format = None, json_output: options.AsJSON = False) -> None:
    """List installed plugins and presets. No plugin is imported."""
    survey, registry = _survey()
    rows = [_row(plugin, _state(plugin, registry), survey.copy_of(plugin)) for plugin in registry.inventory.all()]
    for copy in survey.list_shadowed():
        rows += [_row(plugin, "shadowed", copy) for plugin in copy.plugins]
    rows += _presets(survey, registry)
    if json_output or layout is terminal.Layout.JSON:
        terminal.write_json(rows)
    else:
        terminal.write_table(COLUMNS, [[row[column] for column in COLUMNS] for row in rows], layout=layout)


def _state(plugin: InstalledPlugin, registry: Registry) -> str:
    from budwood.plugins.registry import incompatibility

    if registry.is_disabled(plugin):
        return "disabled"
    if len(registry.claims(plugin.kind, plugin.name)) > 1:
        return "conflict"
    return "installed" if incompatibility(plugin) is None else "incompatible"


def _presets(survey: Survey, registry: Registry) -> list[dict[str, object]]:
    """Return a row for each preset: a provider that needs no section in the settings."""
    from budwood.hooks import PROVIDER
    from budwood.plugins import load_presets

    rows = []
    for name, preset in sorted(load_presets().items()):
        plugins = registry.claims(PROVIDER, preset.plugin)
        if len(plugins) == 1 and not registry.inventory.find(PROVIDER, name):
            rows.append(_row(plugins[0], "preset", survey.copy_of(plugins[0])) | {"name": name})
    return rows


def _row(plugin: InstalledPlugin, state: str, copy: Copy | None) -> dict[str, object]:
    return {
        "kind": plugin.kind.label,
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "module": plugin.module,
        "state": state,
        "patterns": plugin.patterns,
        "folder": str(copy.folder) if copy else None,
        "editable": copy.is_editable if copy else None,
    }


@app.command("doctor")
def doctor(
    *,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", callback=options.check_positive, metavar="SECONDS", help="Time limit for each plugin."
        ),
    ] = SECONDS_PER_PLUGIN,
    layout: options.Format = None,
    json_output: options.AsJSON = False,
) -> None:
    """Check that every plugin works. Each is imported and built in a process of its own."""
    from dataclasses import asdict

    from budwood.errors import PluginError
    from budwood.plugins.doctor import examine

    survey, registry = _survey()
    findings = list(examine(registry, survey, timeout=timeout))
    if json_output or layout is terminal.Layout.JSON:
        terminal.write_json([asdict(finding) for finding in findings])
    else:
        columns = (*COLUMNS, "problem")
        terminal.write_table(
            columns, [[getattr(finding, column) for column in columns] for finding in findings], layout=layout
        )
        for finding in findings:
            if finding.hint:
                terminal.note(f"hint: {finding.name}: {finding.hint}")
    failed = [finding.name for finding in findings if finding.problem]
    if failed:
        raise PluginError(f"{terminal.format_count(len(failed), 'plugin')} failed: {', '.join(failed)}.")


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name that users type, as in NAME/model.")],
    *,
    kind: Annotated[KindOfPlugin, typer.Option("--kind", "-k", help="The kind of plugin.")],
    family: Annotated[
        Family, typer.Option(help="For providers: an API of its own, an OpenAI-compatible API, or local models.")
    ] = Family.OWN,
    module: Annotated[
        str | None, typer.Option(metavar="MODULE", help="The Python module. Default: budwood_NAME.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The folder to create. Default: ./budwood-NAME.")
    ] = None,
    json_output: options.AsJSON = False,
) -> None:
    """Create the package of a new plugin, with tests. No file is overwritten."""
    from budwood_cli.scaffold.names import Names
    from budwood_cli.scaffold.packages import Package
    from budwood_cli.scaffold.steps import next_steps

    if family is not Family.OWN and kind is not KindOfPlugin.PROVIDER:
        raise typer.BadParameter("only providers have a family", param_hint="--family")
    package = Package(names=Names.of(name, module), kind=kind, family=family)
    target = Path(package.names.distribution) if folder is None else folder
    written = package.write(target)
    if json_output:
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


def _survey() -> tuple[Survey, Registry]:
    """Read the metadata of all distributions, and return the registry of those that Python would import."""
    from budwood import Settings
    from budwood.plugins import Registry
    from budwood.plugins.survey import take_survey

    survey = take_survey()
    return survey, Registry(Settings.load().disabled, survey.inventory)
