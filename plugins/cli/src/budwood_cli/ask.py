"""``budwood ask``: send one prompt to a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from budwood_cli import options, terminal
from budwood_cli.replies import as_json, write_notes, write_stream, write_text

if TYPE_CHECKING:
    from budwood import AskOptions


def ask(
    prompt: options.Prompt = None,
    *,
    model: options.Model = None,
    system: options.System = None,
    files: Annotated[
        list[str] | None, typer.Option("-f", "--file", metavar="FILE", help="A text or image file. Can be repeated.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option("-t", "--temperature", min=0.0, help="The sampling temperature.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=1, help="Maximum tokens of output.")] = None,
    budget: Annotated[
        float | None, typer.Option("--budget", metavar="DOLLARS", min=0.0, help="The most that the call may cost.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option("--schema", metavar="FILE.json", help="JSON schema for the reply.")
    ] = None,
    json_output: options.AsJSON = False,
    stream: Annotated[bool, typer.Option("--stream/--no-stream", help="Write the text as it arrives.")] = True,
) -> None:
    """Send a prompt to a model, and print the reply."""
    from budwood_cli.clients import client_for
    from budwood_cli.prompts import build_prompt

    ask_options = _without_unset(
        system=system,
        files=files or None,
        temperature=temperature,
        max_tokens=max_tokens,
        budget=budget,
        schema=None if schema is None else _schema(schema),
    )
    text = build_prompt(prompt)
    with client_for(model) as client:
        if stream and not json_output and schema is None:
            write_stream(client.stream(text, **ask_options))
            return
        response = client.ask(text, **ask_options)
    if json_output:
        terminal.write_json(as_json(response))
    elif schema is not None:
        terminal.write_json(response.parsed)
    else:
        write_text(response.text)
        write_notes(response)


def _without_unset(**options: object) -> AskOptions:
    return cast("AskOptions", {name: value for name, value in options.items() if value is not None})


def _schema(path: Path) -> dict[str, Any]:
    """Read a JSON schema from a file; errors are usage errors."""
    try:
        schema = json.loads(path.read_bytes())
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}.", param_hint="--schema") from error
    except ValueError as error:
        raise typer.BadParameter(f"{path} is not valid JSON: {error}.", param_hint="--schema") from error
    if not isinstance(schema, dict):
        raise typer.BadParameter(f"{path} does not contain a JSON object.", param_hint="--schema")
    return schema
