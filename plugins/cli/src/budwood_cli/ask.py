"""``budwood ask``: send one prompt to a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from budwood_cli import options, terminal
from budwood_cli.call_options import Extra, Pairs, read_options
from budwood_cli.errors import ArgumentError
from budwood_cli.replies import as_json, write_notes, write_stream, write_text


def ask(
    prompt: options.Prompt = None,
    *,
    model: options.Model = None,
    system: options.System = None,
    files: options.Files = None,
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
    cache: Annotated[
        str | None,
        typer.Option("--cache", metavar="MODE", help="off, refresh (store a new reply), or only (send nothing)."),
    ] = None,
    further: Pairs = None,
    extra: Extra = None,
    stale: Annotated[bool, typer.Option("--stale", help="Print a stored reply also if it is stale.")] = False,
    json_output: options.AsJSON = False,
    stream: Annotated[bool, typer.Option("--stream/--no-stream", help="Write the text as it arrives.")] = True,
) -> None:
    """Send a prompt to a model, and print the reply."""
    from budwood import Client
    from budwood_cli.clients import client_for
    from budwood_cli.prompts import build_prompt, open_files

    ask_options = read_options(
        Client.ask,
        further,
        extra,
        system=system,
        files=open_files(files or ()) or None,
        temperature=temperature,
        max_tokens=max_tokens,
        budget=budget,
        schema=None if schema is None else _schema(schema),
        cache=_cache_mode(cache, stale=stale),
    )
    text = build_prompt(prompt, files or ())
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


def _cache_mode(mode: str | None, *, stale: bool) -> bool | str:
    """Return the option ``cache``. A stale reply would not be requested again, because the program ends."""
    if mode is None:
        return True if stale else "fresh"
    if mode in ("refresh", "only"):
        return mode
    if mode == "off":
        return False
    raise ArgumentError(
        f"--cache {mode!r} is not a mode.",
        hint="The modes are off, refresh and only. The cache itself is `cache` in budwood.toml, or BUDWOOD_CACHE.",
    )


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
