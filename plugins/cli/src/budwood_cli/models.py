"""``budwood models``: what the providers offer."""

from __future__ import annotations

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
