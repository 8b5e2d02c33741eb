"""The results of a batch: rows of a file, to which no request is sent again after an interrupt."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any, Final

from budwood.providing import replace_file
from budwood_cli import terminal
from budwood_cli.batch_runs.locks import open_locked
from budwood_cli.batch_runs.requests import NumberedRequest, RequestFile
from budwood_cli.errors import ArgumentError, OutputError

JOURNAL_SUFFIX: Final = ".partial"
"""The end of the name of the file that has the finished requests while others run."""

MAX_UNSYNCED_ROWS: Final = 32
MAX_UNSYNCED_SECONDS: Final = 1.0
"""A finished row flushes the file to the disk if this many rows, or seconds, have passed since the last flush."""

_OUTPUT, _JOURNAL = 0, 2
_MISSING: Final = -1


class ResultRows:
    """
    The results of requests: those of earlier commands, and new ones in a journal.

    Args:
        requests: The requests.
        options: Identifies the options of all requests.
        journal: The file to which new results are appended, without a buffer.
        output: The file with the results of a command that has ended, without a buffer; None if there is none.

    Attributes:
        done: How many requests have a result.
        failed: How many of them are errors.
        spent: The known cost of all of them.
        has_cost: Whether the cost of one of them is known.
    """

    def __init__(self, requests: RequestFile, options: str, journal: FileIO, output: FileIO | None = None) -> None:
        self._requests = requests
        self._options = options
        self._journal = journal
        self._output = output
        self._places = array("q", [_MISSING]) * len(requests)
        self._sizes = array("q", [0]) * len(requests)
        self.done = self.failed = 0
        self.spent = Decimal(0)
        self.has_cost = False
        self._end = 0
        self._unsynced = 0
        self._synced_at = time.monotonic()

    def __len__(self) -> int:
        return len(self._places)

    @property
    def has_new(self) -> bool:
        """Whether the journal has results."""
        return self._end > 0

    def load(self, name: str) -> None:
        """
        Read the results of earlier commands.

        Args:
            name: The name of the output, for errors.

        Raises:
            ArgumentError: They are results of other requests, or no results.
        """
        changes = Changes(name)
        if self._output is not None:
            self._load(self._output, _OUTPUT, changes)
        self._end = self._load(self._journal, _JOURNAL, changes)
        changes.check()
        self._journal.truncate(self._end)

    def is_due(self, index: int, *, retry_failed: bool) -> bool:
        """Tell whether a request has to be sent."""
        place = self._places[index]
        return place == _MISSING or (retry_failed and bool(place & 1))

    def has(self, index: int) -> bool:
        """Tell whether there is a result of a request."""
        return self._places[index] != _MISSING

    def add(self, request: NumberedRequest, result: dict[str, Any]) -> None:
        """
        Append a result to the journal.

        Raises:
            OutputError: It cannot be written.
        """
        row: dict[str, Any] = {"index": request.index}
        if request.line_id is not None:
            row["custom_id"] = request.line_id
        row |= {"input": request.digest, "options": self._options, **result}
        line = f"{terminal.to_json(row)}\n".encode(errors="backslashreplace")
        try:
            self._append(line)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._journal.truncate(self._end)
            raise OutputError(
                f"A result cannot be written: {error.strerror}.",
                hint="Free some space, and run the command again: it sends the requests without a result.",
            ) from error
        self._put(row, _JOURNAL, self._end, len(line))
        self._end += len(line)

    def read(self, index: int) -> bytes:
        """Return the line of a result."""
        place, size = self._places[index], self._sizes[index]
        file = self._journal if place & _JOURNAL or self._output is None else self._output
        file.seek(place >> 2)
        line = b""
        while len(line) < size and (chunk := file.read(size - len(line))):
            line += chunk
        return line if line.endswith(b"\n") else line + b"\n"

    def sync(self) -> None:
        """Write all results to the disk."""
        os.fsync(self._journal.fileno())
        self._unsynced, self._synced_at = 0, time.monotonic()

    def close_output(self) -> None:
        """Close the output, so that it can be replaced."""
        if self._output is not None:
            self._output.close()

    def _append(self, line: bytes) -> None:
        self._journal.seek(self._end)
        rest = memoryview(line)
        while rest:
            rest = rest[self._journal.write(rest) :]
        self._unsynced += 1
        if self._unsynced >= MAX_UNSYNCED_ROWS or time.monotonic() - self._synced_at >= MAX_UNSYNCED_SECONDS:
            self.sync()

    def _load(self, file: FileIO, source: int, changes: Changes) -> int:
        """Read the rows of a file, and return where the last complete one ends."""
        offset = end = 0
        file.seek(0)
        reader = BufferedReader(file)
        for line in reader:
            row = _parse(line)
            is_complete = line.endswith(b"\n")
            if row is None or not (is_complete or source == _OUTPUT):
                changes.damaged += is_complete or source == _OUTPUT  # the last line of a journal may be incomplete
            elif changes.accept(row, self._requests, self._options):
                self._put(row, source, offset, len(line))
            offset += len(line)
            end = offset if is_complete else end
        reader.detach()
        return end

    def _put(self, row: dict[str, Any], source: int, offset: int, size: int) -> None:
        index = row["index"]
        old = self._places[index]
        is_failed = "error" in row
        self.done += old == _MISSING
        self.failed += is_failed - (old != _MISSING and bool(old & 1))
        self._places[index] = offset << 2 | source | is_failed
        self._sizes[index] = size
        if row.get("cost") is not None:
            self.spent += Decimal(str(row["cost"]))
            self.has_cost = True


class Changes:
    """
    What differs between the requests and the results of earlier commands.

    Args:
        name: The name of the output.

    Attributes:
        damaged: How many lines cannot be read.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._changed: list[int] = []
        self._rows = self._beyond = 0
        self._has_other_options = False
        self.damaged = 0

    def accept(self, row: dict[str, Any], requests: RequestFile, options: str) -> bool:
        """Tell whether a result belongs to one of the requests. If not, note why."""
        index = row["index"]
        self._rows += 1
        if index >= len(requests):
            self._beyond = max(self._beyond, index + 1 - len(requests))
        elif row["input"] != requests.digest(index):
            self._changed.append(index)
        elif row["options"] != options:
            self._has_other_options = True
        else:
            return True
        return False

    def check(self) -> None:
        """
        Note damaged lines.

        Raises:
            ArgumentError: The results cannot be continued.
        """
        if self.damaged and not self._rows:
            raise ArgumentError(
                f"The output {self._name} exists, and has no results of this command.",
                hint="Pass --force to replace it, or another file.",
            )
        if problem := self._describe():
            raise ArgumentError(
                f"{self._name} has results of other requests: {problem}.",
                hint="Pass another file to keep them, or --force to start again. Requests may be added at the end.",
            )
        if self.damaged:
            lines = terminal.format_count(self.damaged, "line")
            terminal.note(f"note: {self._name} has {lines} that cannot be read. Their requests are sent again.")

    def _describe(self) -> str | None:
        if self._changed:
            others = f", and {len(self._changed) - 1:,} more" if len(self._changed) > 1 else ""
            return f"request {self._changed[0] + 1:,} has changed{others}"
        if self._beyond:
            return f"the last {terminal.format_count(self._beyond, 'request')} of them are no longer in the input"
        if self._has_other_options:
            return "the model, the system prompt or another option has changed"
        return None


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return a row; None if the line is damaged, or no result of this command."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    is_row = isinstance(row, dict) and isinstance(row.get("index"), int) and row["index"] >= 0
    return row if is_row and isinstance(row.get("input"), str) and isinstance(row.get("options"), str) else None


