"""``budwood ask``: one question, one answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from budwood_cli import options, terminal
from budwood_cli.replies import as_json, write_remarks, write_stream, write_text

if TYPE_CHECKING:
    from budwood import AskOptions


def ask(
    prompt: Annotated[
        str | None, typer.Argument(help="What to ask; standard input is appended to it, or stands for it.")
    ] = None,
    *,
    model: options.Model = None,
    system: options.System = None,
    files: Annotated[
        list[str] | None, typer.Option("-f", "--file", metavar="FILE", help="A text or an image; may be repeated.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option("-t", "--temperature", min=0.0, help="How much chance there is in the reply.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=1, help="The most tokens of output.")] = None,
    schema: Annotated[
        Path | None, typer.Option("--schema", metavar="FILE.json", help="A JSON schema that the reply must satisfy.")
    ] = None,
    json_wanted: options.AsJSON = False,
    stream: Annotated[bool, typer.Option("--stream/--no-stream", help="Write the text as it comes.")] = True,
) -> None:
    """Ask a model; its text goes to standard output."""
    from budwood_cli.clients import client_for
    from budwood_cli.prompts import prompt_of

    said = _said(
        system=system,
        files=files or None,
        temperature=temperature,
        max_tokens=max_tokens,
        schema=None if schema is None else _schema(schema),
    )
    text = prompt_of(prompt)
    with client_for(model) as client:
        if stream and not json_wanted and schema is None:
            write_stream(client.stream(text, **said))
            return
        response = client.ask(text, **said)
    if json_wanted:
        terminal.write_json(as_json(response))
    elif schema is not None:
        terminal.write_json(response.parsed)
    else:
        write_text(response.text)
        write_remarks(response)


def _said(**given: object) -> AskOptions:
    return cast("AskOptions", {name: value for name, value in given.items() if value is not None})


def _schema(path: Path) -> dict[str, Any]:
    """Read the file of a schema, or say what is wrong with it as a matter of usage."""
    try:
        schema = json.loads(path.read_bytes())
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}.", param_hint="--schema") from error
    except ValueError as error:
        raise typer.BadParameter(f"{path} is no JSON: {error}.", param_hint="--schema") from error
    if not isinstance(schema, dict):
        raise typer.BadParameter(f"{path} holds no JSON object.", param_hint="--schema")
    return schema
