"""The formats of exports, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from budwood.errors import ConfigurationError
from budwood_generation.exports import chat
from budwood_generation.exports.chat import Record
from budwood_generation.exports.conversations import Conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFormat:
    """
    A format of exports.

    Attributes:
        name: The name, as in ``--to``.
        summary: A description in a few words.
        suffix: The end of the name of its file; empty for a folder.
        holds_values: Whether it can hold structured values.
        has_reasoning: Whether it has a field for the reasoning of a model.
        skip_reason: Why it may not be able to hold a row.
        to_record: Turns a conversation into a record, or into None if the format cannot hold it.
    """

    name: str
    summary: str
    suffix: str = ".jsonl"
    holds_values: bool = False
    has_reasoning: bool = False
    skip_reason: str = "no content"
    to_record: Callable[[Conversation], Record | None] | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder with several files."""
        return not self.suffix


_FORMATS: Final = {
    found.name: found
    for found in (
        ExportFormat(name="openai", summary="OpenAI fine-tuning: messages alone", to_record=chat.openai_record),
        ExportFormat(
            name="messages",
            summary="conversations for TRL, Axolotl, Unsloth",
            has_reasoning=True,
            to_record=chat.messages_record,
        ),
        ExportFormat(name="sharegpt", summary="conversations with from and value", to_record=chat.sharegpt_record),
        ExportFormat(name="alpaca", summary="instruction, input, output", to_record=chat.alpaca_record),
        ExportFormat(
            name="chatml",
            summary="text in the Chat Markup Language",
            skip_reason=f"the text contains {' or '.join(chat.CHATML_TOKENS)}",
            to_record=chat.chatml_record,
        ),
        ExportFormat(
            name="llama-factory",
            summary="folder with dataset_info.json",
            suffix="",
            to_record=chat.llama_factory_record,
        ),
        ExportFormat(
            name="csv",
            summary="table, one line per turn or value",
            suffix=".csv",
            holds_values=True,
            has_reasoning=True,
        ),
        ExportFormat(
            name="parquet", summary="table with typed columns", suffix=".parquet", holds_values=True, has_reasoning=True
        ),
        ExportFormat(name="jsonl", summary="rows as in the output of a run", holds_values=True, has_reasoning=True),
        ExportFormat(
            name="huggingface",
            summary="folder with Parquet files and a card",
            suffix="",
            holds_values=True,
            has_reasoning=True,
        ),
    )
}


def export_formats() -> tuple[ExportFormat, ...]:
    """Return all formats."""
    return tuple(_FORMATS.values())


def export_format(name: str) -> ExportFormat:
    """
    Return a format by its name.

    Raises:
        ConfigurationError: There is no such format.
    """
    found = _FORMATS.get(name)
    if found is None:
        raise ConfigurationError(f"Unknown format {name!r}.", hint=f"Choose one of {', '.join(_FORMATS)}.")
    return found
