"""``budwood models``: what the providers offer."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.groups import new_group

COLUMNS: Final = ("model", "context", "input", "cached", "output")

app = new_group("Look at the models of a provider.")


@app.command("list")
def list_models(
    provider: Annotated[
        str | None, typer.Argument(help="A provider, as in PROVIDER/MODEL; by default that of the settings' model.")
    ] = None,
    *,
    details: Annotated[
        bool, typer.Option("--long", "-l", help="With context window and prices, as far as the catalog knows them.")
    ] = False,
    json_wanted: options.AsJSON = False,
) -> None:
    """List the models of a provider, one a line."""
    from budwood import Client
    from budwood_cli.clients import client_for
    from budwood_cli.details import as_row, known

    hint = "Name a provider: budwood models list PROVIDER; `budwood plugins list` shows which there are."
    with Client() if provider else client_for(None, hint=hint) as client:
        models = [known(client, model) for model in client.models(provider)]
    if json_wanted:
        terminal.write_json([model.as_json() for model in models])
    elif details:
        terminal.write_table(COLUMNS, [as_row(model) for model in models])
    else:
        for model in models:
            terminal.write(f"{model.address}\n")


@app.command("show")
def show_model(
    model: Annotated[
        str | None, typer.Argument(metavar="PROVIDER/MODEL", help="By default the settings' model.")
    ] = None,
    *,
    json_wanted: options.AsJSON = False,
) -> None:
    """Say what is known of a model: limits, abilities, rules, prices, end. Nothing is sent."""
    from budwood_cli.clients import client_for
    from budwood_cli.details import lines

    with client_for(model, hint="Name one: budwood models show PROVIDER/MODEL.") as client:
        details = client.model(model)
    if json_wanted:
        terminal.write_json(details.model_dump(mode="json"))
        return
    for name, value in lines(details):
        terminal.write(f"{name:<16}{value}\n")


@app.command("pull")
def pull_model(
    model: Annotated[str, typer.Argument(metavar="PROVIDER/MODEL", help="The model, as in ollama/llama3.2.")],
    *,
    json_wanted: Annotated[
        bool, typer.Option("--json", help="Write every step as a line of JSON, for programs.")
    ] = False,
    quiet: options.Quiet = False,
) -> None:
    """Have a server fetch a model; its name goes to standard output. A pull that was stopped goes on where it was."""
    from budwood import Client
    from budwood_cli import pulling

    with Client() as client, client.pull(model) as steps, pulling.shown(quiet=quiet or json_wanted) as show:
        try:
            for step in steps:
                show(step)
                if json_wanted:
                    terminal.write_json(asdict(step))
        except KeyboardInterrupt:
            terminal.note("stopped: the server keeps what it has, and the same command goes on from there.")
            raise
    if not json_wanted:
        terminal.write(f"{model}\n")