@contextmanager
def open_rows(requests: RequestFile, options: str, path: Path | None, *, force: bool) -> Iterator[ResultRows]:
    """
    Open the results of requests. At the end of the block, also by an error, the output has all of them in order.

    Args:
        requests: The requests.
        options: Identifies the options of all requests.
        path: The output; None for standard output, whose results last as long as the command.
        force: Whether to delete the results of earlier commands.

    Raises:
        ArgumentError: There are results of other requests, or another command writes to the output.
        OutputError: A file cannot be written.
    """
    if path is None:
        with tempfile.TemporaryFile(buffering=0) as temporary:
            yield ResultRows(requests, options, temporary)
        return
    with open_locked(path.with_name(path.name + JOURNAL_SUFFIX)) as journal, ExitStack() as stack:
        if force:
            path.unlink(missing_ok=True)
            journal.truncate(0)
        output = stack.enter_context(path.open("rb", buffering=0)) if path.exists() else None
        rows = ResultRows(requests, options, journal, output)
        rows.load(terminal.short_path(path))
        try:
            yield rows
        finally:
            if rows.has_new:
                _write(rows, path)
            journal.truncate(0)


def _write(rows: ResultRows, path: Path) -> None:
    """Write all results in order to the output, which replaces it."""
    part = path.with_name(f".{path.name}.{os.urandom(8).hex()}.part")
    try:
        rows.sync()
        with replace_file(path, part):
            with part.open("xb") as file:
                file.writelines(rows.read(index) for index in range(len(rows)) if rows.has(index))
            rows.close_output()
    except OSError as error:
        raise OutputError(
            f"{terminal.short_path(path)} cannot be written: {error.strerror}.",
            hint=f"The results are in {path.name}{JOURNAL_SUFFIX}. Free some space, and run the command again.",
        ) from error


def write_in_order(rows: ResultRows, write: Callable[[str], None] | None) -> Callable[[int], None]:
    """
    Return a function that writes results in order, as far as all before them are there.

    It is called with the end of the results that may be written if there are gaps: 0 while requests run. Without
    ``write`` it does nothing.
    """
    index = 0 if write is not None else len(rows)

    def advance(end: int) -> None:
        nonlocal index
        while index < len(rows) and (rows.has(index) or index < end):
            if rows.has(index) and write is not None:
                write(rows.read(index).decode())
            index += 1

    return advance
