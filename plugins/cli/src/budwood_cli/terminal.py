"""Output: data to standard output, messages to standard error, control characters escaped at a terminal."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import sys
import textwrap
import warnings
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Final, TextIO

_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""All control characters except tab and newline, and those that change the direction of text."""

_CLOSED_PIPE: Final = (errno.EPIPE, errno.EINVAL)
"""Errors of a write to a closed pipe; the second on Windows."""


_STYLES: Final = {"error:": "1;31", "hint:": "36"}
"""Colours of labels: bold red, and cyan."""


_MIN_COLUMN: Final = 8
_FIELD_GAP: Final = 3
_LEAST_DOLLARS: Final = Decimal("0.000001")
"""The smallest amount that is shown."""


class Layout(StrEnum):
    """How rows are printed: as JSON, as a table, or with tabs between the cells."""

    JSON = "json"
    TABLE = "table"
    PLAIN = "plain"


class OutputClosedError(Exception):
    """The reader of standard output closed it, as ``head`` does."""


class NoOutputError(OSError):
    """The process was started without standard output, as with ``>&-`` in a shell, so that data would be lost."""

    hint = "Redirect it to a file or a pipe."

    def __init__(self) -> None:
        super().__init__(errno.EBADF, "Standard output is closed")


def configure_streams() -> None:
    """Escape characters that the encoding of a stream does not have, instead of failing; show warnings as lines."""
    warnings.showwarning = _show_warning
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _show_warning(  # noqa: PLR0917 - the signature of the standard library
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 - that of the standard library, which it never passes
    line: str | None = None,
) -> None:
    """Write a warning for the user without the line of code that raised it."""
    if issubclass(category, UserWarning):
        note(f"warning: {message}")
    else:
        note(warnings.formatwarning(message, category, filename, lineno, line), end="")


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a stream is a terminal; a closed stream may be None."""
    return stream is not None and not stream.closed and stream.isatty()


def is_live() -> bool:
    """Tell whether standard error is a terminal that can redraw a line."""
    return is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"


def escape(text: str) -> str:
    r"""
    Make control characters visible, as ``\u001b``, so that the text of a model cannot control the terminal.

    Carriage returns are removed.
    """
    return _CONTROLS.sub(lambda found: "" if found[0] == "\r" else f"\\u{ord(found[0]):04x}", text)


def check_output() -> None:
    """
    Check that there is a standard output, before a call that costs money.

    Raises:
        NoOutputError: There is none.
    """
    if sys.stdout is None:
        raise NoOutputError


def write(text: str) -> None:
    """
    Write data to standard output and flush it; at a terminal, control characters are escaped.

    Raises:
        OutputClosedError: The reader has closed it.
        NoOutputError: There is none.
    """
    check_output()
    try:
        sys.stdout.write(escape(text) if is_terminal(sys.stdout) else text)
        sys.stdout.flush()
    except OSError as error:
        if error.errno in _CLOSED_PIPE:
            raise OutputClosedError from None
        raise


def write_json(value: object) -> None:
    """Write a JSON value on one line."""
    write(to_json(value) + "\n")


def to_json(value: object) -> str:
    """Return a value as JSON on one line."""
    return json.dumps(value, ensure_ascii=False, default=_as_json)


def write_table(
    titles: Sequence[str],
    rows: Iterable[Sequence[object]],
    optional: Sequence[str] = (),
    *,
    numbers: Sequence[str] = (),
    layout: Layout | None = None,
) -> None:
    """
    Write rows in columns as wide as their longest cell. At a terminal that is too narrow, long cells are cut.

    Args:
        titles: The titles of the columns.
        rows: The cells.
        optional: Columns that are left out, one after the other, at a terminal that is too narrow for all of them.
        numbers: Columns that are aligned on the right.
        layout: For `Layout.PLAIN`, all cells are written with tabs between them, without titles.
    """
    if layout is Layout.PLAIN:
        write("".join("\t".join(map(_format_cell, row)) + "\n" for row in rows))
    else:
        write(format_table(titles, rows, optional, numbers))


def format_table(
    titles: Sequence[str],
    rows: Iterable[Sequence[object]],
    optional: Sequence[str] = (),
    numbers: Sequence[str] = (),
) -> str:
    """Return the lines that `write_table` writes."""
    cells = [list(titles), *([_format_cell(value) for value in row] for row in rows)]
    columns = {row[0]: row for row in map(list, zip(*cells, strict=True))}
    for title in optional if is_terminal(sys.stdout) else ():
        if _width(columns.values()) > shutil.get_terminal_size().columns:
            del columns[title]
    widths = [max(map(len, column)) for column in columns.values()]
    if is_terminal(sys.stdout):
        _narrow(widths, shutil.get_terminal_size().columns)
    align = [str.rjust if title in numbers else str.ljust for title in columns]
    lines = (
        "  ".join(put(_cut(cell, width), width) for put, cell, width in zip(align, row, widths, strict=True))
        for row in zip(*columns.values(), strict=True)
    )
    return "".join(line.rstrip() + "\n" for line in lines)


def write_fields(fields: Mapping[str, object]) -> None:
    """Write a name and a value a line. At a terminal, lines break between words, and values stay in one column."""
    indent = max(map(len, fields)) + _FIELD_GAP
    width = shutil.get_terminal_size().columns if is_terminal(sys.stdout) else sys.maxsize
    for name, value in fields.items():
        write(f"{_wrap(f'{name:<{indent}}{value}', width, indent)}\n")


def _wrap(text: str, width: int, indent: int) -> str:
    if len(text) <= width:
        return text
    return textwrap.fill(text, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def _narrow(widths: list[int], available: int) -> None:
    """Make the widest columns narrower until a table fits, but none narrower than a few characters."""
    while sum(widths) + 2 * (len(widths) - 1) > available and max(widths) > _MIN_COLUMN:
        widths[widths.index(max(widths))] -= 1


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else f"{cell[: width - 1]}…"


def _width(columns: Iterable[Sequence[str]]) -> int:
    """Return the width of a table."""
    return sum(max(map(len, column)) + 2 for column in columns) - 2


def has_color(stream: TextIO | None) -> bool:
    """Tell whether to write colours: to a terminal that has some, unless ``NO_COLOR`` or ``FORCE_COLOR`` is set."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (is_terminal(stream) and os.environ.get("TERM") != "dumb")


