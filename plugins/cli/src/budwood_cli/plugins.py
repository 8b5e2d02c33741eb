"""``budwood plugins``: what is installed, whether it works, and how to begin one."""

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

app = new_group("Look at the installed plugins, or begin one of your own.")


@app.command("list")
def list_plugins(*, json_wanted: options.AsJSON = False) -> None:
    """List the installed plugins, and the presets that use them. No plugin is imported."""
    survey, registry = _survey()
    rows = [_row(plugin, _state(plugin, registry), survey.copy_of(plugin)) for plugin in registry.inventory.all()]
    for copy in survey.shadowed():
        rows += [_row(plugin, "shadowed", copy) for plugin in copy.plugins]
    rows += _presets(survey, registry)
    if json_wanted:
        terminal.write_json(rows)
    else:
        terminal.write_table(COLUMNS, [[row[column] for column in COLUMNS] for row in rows])


def _state(plugin: InstalledPlugin, registry: Registry) -> str:
    from budwood.plugins.registry import incompatibility

    if registry.is_disabled(plugin):
        return "disabled"
    if len(registry.claims(plugin.kind, plugin.name)) > 1:
        return "conflict"
    return "installed" if incompatibility(plugin) is None else "incompatible"


def _presets(survey: Survey, registry: Registry) -> list[dict[str, object]]:
    """Return a row for each preset of a provider: a name that works in PROVIDER/MODEL without a section in settings."""
    from budwood.hooks import PROVIDER
    from budwood.plugins import presets

    rows = []
    for name, preset in sorted(presets().items()):
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
        float, typer.Option(min=0.1, metavar="SECONDS", help="How long one plugin may take.")
    ] = SECONDS_PER_PLUGIN,
    json_wanted: options.AsJSON = False,
) -> None:
    """Import and build every plugin, each in a process of its own, and say what is wrong with it."""
    from dataclasses import asdict

    from budwood.errors import PluginError
    from budwood.plugins.doctor import examine

    survey, registry = _survey()
    findings = list(examine(registry, survey, timeout=timeout))
    if json_wanted:
        terminal.write_json([asdict(finding) for finding in findings])
    else:
        columns = (*COLUMNS, "problem")
        terminal.write_table(columns, [[getattr(finding, column) for column in columns] for finding in findings])
        for finding in findings:
            if finding.hint:
                terminal.note(f"hint: {finding.name}: {finding.hint}")
    failed = [finding.name for finding in findings if finding.problem]
    if failed:
        raise PluginError(f"The doctor found {len(failed)} problems, of {', '.join(failed)}.")


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


def _survey() -> tuple[Survey, Registry]:
    """Read the metadata of all distributions, and make the registry of those that Python imports."""
    from budwood import Settings
    from budwood.plugins import Registry
    from budwood.plugins.survey import take_survey

    survey = take_survey()
    return survey, Registry(Settings.load().disabled, survey.inventory)
