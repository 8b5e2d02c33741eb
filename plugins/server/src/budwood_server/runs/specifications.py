"""
Specifications of clients: parse them, and refuse what a server does not permit.

What is permitted is listed here: each key of a specification is known to be harmless, or is checked. Plugins are those
of budwood-generation alone, because others may read files or run programs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from budwood.errors import BudwoodError
from budwood.names import normalise
from budwood.settings_sources import parse_toml
from budwood_server.runs.document_folder import refuse

if TYPE_CHECKING:
    from budwood_server.runs.outputs import RunOutputs
    from budwood_server.settings import RunSettings

STRATEGIES: Final = frozenset({"document-questions", "persona", "seed-list"})
MODIFIERS: Final = frozenset({"document-context", "persona"})

TOP: Final = frozenset(
    {
        *("rows", "seed", "output", "storage", "provenance", "concurrency", "attempts", "pilot", "patience"),
        *("documents", "conversation", "row"),
    }
)
DOCUMENTS: Final = frozenset({"paths", "exclude", "strict", "code", "passage_chars"})
CONVERSATION: Final = frozenset(
    {
        *("turns", "strategy", "modifiers", "asker", "answerer", "system", "asker_options", "answerer_options"),
        "lane",
    }
)
ROW: Final = frozenset({"model", "schema", "instruction", "strategy", "modifiers", "system", "options", "lane"})
OPTIONS: Final = frozenset(
    {
        *("temperature", "top_p", "max_tokens", "stop", "frequency_penalty", "presence_penalty", "reasoning_effort"),
        *("retries", "timeout", "keep_truncated", "reasoning"),
    }
)
"""The keys that clients may set. A test compares them with the keys that budwood-generation knows."""

REFUSED: Final = frozenset({"extra"})
"""The keys of options that no client may set: fields of the vendor's request could replace its model."""

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_RELATIVE: Final = "Name a path relative to the folder of documents."
_OPTIONS_OF_CALLS: Final = ("options", "asker_options", "answerer_options")
MAX_PATHS: Final = 1000
MAX_DEPTH: Final = 40
"""The maximum depth of objects and lists in each other."""

Table = dict[str, Any]


def parse_specification(given: Mapping[str, Any] | str) -> Table:
    """
    Return the table of a specification: an object, or the text of a file in TOML.

    Raises:
        ProblemError: 400: it is not valid TOML, or nested too deeply.
    """
    if not isinstance(given, str):
        table = dict(given)
    else:
        try:
            table = parse_toml(given, where="specification")
        except BudwoodError as error:
            hint = error.hint or 'Correct the line that the message names. Texts need quotes: answerer = "fast".'
            raise refuse("specification", error.message.rstrip("."), hint=hint) from None
        except RecursionError:
            raise refuse("specification", "it is nested too deeply") from None
    _check_values(table)
    return table


def add_documents(text: str, ids: Sequence[str]) -> Table | None:
    """
    Return the table of a specification with further uploaded documents in ``documents.paths``.

    Args:
        text: The specification in TOML.
        ids: The ids of the documents.

    Returns:
        None if there are no documents, or if ``documents`` is not what it should be, which is reported with the text.

    Raises:
        ProblemError: 400: it is not valid TOML, or nested too deeply.
    """
    if not ids:
        return None
    table = parse_specification(text)
    documents = table.setdefault("documents", {})
    paths = documents.setdefault("paths", []) if isinstance(documents, dict) else None
    if not isinstance(paths, list):
        return None
    documents["paths"] = [*paths, *(each for each in ids if each not in paths)]
    return table


def _check_values(table: Table) -> None:
    """
    Check that a table is JSON that every database accepts. It may be deep, so there is no recursion.

    Raises:
        ProblemError: 400.
    """
    level: list[object] = [table]
    for _ in range(MAX_DEPTH):
        inner: list[object] = []
        for each in level:
            if isinstance(each, dict):
                inner += [*each.keys(), *each.values()]
            elif isinstance(each, list):
                inner += each
            elif not _is_valid(each):
                raise refuse("specification", f"it has a value that JSON cannot hold, of type {type(each).__name__}")
        level = inner
        if not level:
            return
    raise refuse("specification", f"it has more than {MAX_DEPTH} objects and lists in each other")


def _is_valid(value: object) -> bool:
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= each <= "\udfff" for each in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, int) and abs(value) < 2**63)


def check_specification(table: Mapping[str, Any], settings: RunSettings, outputs: RunOutputs) -> Table:
    """
    Return a specification with the output of the run, if it asks for nothing that a client may not have.

    Paths are checked when they are copied; see `budwood_server.runs.inputs`.

    Raises:
        ProblemError: 400; the message names the field.
    """
    _check_keys(table, TOP, "specification")
    checked = {key: value for key, value in table.items() if key != "storage"} | outputs.choose(table)
    _check_numbers(checked, settings)
    if (documents := _get_table(table, "documents")) is not None:
        _check_keys(documents, DOCUMENTS, "documents")
    for key, known in (("conversation", CONVERSATION), ("row", ROW)):
        if (job := _get_table(table, key)) is not None:
            _check_job(job, key, known)
    return checked


