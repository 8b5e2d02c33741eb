"""``budwood models``: what the providers offer."""

from __future__ import annotations

from typing import Annotated

import typer

from budwood_cli import options, terminal
from budwood_cli.groups import new_group

app = new_group("Look at the models of a provider.")


@app.command("list")
def list_models(
    provider: Annotated[
        str | None, typer.Argument(help="A provider, as in PROVIDER/MODEL; by default that of the settings' model.")
    ] = None,
    *,
    json_wanted: options.AsJSON = False,
) -> None:
    """List the models of a provider, one a line."""
    from budwood import Client
    from budwood_cli.clients import client_for

    hint = "Name a provider: budwood models list PROVIDER; `budwood plugins list` shows which there are."
    with Client() if provider else client_for(None, hint=hint) as client:
        models = client.models(provider)
    if json_wanted:
        terminal.write_json([model.model_dump(mode="json", exclude={"raw"}) for model in models])
        return
    for model in models:
        terminal.write(f"{model.provider}/{model.id}\n")
