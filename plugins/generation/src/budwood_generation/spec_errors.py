"""Errors in a specification: what is wrong, and where a misplaced or foreign key belongs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from budwood.errors import ConfigurationError
from budwood.settings import describe_problems
from budwood_generation.placeholders import find_line

_SYNONYMS: Final = {
    **dict.fromkeys(("count", "limit", "n", "num_rows", "number", "samples", "size"), "rows"),
    **dict.fromkeys(("out", "output_file", "output_path", "path"), "output"),
    **dict.fromkeys(("format", "exporter", "output_format"), "storage"),
    **dict.fromkeys(("batch_size", "max_concurrency", "num_workers", "parallel", "threads", "workers"), "concurrency"),
    **dict.fromkeys(("docs", "document", "files", "sources"), "paths"),
    **dict.fromkeys(("chunk_chars", "chunk_size", "passage_size"), "passage_chars"),
    **dict.fromkeys(("max_turns", "min_turns", "num_turns", "rounds"), "turns"),
    **dict.fromkeys(("system_message", "system_prompt"), "system"),
    **dict.fromkeys(("instructions", "prompt", "prompt_template", "template"), "instruction"),
    **dict.fromkeys(("json_schema", "output_schema", "response_format", "response_model"), "schema"),
    **dict.fromkeys(("max_completion_tokens", "max_new_tokens", "max_output_tokens"), "max_tokens"),
    **dict.fromkeys(("stop_sequences", "stop_words"), "stop"),
    "effort": "reasoning_effort",
    **dict.fromkeys(("max_retries", "num_retries"), "retries"),
    **dict.fromkeys(("request_timeout", "timeout_seconds"), "timeout"),
    "extra_body": "extra",
}
"""The key for names that other programs use."""

_MODELS: Final = 'Set conversation.answerer = "provider/model", and asker if another model asks, or row.model.'
_CONNECTION: Final = "Set it in budwood.toml, in the section of the provider: [providers.NAME]."
_STRATEGY: Final = 'Set it in the strategy, such as strategy = { plugin = "seed-list", seeds = ["…"] }.'
_RECORDS: Final = (
    'Set seeds in the strategy, such as strategy = { plugin = "seed-list", seeds = { file = "seeds.csv" } }.'
)
_QUESTIONS: Final = (
    'The strategy writes the questions. For your own, set strategy = { plugin = "seed-list", seeds = ["…"] }.'
)
_TOOLS: Final = "Datasets with tool calls are not supported."
_HINTS: Final = {
    **dict.fromkeys(("deployment", "engine", "generator", "model", "model_name", "models", "teacher"), _MODELS),
    **dict.fromkeys(("api_base", "api_key", "base_url", "endpoint", "headers", "url"), _CONNECTION),
    **dict.fromkeys(("personas", "prompts", "seeds", "topics"), _STRATEGY),
    **dict.fromkeys(("columns", "dataset", "records", "seed_dataset", "seed_file"), _RECORDS),
    **dict.fromkeys(("input", "messages", "question", "questions"), _QUESTIONS),
    **dict.fromkeys(
        ("function_call", "functions", "tool_choice", "tools"), "Datasets with tool calls are not supported."
    ),
    "stream": "Leave it out: rows are made of complete replies.",
    "provider": 'Write the provider in the name of the model: "provider/model".',
    "plugin": 'Only strategy, modifiers and storage have a plugin: strategy = { plugin = "persona" }.',
}
"""What to do about names of other programs that no single key corresponds to."""


def spec_error(
    model: type[BaseModel], error: ValidationError, *, where: str, file: Path | None = None
) -> ConfigurationError:
    """
    Return the error for a specification, or a part of one, that is not valid.

    Args:
        model: The class that was validated.
        error: What Pydantic reports.
        where: The name of the file or of the class, which starts the message.
        file: The file that the specification was read from; errors in templates have its line.
    """
    details = error.errors(include_input=False, include_url=False, include_context=False)
    for detail in details:
        if detail["type"] == "template" and (line := find_line(file, str(detail["loc"][-1]))):
            detail["msg"] = f"line {line}: {detail['msg']}"
    hints = dict.fromkeys(hint for detail in details if (hint := _hint(model, detail)))
    return ConfigurationError(f"{where}: {describe_problems(model, details)}.", hint=" ".join(hints) or None)


def _hint(model: type[BaseModel], detail: ErrorDetails) -> str | None:
    *table, key = map(str, detail["loc"] or ("",))
    if detail["type"] == "missing" and key in ("answerer", "model"):
        return f'Set {key} = "provider/model".'
    if detail["type"] != "extra_forbidden":
        return None
    key = key.lower().replace("-", "_")
    places = list(_places(model, _SYNONYMS.get(key, key)))
    near = [place for place in places if table and place.startswith(f"{table[0]}.")]
    if key in _HINTS and not near:
        return _HINTS[key]
    if "did you mean" in describe_problems(model, [detail]):
        return None
    named = [place if "." in place else f"{place} at the top level" for place in near or places]
    return f"Set {' or '.join(named)}." if named else None


def _places(model: type[BaseModel], key: str, path: str = "") -> Iterator[str]:
    """Find a key in a model and in the models of its fields."""
    for name, field in model.model_fields.items():
        known = field.alias or name
        if known == key and not field.exclude:
            yield f"{path}{known}"
        for kind in get_args(field.annotation) or (field.annotation,):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _places(kind, key, f"{path}{known}.")
