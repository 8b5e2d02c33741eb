"""``budwood tokens``: how long a prompt is for a model, and what it costs to send."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from budwood_cli import options, terminal

if TYPE_CHECKING:
    from budwood import AskOptions
    from budwood.types import ModelDetails, TokenCount


def tokens(
    prompt: Annotated[
        str | None, typer.Argument(help="The text; standard input is appended to it, or stands for it.")
    ] = None,
    *,
    model: options.Model = None,
    system: options.System = None,
    files: Annotated[
        list[str] | None, typer.Option("-f", "--file", metavar="FILE", help="A text or an image; may be repeated.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no one; needs no key.")] = False,
    json_wanted: options.AsJSON = False,
) -> None:
    """Count the tokens of a prompt, without asking the model."""
    from budwood_cli.clients import client_for
    from budwood_cli.prompts import prompt_of

    said: AskOptions = {}
    if system is not None:
        said["system"] = system
    if files:
        said["files"] = files
    text = prompt_of(prompt)
    with client_for(model) as client:
        count = client.count_tokens(text, offline=offline, **said)
        details = client.model()
    dollars = _dollars(count.input_tokens, details)
    if json_wanted:
        terminal.write_json({**count.model_dump(), "cost": dollars, "context_window": details.facts.context_window})
        return
    terminal.write(f"{count.input_tokens}\n")
    terminal.note(_remark(count, dollars))


def _dollars(tokens: int, details: ModelDetails) -> Decimal | None:
    """Say what the input costs, or None where no price is known."""
    from budwood.types import Usage

    if details.price is None:
        return None
    return details.price.cost(Usage(input_tokens=tokens, output_tokens=0)).dollars


def _remark(count: TokenCount, dollars: Decimal | None) -> str:
    """Say how the count came about, for people."""
    by = {"vendor": "counted by the vendor", "tokenizer": "counted by a tokenizer here"}.get(count.source)
    how = by if count.exact and by else f"estimated: {count.low:,} to {count.high:,}"
    cost = "" if dollars is None else f"; ${dollars:.6f} to send"
    hint = "" if count.hint is None else f"\n{count.hint}"
    return f"{count.provider}/{count.model}: {how}{cost}{hint}"
