"""Records and columns of each format, for the rows of one run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, get_args

from budwood.errors import ConfigurationError
from budwood.types import Row
from budwood_generation.exports import columns
from budwood_generation.exports.chat import Record, messages_record
from budwood_generation.exports.columns import Column
from budwood_generation.exports.conversations import (
    Conversation,
    Reasoning,
    attach_passage,
    merge_passage,
    place_reasoning,
    read_conversation,
)
from budwood_generation.exports.formats import ExportFormat, export_formats
from budwood_generation.modifiers.document_context import DocumentContextSettings
from budwood_generation.reasoning import REASONING
from budwood_generation.spec import GenerationSpec, RowSpec

ToRecords = Callable[[Row], Iterable[Record]]

DOCUMENT_CONTEXT: Final = "document-context"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """What goes into the records: the passage in the messages, and where reasoning is; None for that of the rows."""

    context: bool
    reasoning: Reasoning | None


def check_options(found: ExportFormat, spec: GenerationSpec, options: RecordOptions) -> None:
    """
    Check that a format can hold the rows of a run, with these options.

    Raises:
        ConfigurationError: It cannot.
    """
    _check_reasoning(found, options)
    if spec.row is not None:
        _check_values(found, options)
    elif options.context and spec.documents is None:
        raise ConfigurationError(
            "The rows of this run have no passages: it has no documents.", hint="Leave out context (--context)."
        )


def _check_reasoning(found: ExportFormat, options: RecordOptions) -> None:
    if options.reasoning not in (None, *get_args(Reasoning)):
        raise ConfigurationError(
            f"Unknown value {options.reasoning!r} for reasoning.", hint="Choose one of drop, field, tags."
        )
    if options.reasoning == "field" and not found.has_reasoning:
        raise ConfigurationError(
            f"The format {found.name} has no field for reasoning.", hint="Use tags or drop, or the format messages."
        )


def _check_values(found: ExportFormat, options: RecordOptions) -> None:
    if not found.holds_values:
        able = ", ".join(other.name for other in export_formats() if other.holds_values)
        raise ConfigurationError(
            f"The rows of this run are structured values, and the format {found.name} holds conversations.",
            hint=f"Export to one of {able}.",
        )
    if options.reasoning == "tags":
        raise ConfigurationError(
            "Structured values have no text that tags could be put into.", hint="Use drop or field for reasoning."
        )
    if options.context:
        raise ConfigurationError(
            "The rows of this run have no messages that the passage could be put into.",
            hint="Leave out context (--context): all formats for structured values have the passage in its own place.",
        )


def columns_of(found: ExportFormat, spec: GenerationSpec, options: RecordOptions) -> list[Column]:
    """Return the columns of a table."""
    has_field = reasoning_of(spec) != "drop" and _reasoning(found, spec, options) == "field"
    if spec.row is not None:
        return columns.value_columns(spec.row, reasoning=has_field)
    if found.suffix == ".csv":
        return columns.turn_columns(reasoning=has_field)
    return columns.conversation_columns(reasoning=has_field)


def records_of(found: ExportFormat, spec: GenerationSpec, options: RecordOptions) -> ToRecords:
    """Return a function that turns a row into records; none if the format cannot hold the row."""
    if found.name == "jsonl":
        return lambda row: [_full_row(row, spec, options)]
    if (job := spec.row) is not None:
        return lambda row: [columns.value_record(row, job)]  # without a column for it, reasoning is left out

    def prepare(row: Row) -> Conversation:
        return _conversation(row, spec, options.context, _reasoning(found, spec, options))

    if (to_record := found.to_record) is not None:
        return lambda row: [] if (record := to_record(prepare(row))) is None else [record]
    if found.suffix == ".csv":
        return lambda row: columns.turn_records(prepare(row), row)
    return lambda row: [columns.conversation_record(prepare(row), row)]


def reasoning_of(spec: GenerationSpec) -> Reasoning:
    """Return where the rows of a run have the reasoning of the model that answers."""
    job = spec.job
    return job.options.reasoning if isinstance(job, RowSpec) else job.answerer_options.reasoning


def _reasoning(found: ExportFormat, spec: GenerationSpec, options: RecordOptions) -> Reasoning:
    in_rows = options.reasoning or reasoning_of(spec)
    return "drop" if in_rows == "field" and not found.has_reasoning else in_rows


def _conversation(row: Row, spec: GenerationSpec, context: bool, reasoning: Reasoning) -> Conversation:  # noqa: FBT001
    conversation = place_reasoning(read_conversation(row), reasoning)
    return attach_passage(conversation, row, _context_request(spec)) if context else conversation


def _full_row(row: Row, spec: GenerationSpec, options: RecordOptions) -> Record:
    if spec.row is not None and options.reasoning == "drop":
        return {key: value for key, value in row.data.items() if key != REASONING}
    if spec.row is not None or (not options.context and options.reasoning is None):
        return row.data
    conversation = _conversation(row, spec, options.context, options.reasoning or reasoning_of(spec))
    return row.data | {"messages": messages_record(merge_passage(conversation))["messages"]}


def _context_request(spec: GenerationSpec) -> str:
    """Return the text that the answerer received before the passage."""
    for choice in spec.modifiers:
        if choice.plugin == DOCUMENT_CONTEXT and isinstance(request := choice.settings.get("request"), str):
            return request
    return DocumentContextSettings().request
