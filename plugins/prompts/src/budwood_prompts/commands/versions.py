"""``budwood prompts diff|rollback|label|labels``: versions and labels on a server."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from budwood_cli import options, terminal
from budwood_prompts.commands.arguments import Folder, Reference, check_label, split_reference
from budwood_prompts.commands.server import Provider, open_server

COLUMNS: Final = ("label", "version")

ServerName = Annotated[str, typer.Argument(metavar="NAME", help="The name of a prompt of the server.")]
Version = Annotated[int, typer.Argument(metavar="VERSION", min=1, help="The number of a version.")]


def diff(
    reference: Reference,
    old: Annotated[
        str | None, typer.Argument(metavar="OLD", help="Compare this version, a number or a label, …")
    ] = None,
    new: Annotated[str | None, typer.Argument(metavar="NEW", help="… with this one. Default: the newest.")] = None,
    *,
    folder: Folder = "prompts",
    provider: Provider = None,
    json_output: options.AsJSON = False,
) -> None:
    """
    Compare a file with the server, or two versions there.

    The output is a unified diff. NAME@LABEL compares the file with this version instead of the newest.
    """
    name, at = split_reference(reference)
    with open_server("budwood prompts diff", provider, prompt=name) as client:
        if old is not None:
            text = client.prompts.diff(name, old, new if new is not None else at).diff
        else:
            from budwood_prompts.files import diff_prompts
            from budwood_prompts.folder import PromptFolder

            source = PromptFolder(folder)
            local, found = source.load(name), client.prompts.get(name, at=at)
            title = terminal.short_path(source.path / f"{name}.toml")
            text = diff_prompts(found.prompt, local, old_title=f"{name}@{found.version}", new_title=title)
    if json_output:
        terminal.write_json({"diff": text})
    elif text:
        terminal.write(text)
    else:
        terminal.note("no differences")


def roll_back(
    name: ServerName, version: Version, *, provider: Provider = None, json_output: options.AsJSON = False
) -> None:
    """Save an earlier version as the newest. Labels stay where they are."""
    with open_server("budwood prompts rollback", provider, prompt=name) as client:
        saved = client.prompts.roll_back(name, version)
    if json_output:
        terminal.write_json({"name": name, "version": saved.version, "restored": version})
    else:
        terminal.write(f"{name}: version {version} saved as version {saved.version}\n")


def label(
    name: ServerName,
    label: Annotated[str, typer.Argument(metavar="LABEL", help="The label, such as production.")],
    version: Annotated[
        int | None, typer.Argument(metavar="VERSION", min=1, help="The version that gets it. Default: the newest.")
    ] = None,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the label.")] = False,
    provider: Provider = None,
    json_output: options.AsJSON = False,
) -> None:
    """
    Give a label to a version, or remove it.

    The label is taken from the version that had it.
    """
    from budwood_cli.errors import ArgumentError

    check_label(label, "LABEL")
    if remove and version is not None:
        raise ArgumentError("--remove takes no version.", hint=f"Run `budwood prompts label {name} {label} --remove`.")
    with open_server("budwood prompts label", provider, prompt=name) as client:
        if remove:
            client.prompts.unlabel(name, label)
        else:
            version = client.prompts.get(name).version if version is None else version
            client.prompts.label(name, label, version)
    if json_output:
        terminal.write_json({"name": name, "label": label, "version": version})
    else:
        terminal.write(f"{name}: {label} removed\n" if remove else f"{name}: {label} is version {version}\n")


def list_labels(name: ServerName, *, provider: Provider = None, json_output: options.AsJSON = False) -> None:
    """List the labels of a prompt, and the version that each names."""
    with open_server("budwood prompts labels", provider, prompt=name) as client:
        found = client.prompts.get(name)
    if json_output:
        terminal.write_json(found.labels)
    elif found.labels:
        terminal.write_table(COLUMNS, [(each, str(number)) for each, number in found.labels.items()])
    else:
        terminal.note("no labels")
