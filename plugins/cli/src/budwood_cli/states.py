"""``budwood keys list`` and ``budwood endpoints``: what a process knows of them before it sends anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.errors import ArgumentError
from budwood_cli.groups import new_group
from budwood_cli.last_errors import add_last_errors

if TYPE_CHECKING:
    from budwood import Client, Settings

KEY_COLUMNS: Final = ("endpoint", "label", "group", "state", "limits")
ENDPOINT_COLUMNS: Final = ("name", "provider", "url", "state", "limits")

Providers = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[PROVIDER]...", help="Providers, as in PROVIDER/MODEL. Default: those with a key or in the settings."
    ),
]
Format = Annotated[
    str | None,
    typer.Option("--format", metavar="FORMAT", help='table, json, plain, or a line for each: "{label} {state}".'),
]

keys = new_group("List the API keys in the settings, by their labels.")


@keys.command("list")
def list_keys(providers: Providers = None, *, line_format: Format = None, json_output: options.AsJSON = False) -> None:
    """
    List labels, groups and limits of the keys. Neither keys nor parts of them are printed, and nothing is sent.

    If calls are recorded, the last error of each key is shown as well.
    """
    rows = _collect(providers, lambda client, provider: client.keys(provider), "keys list")
    columns = add_last_errors(
        rows, lambda row, failure: (row["endpoint"], row["label"]) == (failure.endpoint, failure.key)
    )
    if not rows:
        terminal.note(
            "no keys: store one with `budwood tokens add`, or set the vendor's variable, or api_key or keys in a "
            "provider's section of budwood.toml."
        )
    _write(rows, (*KEY_COLUMNS, *columns), line_format, json_output=json_output)


def endpoints(providers: Providers = None, *, line_format: Format = None, json_output: options.AsJSON = False) -> None:
    """
    List the endpoints in the settings. They are providers with their backups; nothing is sent.

    If calls are recorded, the last error of each endpoint is shown as well.
    """
    rows = _collect(providers, lambda client, provider: client.endpoints(provider), "endpoints")
    columns = add_last_errors(rows, lambda row, failure: row["name"] == failure.endpoint)
    _write(rows, (*ENDPOINT_COLUMNS, *columns), line_format, json_output=json_output)


def _collect(
    providers: Sequence[str] | None, states: Callable[[Client, str], Sequence[Any]], command: str
) -> list[dict[str, Any]]:
    """
    Return the states of providers as rows. One of the settings that cannot be used is reported and left out.

    Raises:
        ConfigurationError: No provider is configured.
        BudwoodError: A provider that the user named cannot be used.
    """
    from budwood import Client, Settings
    from budwood.errors import BudwoodError, ConfigurationError

    settings = Settings.load()
    names = providers or _list_configured(settings)
    if not names:
        raise ConfigurationError("No provider is configured.", hint=f"Name one: `budwood {command} PROVIDER`.")
    rows: list[dict[str, Any]] = []
    with Client(settings=settings) as client:
        for provider in names:
            try:
                rows += [asdict(state) for state in states(client, provider)]
            except BudwoodError as error:
                if providers:
                    raise
                terminal.note(f"{provider}: {error}")
    return rows


def _list_configured(settings: Settings) -> list[str]:
    """Return the providers of the models in the settings, those with a section, and those with a key."""
    from budwood_cli.key_sources import list_providers_with_keys

    models = [model for model in (settings.model, *settings.options.fallbacks) if model]
    named = [*(model.partition("/")[0] for model in models), *settings.instance_names("providers")]
    return list(dict.fromkeys((*named, *list_providers_with_keys())))


def _write(
    rows: Sequence[dict[str, Any]], columns: Sequence[str], line_format: str | None, *, json_output: bool
) -> None:
    """
    Print rows as JSON, by a format, or as a table.

    Raises:
        ArgumentError: The format is not valid, or names a field that does not exist.
    """
    if json_output or line_format == terminal.Layout.JSON:
        terminal.write_json(rows)
        return
    cells = [{name: _cell(value) for name, value in row.items()} for row in rows]
    if line_format is None or line_format in set(terminal.Layout):
        layout = None if line_format is None else terminal.Layout(line_format)
        terminal.write_table(columns, [[row[column] for column in columns] for row in cells], layout=layout)
        return
    for row in cells:
        try:
            line = line_format.format_map(row)
        except (KeyError, ValueError, IndexError, AttributeError, TypeError):
            raise ArgumentError(
                f"The format {line_format!r} is not valid.", hint=f"The fields are {', '.join(row)}, in braces."
            ) from None
        terminal.write(line + "\n")


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={inner}" for name, inner in value.items())
    return "" if value is None else str(value)
