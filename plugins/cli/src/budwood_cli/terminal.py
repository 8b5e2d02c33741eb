"""Standard output for data, standard error for people, and nothing that could take hold of a terminal."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, TextIO

_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""All control characters but tab and newline, and those that turn the direction of writing around."""

_READER_LEFT: Final = (errno.EPIPE, errno.EINVAL)
"""What a write to a closed pipe fails with; the second on Windows."""


class ReaderLeftError(Exception):
    """Whoever read our standard output has closed it, as ``head`` does."""


def prepare() -> None:
    """See to it that no character fails to be written, whatever the encoding of the streams."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a person sees the stream; a closed one is None."""
    return stream is not None and not stream.closed and stream.isatty()


def is_live() -> bool:
    """Tell whether standard error can show what moves: a terminal that can move its cursor."""
    return is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"


def escaped(text: str) -> str:
    r"""
    Make control characters visible, as ``\u001b``: a model's text could otherwise rule the terminal.

    Carriage returns, which only move the cursor, go.
    """
    return _CONTROLS.sub(lambda found: "" if found[0] == "\r" else f"\\u{ord(found[0]):04x}", text)


def write(text: str) -> None:
    """
    Write data to standard output, at once; on a terminal with its control characters escaped.

    Raises:
        ReaderLeftError: Nobody reads it any more.
    """
    if sys.stdout is None:
        raise ReaderLeftError
    try:
        sys.stdout.write(escaped(text) if is_terminal(sys.stdout) else text)
        sys.stdout.flush()
    except OSError as error:
        if error.errno in _READER_LEFT:
            raise ReaderLeftError from None
        raise


def write_json(value: object) -> None:
    """Write one JSON value on a line of its own."""
    write(json.dumps(value, ensure_ascii=False, default=_as_json) + "\n")


def write_table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows in columns that are as wide as their longest cell."""
    cells = [list(titles), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        write(line.rstrip() + "\n")


def note(text: str, *, end: str = "\n") -> None:
    """Write a line for people to standard error; that nobody reads it is no error."""
    with contextlib.suppress(OSError, AttributeError):  # closed, or None where the process began without one
        sys.stderr.write(escaped(text) + end)
        sys.stderr.flush()


def counted(number: int, noun: str) -> str:
    """Write how many there are of something."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def short_path(path: Path) -> Path:
    """Return a path relative to the current folder if it is inside, so that it can be typed."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def flush() -> None:
    """Write what is left of standard output, so that a closed pipe shows here and not at exit."""
    if sys.stdout is not None:
        write("")


def leave() -> int:
    """Let the end of the process be quiet although standard output is closed; that its reader has enough is fine."""
    if sys.stdout is not None:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _cell(value: object) -> str:
    return " ".join(str("" if value is None else value).split())


def _as_json(value: object) -> object:
    match value:
        case Decimal():
            return format(value, "f")  # as text: a float would change the last digits of an amount
        case Path():
            return str(value)
        case set() | frozenset():
            return sorted(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no form in JSON")
