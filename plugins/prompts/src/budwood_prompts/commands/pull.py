"""``budwood prompts pull``: write the prompts of a server into a folder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from budwood_cli import options, terminal
from budwood_cli.errors import PartialError
from budwood_prompts.commands.arguments import Folder, split_reference
from budwood_prompts.commands.server import Provider, open_server

if TYPE_CHECKING:
    from budwood_prompts.folder import PromptFolder
    from budwood_server.api_models.prompts import PromptReply
    from budwood_server.client import GatewayClient

Status = Literal["written", "replaced", "unchanged", "kept"]


class Pulled(NamedTuple):
    """
    What was done with a file.

    Attributes:
        name: The name of the prompt.
        status: ``"kept"`` if the file differs and was not replaced.
        version: The version of the server.
    """

    name: str
    status: Status
    version: int


def pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="A prompt, or NAME@LABEL, or NAME@VERSION. Default: the newest of all."),
    ] = None,
    *,
    folder: Folder = "prompts",
    force: Annotated[bool, typer.Option("--force", help="Replace files that differ.")] = False,
    provider: Provider = None,
    json_output: options.AsJSON = False,
) -> None:
    """
    Write the prompts of a server into a folder.

    A file that differs is kept, and the exit status is 7, unless --force is given.
    """
    from budwood_prompts.folder import PromptFolder

    source = PromptFolder(folder)
    only = split_reference(names[0])[0] if names and len(names) == 1 else None
    with open_server("budwood prompts pull", provider, prompt=only) as client:
        found = list(_find(client, names))
    results = [_write(source, each, force=force) for each in found]
    if json_output:
        terminal.write_json([result._asdict() for result in results])
    else:
        for result in results:
            terminal.write(f"{result.name}: {result.status}, version {result.version}\n")
        if not results:
            terminal.note("no prompts")
    _report_kept([result.name for result in results if result.status == "kept"])


def _find(client: GatewayClient, names: list[str] | None) -> Iterable[PromptReply]:
    if not names:
        return client.prompts.list()
    return [client.prompts.get(name, at=at) for name, at in map(split_reference, names)]


def _write(source: PromptFolder, found: PromptReply, *, force: bool) -> Pulled:
    from budwood_prompts.errors import InvalidPromptError, PromptNotFoundError

    name = found.prompt.name
    try:
        is_equal = source.load(name) == found.prompt
        status: Status = "unchanged" if is_equal else "replaced"
    except PromptNotFoundError:
        status = "written"
    except InvalidPromptError:
        status = "replaced"
    if status == "replaced" and not force:
        status = "kept"
    if status in {"written", "replaced"}:
        source.save(found.prompt)
    return Pulled(name, status, found.version)


def _report_kept(names: list[str]) -> None:
    if names:
        raise PartialError(
            f"Kept {terminal.format_count(len(names), 'file')} with other contents: {', '.join(names)}.",
            hint=f"Compare with `budwood prompts diff {names[0]}`, and replace with --force.",
        )
