"""``budwood prompts push``: save the prompts of a folder on a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from budwood_cli import options, terminal
from budwood_prompts.commands.arguments import Folder, Names, check_label
from budwood_prompts.commands.server import Provider, open_server

if TYPE_CHECKING:
    from budwood_prompts.prompt import Prompt
    from budwood_server.api_models.prompts import PromptReply
    from budwood_server.client import GatewayClient


class Pushed(NamedTuple):
    """
    What was done with a prompt.

    Attributes:
        name: Its name.
        status: Whether a version was saved.
        version: The version with this content.
        label: The label that the version was given; None if none was asked for, or it had it.
        dry_run: Whether it was only determined, and not done.
    """

    name: str
    status: Literal["saved", "unchanged"]
    version: int
    label: str | None
    dry_run: bool

    def describe(self) -> str:
        """Return it as a line for people."""
        would = "would be " if self.dry_run else ""
        saved = f"{would}saved as version" if self.status == "saved" else "unchanged, version"
        label = f", {would}labelled {self.label}" if self.label else ""
        return f"{self.name}: {saved} {self.version}{label}\n"


def push(
    names: Names = None,
    *,
    folder: Folder = "prompts",
    label: Annotated[
        str | None,
        typer.Option("--label", metavar="LABEL", help="Give this label to the versions, such as production."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be saved, and change nothing.")] = False,
    provider: Provider = None,
    json_output: options.AsJSON = False,
) -> None:
    """
    Save the prompts of a folder on a server.

    Each that differs from its newest version there becomes a new version. Labels stay where they are without --label.
    """
    from budwood_prompts.folder import PromptFolder

    check_label(label, "--label")
    source = PromptFolder(folder)
    prompts = [source.load(name) for name in names or source.names()]
    with open_server("budwood prompts push", provider) as client:
        results = _push_all(client, prompts, label, dry_run=dry_run)
        if json_output:
            terminal.write_json([result._asdict() for result in results])
            return
        done = 0
        for result in results:
            terminal.write(result.describe())
            done += result.status == "saved"
    verb = "to save" if dry_run else "saved"
    terminal.note(f"{terminal.format_count(done, 'prompt')} {verb}, {len(prompts) - done} unchanged")


def _push_all(
    client: GatewayClient, prompts: Sequence[Prompt], label: str | None, *, dry_run: bool
) -> Iterator[Pushed]:
    kept = {found.prompt.name: found for found in client.prompts.list()}
    for prompt in prompts:
        yield _push(client, prompt, kept.get(prompt.name), label, dry_run=dry_run)


def _push(
    client: GatewayClient, prompt: Prompt, newest: PromptReply | None, label: str | None, *, dry_run: bool
) -> Pushed:
    version, labels = (newest.version, newest.labels) if newest is not None else (0, {})
    status: Literal["saved", "unchanged"] = "unchanged"
    if newest is None or newest.prompt != prompt:
        status = "saved"
        version = version + 1 if dry_run else client.prompts.save(prompt).version
    missing = label if label is not None and labels.get(label) != version else None
    if missing is not None and not dry_run:
        client.prompts.label(prompt.name, missing, version)
    return Pushed(prompt.name, status, version, missing, dry_run)
