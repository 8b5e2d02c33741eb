"""A commented specification, for ``budwood generate --init``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

NO_MODEL: Final = "provider/model"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateValues:
    """
    Values of a new specification; those that are not given are defaults, or comments.

    Attributes:
        rows: Number of rows.
        output: The output.
        documents: Patterns of documents.
        model: The model that answers.
        asker: The model that asks.
        turns: Number of turns.
        system: The system message.
        schema: The name of a file with a JSON schema, for structured rows.
        instruction: The instruction for structured rows.
    """

    rows: int = 100
    output: str = "dataset.jsonl"
    documents: list[str] = field(default_factory=list)
    model: str = NO_MODEL
    asker: str | None = None
    turns: int = 1
    system: str | None = None
    schema: str | None = None
    instruction: str | None = None


def write_template(values: TemplateValues) -> str:
    """Return a specification in TOML, with comments that explain its keys."""
    job = _row(values) if values.schema or values.instruction else _conversation(values)
    return "\n".join([*_general(values), "", *_documents(values), "", *job]) + "\n"


def _general(values: TemplateValues) -> Iterator[str]:
    yield "# The specification of a dataset. Paths are relative to this file."
    yield "# `budwood generate FILE --dry-run` shows the plan and the cost, `--pilot 10` creates the first 10 rows."
    yield ""
    yield f"rows = {values.rows}"
    yield "seed = 0  # of all random choices"
    yield f"output = {_quote(values.output)}  # a file, a bucket or a database"
    yield "# concurrency = 16  # the most calls at a time"
    yield "# attempts = 3  # the most replies for one call, if they cannot be used"
    yield "# patience = 900  # seconds to wait for an endpoint that is unavailable"


def _documents(values: TemplateValues) -> Iterator[str]:
    mark = "" if values.documents else "# "
    yield f"{mark}[documents]"
    yield f"{mark}paths = {_quote(values.documents or ['docs/**/*.md'])}"
    yield '# exclude = ["**/drafts/**"]'
    yield '# code = "keep"  # or "drop": code blocks and tables'
    yield "# strict = false  # true: a document that cannot be read stops the run"
    yield "# passage_chars = 1200  # approximate length of a passage"


def _conversation(values: TemplateValues) -> Iterator[str]:
    yield "[conversation]"
    yield f"turns = {values.turns}  # or [minimum, maximum]"
    yield f"answerer = {_quote(values.model)}  # writes the answers"
    yield _optional("asker", values.asker, values.model, "writes the questions; by default the answerer")
    yield _optional("system", values.system, "You are a helpful assistant.", "is part of every row")
    yield from _strategy(values)
    yield ""
    yield from _options("conversation.answerer_options")
    yield '# reasoning = "drop"  # or "field" or "tags": where the reasoning of the model goes'


def _row(values: TemplateValues) -> Iterator[str]:
    yield "[row]"
    yield f"model = {_quote(values.model)}"
    if values.schema:
        yield f"schema = {_quote(values.schema)}"
    else:
        yield 'schema = { type = "object", properties = { summary = { type = "string" } }, required = ["summary"] }'
    yield f"instruction = {_quote(values.instruction or 'Summarise the passage.')}"
    yield _optional("system", values.system, "You are a careful editor.")
    yield from _strategy(values)
    yield ""
    yield from _options("row.options")


def _strategy(values: TemplateValues) -> Iterator[str]:
    """Without documents, the strategy needs seeds of its own."""
    if values.documents:
        yield 'strategy = "document-questions"  # or "seed-list" or "persona"'
        yield '# modifiers = ["document-context"]  # what the answering model sees besides the conversation'
        return
    yield 'strategy = { plugin = "seed-list", seeds = ["Why is the sky blue?"] }  # or seeds = { file = "seeds.txt" }'


def _options(table: str) -> Iterator[str]:
    yield f"# [{table}]"
    yield "# temperature = 0.7"
    yield "# max_tokens = 1000"


def _optional(key: str, value: str | None, example: str, comment: str = "") -> str:
    line = f"# {key} = {_quote(example)}" if value is None else f"{key} = {_quote(value)}"
    return f"{line}  # {comment}" if comment else line


def _quote(value: str | list[str]) -> str:
    """Return a value in TOML. Its texts and lists are written as in JSON."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
