"""``budwood models``: list, show and pull models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.errors import NoModelError
from budwood_cli.groups import new_group

if TYPE_CHECKING:
    from budwood_cli.details import KnownModel

COLUMNS: Final = ("model", "context", "input $/M", "cached $/M", "output $/M")
"""Prices are in US dollars per million tokens."""

app = new_group("List, show and pull models.")


@app.command("list")
def list_models(
    provider: Annotated[
        str | None, typer.Argument(help="A provider, as in PROVIDER/MODEL. Default: that of the model in the settings.")
    ] = None,
    *,
    details: Annotated[bool, typer.Option("--long", "-l", help="Add context window and prices, if known.")] = False,
    layout: options.Format = None,
    json_output: options.AsJSON = False,
) -> None:
    """List the models of a provider, one per line."""
    from budwood import Client, Settings
    from budwood_cli.details import as_row, look_up

    if provider is None and Settings.load().model is None:
        raise NoModelError(
            "No provider given.",
            hint="Name a provider: `budwood models list PROVIDER`. `budwood plugins list` lists the providers.",
        )
    with Client() as client:
        models = [look_up(client, model) for model in client.models(provider)]
    _save(models)
    if json_output or layout is terminal.Layout.JSON:
        terminal.write_json([model.as_json() for model in models])
    elif details or layout is terminal.Layout.TABLE:
        terminal.write_table(COLUMNS, [as_row(model) for model in models], numbers=COLUMNS[1:], layout=layout)
    else:
        for model in models:
            terminal.write(f"{model.address}\n")


def _save(models: Sequence[KnownModel]) -> None:
    """Save the names for completion."""
    from budwood_cli.model_lists import save_model_list

    if models:
        save_model_list(models[0].info.provider, [model.info.id for model in models])


@app.command("show")
def show_model(
    model: Annotated[
        str | None, typer.Argument(metavar="PROVIDER/MODEL", help="The model. Default: the one in the settings.")
    ] = None,
    *,
    json_output: options.AsJSON = False,
) -> None:
    """Show limits, capabilities and prices of a model. Nothing is sent."""
    from budwood import Settings
    from budwood.plugins import list_known_models
    from budwood_cli.clients import client_for
    from budwood_cli.details import description_lines

    with client_for(model, hint="Name a model: `budwood models show PROVIDER/MODEL`.") as client:
        details = client.model(model)
    if json_output:
        terminal.write_json(details.model_dump(mode="json"))
        return
    for name, value in description_lines(details, list_known_models(Settings.load(), details.provider)):
        terminal.write(f"{name:<16}{value}\n")


@app.command("pull")
def pull_model(
    model: Annotated[str, typer.Argument(metavar="PROVIDER/MODEL", help="The model, as in ollama/llama3.2.")],
    *,
    json_output: Annotated[bool, typer.Option("--json", help="Print every step as a line of JSON.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a server download a model, and print its name. A download that was interrupted continues."""
    from budwood import Client
    from budwood_cli import pull_progress

    show_progress = pull_progress.show_progress(quiet=quiet or json_output)
    with Client() as client, client.pull(model) as steps, show_progress as show:
        try:
            for step in steps:
                show(step)
                if json_output:
                    terminal.write_json(asdict(step))
        except KeyboardInterrupt:
            terminal.note("stopped: the server keeps what it downloaded. Run the same command to continue.")
            raise
    if not json_output:
        terminal.write(f"{model}\n")
