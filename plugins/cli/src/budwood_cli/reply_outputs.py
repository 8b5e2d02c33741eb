"""How ``budwood ask`` writes a reply: as text, as a table or as JSON, to standard output or to a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from budwood_cli import terminal
from budwood_cli.errors import ArgumentError
from budwood_cli.media_outputs import find_text_output, write_text_output
from budwood_cli.replies import as_json, write_notes, write_stream
from budwood_cli.reply_schemas import list_columns

if TYPE_CHECKING:
    from budwood import AskOptions, ChatResponse, ChatSession
    from budwood.types import StreamEvent

FORMATS: Final = ("plain", "table", "json", "jsonl")
_VALUE: Final = "value"
"""The form of a reply with a schema, unless another is named: its value as JSON."""

_CAPITAL: Final = re.compile(r"(?<!^)(?=[A-Z])")


class ReplyOutput:
    """
    Where a reply is written, and in which form.

    Args:
        output: The value of ``-o``, if any.
        form: The value of ``--format``, if any.
        flags: Which of ``--json`` and ``--jsonl`` are given, without the dashes.
        schema: The schema of the reply, as `read_schema` returns it; None if the reply is a text.
        force: Whether to replace an existing file.

    Raises:
        ArgumentError: The form is unknown, there are several, or the file cannot be written.
    """

    def __init__(
        self, output: str | None, *, form: str | None, flags: Sequence[str], schema: object, force: bool
    ) -> None:
        self._has_schema = schema is not None
        self._schema = schema
        self._form = _choose_form(form, flags, has_schema=self._has_schema)
        self._path = find_text_output(output, force=force)
        self._lines: list[str] = []

    @property
    def can_stream(self) -> bool:
        """Whether the reply is useful before it is complete: text that is printed, and lines of JSON."""
        return self._form == "jsonl" or (self._form == "plain" and self._path is None and not self._has_schema)

    def receive(
        self, session: ChatSession, prompt: str, variables: Mapping[str, Any] | None = None, *, stream: bool
    ) -> ChatResponse:
        """
        Ask, write what arrives if the form is one for streams, and return the reply.

        Args:
            session: The conversation.
            prompt: The text, or the name of a stored prompt.
            variables: The values of its variables; None if it is a text.
            stream: Whether to write what arrives.
        """
        options: AskOptions = {} if variables is None else {"variables": variables}
        if not (stream and self.can_stream):
            return session.ask(prompt, **options)
        if self._form == "plain":
            return write_stream(session.stream(prompt, **options))
        with session.stream(prompt, **options) as events:
            for event in events:
                self._add_line(_event_as_json(event))
            return events.response

    def finish(self, response: ChatResponse, conversation: str | None, *, is_written: bool) -> None:
        """
        Write a complete reply.

        Args:
            response: The reply.
            conversation: The id of its conversation, if that is stored.
            is_written: Whether its text was written as it arrived.
        """
        document = as_json(response) | {"conversation": conversation}
        match self._form:
            case "json":
                write_text_output(self._path, terminal.to_json(document) + "\n")
            case "jsonl":
                self._add_line({"type": "reply", **document})
                if self._path is not None:
                    write_text_output(self._path, "".join(self._lines))
            case _:
                if not is_written:
                    write_text_output(self._path, self._format(response, document["parsed"]))
                    write_notes(response)

    def _format(self, response: ChatResponse, value: object) -> str:
        if not self._has_schema:
            return _as_lines(response.text)
        columns = list_columns(self._schema) if self._form == "table" else []
        return format_value(value, self._form, columns)

    def _add_line(self, value: Mapping[str, Any]) -> None:
        line = terminal.to_json(value) + "\n"
        if self._path is None:
            terminal.write(line)
        else:
            self._lines.append(line)


def _choose_form(form: str | None, flags: Sequence[str], *, has_schema: bool) -> str:
    if form is not None and form not in FORMATS:
        raise ArgumentError(f"--format {form!r} is not known.", hint=f"The formats are {', '.join(FORMATS)}.")
    given = dict.fromkeys([*([] if form is None else [form]), *flags])
    if len(given) > 1:
        raise ArgumentError(f"The reply cannot have two formats: {' and '.join(given)}.", hint="Pass one of them.")
    if "table" in given and not has_schema:
        raise ArgumentError("--format table needs a schema.", hint="Pass --schema, such as --schema '[name, age int]'.")
    return next(iter(given), _VALUE if has_schema else "plain")


def _event_as_json(event: StreamEvent) -> dict[str, Any]:
    """Return an event of a stream as JSON, without what it leaves open. Content in bytes is in Base64."""
    from pydantic_core import to_jsonable_python

    fields = to_jsonable_python(event, bytes_mode="base64", exclude_none=True)
    known = {name: value for name, value in fields.items() if value or (isinstance(value, int) and name != "choice")}
    return {"type": _CAPITAL.sub("_", type(event).__name__).lower(), **known}


def format_value(value: object, form: str, columns: Sequence[str] = ()) -> str:
    """
    Return the value of a reply with a schema as a table, as plain text, or else as JSON on one line.

    Args:
        value: The value.
        form: The format.
        columns: The titles of the table if the value is an empty list.
    """
    match form:
        case "table":
            return terminal.format_table(*_tabulate(value, columns))
        case "plain":
            return _as_plain_text(value)
        case _:
            return terminal.to_json(value) + "\n"


def _tabulate(value: object, columns: Sequence[str] = ()) -> tuple[Sequence[str], list[list[object]]]:
    """Return the titles and rows of a value: a row for each object of a list, or for each field of an object."""
    if isinstance(value, Mapping) and len(value) == 1:
        (inner,) = value.values()
        value = inner if _is_table(inner) or (columns and inner == []) else value
    if isinstance(value, Mapping):
        return ("field", "value"), [[name, _format_cell(cell)] for name, cell in value.items()]
    if columns and value == []:
        return columns, []
    rows: list[Any] = value if isinstance(value, list) else [value]
    if not _is_table(rows):
        return ("value",), [[_format_cell(row)] for row in rows]
    titles: list[str] = list(dict.fromkeys(title for row in rows for title in row))
    return titles, [[_format_cell(row.get(title)) for title in titles] for row in rows]


def _is_table(value: object) -> bool:
    """Tell whether a value is a list of objects."""
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _as_plain_text(value: object) -> str:
    """Return a value as lines: the text itself, or fields that are separated by tabs, without titles."""
    if isinstance(value, str):
        return _as_lines(value)
    _, rows = _tabulate(value)
    return "".join("\t".join(" ".join(str(cell).split()) for cell in row) + "\n" for row in rows)


def _format_cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else terminal.to_json(value)


def _as_lines(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
