"""``budwood ask``: send one prompt to a model."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from budwood_cli import options, stored_prompts
from budwood_cli.call_options import Extra, Pairs, option_errors, read_options
from budwood_cli.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from budwood import ChatSession, Client
    from budwood_cli.conversations import StoredConversation

_LAST: Final = ""
"""In place of the id of a conversation: the last one."""


def ask(
    prompt: options.Prompt = None,
    *,
    name: stored_prompts.Name = None,
    values: stored_prompts.Values = None,
    model: options.Model = None,
    system: options.System = None,
    files: options.Files = None,
    continues: Annotated[bool, typer.Option("-c", "--continue", help="Continue the last conversation.")] = False,
    conversation: options.ConversationID = None,
    save: Annotated[bool, typer.Option("--save/--no-save", help="Keep the conversation, for -c.")] = True,
    schema: Annotated[
        str | None,
        typer.Option(
            "--schema",
            metavar="SCHEMA",
            help="The form of the reply: FILE.json, JSON, MODULE:TYPE, or 'name, age int'.",
        ),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option("-t", "--temperature", callback=options.check_not_negative, help="The sampling temperature."),
    ] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=1, help="Maximum tokens of output.")] = None,
    seed: options.Seed = None,
    budget: Annotated[
        float | None,
        typer.Option(
            "--budget", metavar="DOLLARS", callback=options.check_positive, help="The most that the call may cost."
        ),
    ] = None,
    timeout: options.Timeout = None,
    base_url: options.BaseURL = None,
    cache: Annotated[
        str | None,
        typer.Option("--cache", metavar="MODE", help="off, refresh (store a new reply), or only (send nothing)."),
    ] = None,
    stale: Annotated[bool, typer.Option("--stale", help="Print a stored reply also if it is stale.")] = False,
    further: Pairs = None,
    extra: Extra = None,
    output: options.Output = None,
    force: options.Force = False,
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="plain|table|json|jsonl", help="The form; table needs a schema."),
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON document, with usage and cost.")] = False,
    json_lines: Annotated[
        bool, typer.Option("--jsonl", help="Print each event as a line of JSON as it arrives; the last is the reply.")
    ] = False,
    stream: Annotated[bool, typer.Option("--stream/--no-stream", help="Write the text as it arrives.")] = True,
) -> None:
    """Send a prompt to a model, and print the reply."""
    from budwood import Client
    from budwood_cli.conversations import keep
    from budwood_cli.prompts import build_prompt, open_files
    from budwood_cli.reply_outputs import ReplyOutput
    from budwood_cli.reply_schemas import read_schema

    flags = [name for name, is_given in (("json", json_output), ("jsonl", json_lines)) if is_given]
    form_of_reply = None if schema is None else read_schema(schema)
    target = ReplyOutput(output, form=form, flags=flags, schema=form_of_reply, force=force)
    ask_options = read_options(
        Client.ask,
        further,
        extra,
        system=system,
        files=open_files(files or ()) or None,
        temperature=temperature,
        max_tokens=max_tokens,
        seed=seed,
        budget=budget,
        timeout=timeout,
        schema=form_of_reply,
        cache=_cache_mode(cache, stale=stale),
    )
    variables = stored_prompts.read_variables(name, values, prompt)
    text = name or build_prompt(prompt, files or (), is_optional=bool(files))
    continued = _LAST if conversation is None and continues else conversation
    opened = _open_session(model, base_url, continued, ask_options)
    errors = stored_prompts.variable_errors(variables)
    with option_errors(further, ask_options), errors, opened as (client, session, stored):
        response = target.receive(session, text, variables, stream=stream)
        kept = keep(client, session, stored) if save else None
    target.finish(response, kept, is_written=stream and target.can_stream)


@contextmanager
def _open_session(
    model: str | None, base_url: str | None, continued: str | None, ask_options: dict[str, Any]
) -> Iterator[tuple[Client, ChatSession, StoredConversation]]:
    """
    Yield a client, and the conversation in which it asks.

    Args:
        model: The value of ``-m``, if any.
        base_url: The value of ``--base-url``, if any.
        continued: The id of a stored conversation, or `_LAST`; None for a new one.
        ask_options: The options of the call.
    """
    from budwood_cli.clients import client_for
    from budwood_cli.conversations import find_conversation, new_conversation, open_session

    if continued is None:
        with client_for(model, base_url=base_url) as client:
            yield client, client.chat(**ask_options), new_conversation()
        return
    stored = find_conversation(continued or None)
    with client_for(model or stored.model, base_url=base_url) as client:
        session = open_session(client, stored, **ask_options)
        session.model = model or session.model
        yield client, session, stored


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
