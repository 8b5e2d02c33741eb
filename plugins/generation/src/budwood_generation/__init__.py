"""
Create datasets with language models: conversations and structured rows, from documents, seeds and personas.

`generate` runs a specification. If the process ends early, `resume` continues from the last finished turn.
"""

from budwood_generation.clients import ModelClient
from budwood_generation.differences import KeyDifference, RunDifferences, diff_runs
from budwood_generation.documents import UnreadableDocument
from budwood_generation.errors import (
    DamagedJournalError,
    JournalError,
    JournalFormatError,
    OtherRunError,
    OutputError,
    RunBusyError,
)
from budwood_generation.exports import ExportFormat, ExportReport, export_formats, export_run, read_rows
from budwood_generation.plan import Plan, make_plan
from budwood_generation.runs import (
    Failure,
    Progress,
    RunInfo,
    RunReport,
    count_finished_rows,
    generate,
    generate_async,
    list_runs,
    remove_run,
    resume,
    resume_async,
    show_run,
)
from budwood_generation.spec import (
    Choice,
    ConversationSpec,
    Documents,
    GenerationSpec,
    ModelOptions,
    RowSpec,
)
from budwood_generation.spec_sources import load_spec, with_pilot

__all__ = [
    "Choice",
    "ConversationSpec",
    "DamagedJournalError",
    "Documents",
    "ExportFormat",
    "ExportReport",
    "Failure",
    "GenerationSpec",
    "JournalError",
    "JournalFormatError",
    "KeyDifference",
    "ModelClient",
    "ModelOptions",
    "OtherRunError",
    "OutputError",
    "Plan",
    "Progress",
    "RowSpec",
    "RunBusyError",
    "RunDifferences",
    "RunInfo",
    "RunReport",
    "UnreadableDocument",
    "count_finished_rows",
    "diff_runs",
    "export_formats",
    "export_run",
    "generate",
    "generate_async",
    "list_runs",
    "load_spec",
    "make_plan",
    "read_rows",
    "remove_run",
    "resume",
    "resume_async",
    "show_run",
    "with_pilot",
]
