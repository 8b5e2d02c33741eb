"""``budwood count``: count the tokens of a prompt, and estimate its cost."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from budwood_cli import options, terminal

if TYPE_CHECKING:
    from budwood import AskOptions
    from budwood.types import ModelDetails, TokenCount


def count(
    prompt: options.Prompt = None,
    *,
    model: options.Model = None,
    system: options.System = None,
    files: options.Files = None,
    timeout: options.Timeout = None,
    base_url: options.BaseURL = None,
    offline: Annotated[bool, typer.Option("--offline", help="Count locally. Needs no key.")] = False,
    json_output: options.AsJSON = False,
) -> None:
    """Count the tokens of a prompt."""
    from budwood_cli.clients import client_for
    from budwood_cli.prompts import build_prompt, open_files

    ask_options: AskOptions = {}
    if system is not None:
        ask_options["system"] = system
    if files:
        ask_options["files"] = open_files(files)
    if timeout is not None:
        ask_options["timeout"] = timeout
    text = build_prompt(prompt, files or (), is_optional=bool(files))
    with client_for(model, base_url=base_url) as client:
        counted = client.count_tokens(text, offline=offline, **ask_options)
        details = client.model()
    dollars = _input_cost(counted.input_tokens, details)
    if json_output:
        terminal.write_json({**counted.model_dump(), "cost": dollars, "context_window": details.facts.context_window})
        return
    terminal.write(f"{counted.input_tokens}\n")
    terminal.note(_describe_count(counted, dollars))


def _input_cost(tokens: int, details: ModelDetails) -> Decimal | None:
    """Return the cost of the input in US dollars, or None if no price is known."""
    from budwood.types import Usage

    if details.price is None:
        return None
    return details.price.cost(Usage(input_tokens=tokens, output_tokens=0)).dollars


def _describe_count(count: TokenCount, dollars: Decimal | None) -> str:
    """Return how the tokens were counted, and the cost."""
    by = {"vendor": "counted by the vendor", "tokenizer": "counted by a local tokenizer"}.get(count.source)
    how = by if count.exact and by else f"estimated: {count.low:,} to {count.high:,}"
    cost = "" if dollars is None else f"; ${dollars:.6f} to send"
    hint = "" if count.hint is None else f"\n{count.hint}"
    return f"{count.provider}/{count.model}: {how}{cost}{hint}"