def list_models(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the fields of a specification that name a model, and its name."""
    for key, names in (("conversation", ("answerer", "asker")), ("row", ("model",))):
        for name in names:
            if isinstance(model := (table.get(key) or {}).get(name), str):
                yield f"{key}.{name}", model


def list_options(table: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the fields of a specification with options of calls, and the options."""
    for key in ("conversation", "row"):
        for name in _OPTIONS_OF_CALLS:
            if isinstance(options := (table.get(key) or {}).get(name), dict):
                yield f"{key}.{name}", options


def list_plugins(job: Mapping[str, Any], key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the fields of a conversation or row that name a plugin with settings, and the table of each."""
    if isinstance(strategy := job.get("strategy"), dict):
        yield f"{key}.strategy", strategy
    if isinstance(modifiers := job.get("modifiers"), list):
        for number, modifier in enumerate(modifiers):
            if isinstance(modifier, dict):
                yield f"{key}.modifiers[{number}]", modifier


def check_relative(value: object, field: str) -> tuple[str, ...]:
    """
    Return the parts of a path or pattern that stays below a folder.

    Raises:
        ProblemError: 400: it is no text, is absolute or a URL, or has a part ``..``.
    """
    if not isinstance(value, str) or not value or "\0" in value or not value.isprintable():
        raise refuse(field, "expected the path of a file")
    if _URL.match(value):
        raise refuse(
            field,
            "the documents of a run have no URLs",
            hint="Upload the file by POST /api/runs/documents and name its id, or name a path in the folder of "
            "documents, into which the operator may copy it.",
        )
    if _DRIVE.match(value):
        raise refuse(field, "the path names a drive", hint=_RELATIVE)
    if value.startswith(("/", "\\", "~")):
        raise refuse(field, "the path is absolute", hint=_RELATIVE)
    parts = tuple(part for part in value.replace("\\", "/").split("/") if part not in ("", "."))
    if ".." in parts:
        raise refuse(field, "'..' is not permitted in the path", hint=_RELATIVE)
    if not parts:
        raise refuse(field, "the path is the folder of documents", hint="Name a file in it, or a pattern such as '**'.")
    return parts


def _check_numbers(table: Table, settings: RunSettings) -> None:
    rows = table.get("rows")
    if isinstance(rows, int) and rows > settings.max_rows:
        raise refuse(
            "rows",
            f"a run has at most {settings.max_rows:,} rows",
            hint="Submit several runs, or ask the operator to raise max_rows in [server.runs].",
        )
    calls = table.setdefault("concurrency", min(16, settings.max_calls))
    if isinstance(calls, int) and calls > settings.max_calls:
        raise refuse("concurrency", f"a run has at most {settings.max_calls} calls at the same time")


def _check_job(job: Mapping[str, Any], key: str, known: frozenset[str]) -> None:
    _check_keys(job, known, key)
    if job.get("lane", "live") != "live":
        raise refuse(f"{key}.lane", "runs of a server send ordinary calls", hint='Set lane = "live", or leave it out.')
    if "strategy" in job:
        _check_plugin(job["strategy"], STRATEGIES, f"{key}.strategy")
    modifiers = job.get("modifiers")
    for number, modifier in enumerate(modifiers if isinstance(modifiers, list) else ()):
        _check_plugin(modifier, MODIFIERS, f"{key}.modifiers[{number}]")
    for name in _OPTIONS_OF_CALLS:
        if (options := _get_table(job, name, key)) is not None:
            _check_options(options, f"{key}.{name}")


def _check_options(options: Mapping[str, Any], field: str) -> None:
    if not REFUSED.isdisjoint(options):
        raise refuse(f"{field}.extra", "runs of a server pass no fields of a vendor", hint="Remove it.")
    _check_keys(options, OPTIONS, field)


def _check_plugin(choice: object, known: frozenset[str], field: str) -> None:
    """Check that a plugin is one of those that are permitted, named as such or in a table."""
    name = choice.get("plugin") if isinstance(choice, dict) else choice
    if not isinstance(name, str) or normalise(name) not in known:
        shown = f"{name!r} is not available on this server" if isinstance(name, str) else "expected a plugin"
        raise refuse(field, shown, hint=f"Use one of {', '.join(sorted(known))}.")


def _check_keys(table: Mapping[str, Any], known: frozenset[str], field: str) -> None:
    for key in table:
        if key not in known:
            shown = key if field == "specification" else f"{field}.{key}"
            raise refuse(shown, "the key is unknown", hint=f"The keys are {', '.join(sorted(known))}.")


def _get_table(table: Mapping[str, Any], key: str, prefix: str = "") -> Mapping[str, Any] | None:
    value = table.get(key)
    if value is None or isinstance(value, dict):
        return value
    raise refuse(f"{prefix}.{key}" if prefix else key, "expected a table")