def note(text: str, *, label: str | None = None, end: str = "\n") -> None:
    """Write a message to standard error, if it is open. A label is written before it, in colour if there are any."""
    with contextlib.suppress(OSError, AttributeError):  # closed, or None if the process started without it
        if label is not None:
            style = _STYLES.get(label)
            colored = f"\x1b[{style}m{label}\x1b[0m" if style and has_color(sys.stderr) else label
            sys.stderr.write(f"{colored} ")
        sys.stderr.write(escape(text) + end)
        sys.stderr.flush()


def wrap(text: str, indent: int = 0) -> str:
    """
    Break lines at words to fit the terminal of standard error. If it is none, the text is returned unchanged.

    Args:
        text: The text.
        indent: The column at which the lines after the first begin.
    """
    if not is_terminal(sys.stderr):
        return text
    import textwrap

    width = shutil.get_terminal_size().columns - 1
    lines = (
        textwrap.wrap(line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )
    return "\n".join("\n".join(each) for each in lines)


def format_count(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 row``, ``2 rows``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def format_dollars(amount: Decimal) -> str:
    """Return an amount of money: ``$0``, ``$0.25``, or with up to six decimals ``$0.000123``."""
    if not amount:
        return "$0"
    if amount < _LEAST_DOLLARS:
        return f"<${_LEAST_DOLLARS:f}"
    whole, _, decimals = f"{amount:,.6f}".partition(".")
    return f"${whole}.{decimals.rstrip('0').ljust(2, '0')}"


def short_path(path: Path | str) -> str:
    """
    Return a path for people: relative below the current folder, ``~/…`` below the user's home, otherwise absolute.

    A text, such as a URL, stays.
    """
    shown = output_path(path)
    with contextlib.suppress(RuntimeError, ValueError):  # no home, or not below it
        home = Path.home()
        if isinstance(path, Path) and Path(shown).is_absolute() and home != Path(home.anchor):
            return str(Path("~", Path(shown).relative_to(home)))
    return shown


def output_path(path: Path | str) -> str:
    """Return a path for programs, which do not know ``~``: relative below the current folder, otherwise absolute."""
    if isinstance(path, str):
        return path
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - links stay
    with contextlib.suppress(ValueError):
        return str(absolute.relative_to(Path.cwd()))
    return str(absolute)


def flush() -> None:
    """Flush standard output, so that a closed pipe raises here and not at exit."""
    if sys.stdout is not None:
        write("")


def silence_output() -> int:
    """Redirect the closed standard output, so that Python reports no error at exit, and return the exit status."""
    if sys.stdout is not None:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _format_cell(value: object) -> str:
    return " ".join(str("" if value is None else value).split())


def _as_json(value: object) -> object:
    match value:
        case Decimal():
            return format(value, "f")  # as text: a float would change the last digits
        case Path():
            return str(value)
        case set() | frozenset():
            return sorted(value)
        case _:
            raise TypeError(f"{type(value).__name__} cannot be converted to JSON")
