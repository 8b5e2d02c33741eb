"""The requests of a file, which are checked first, and read again one after the other when they are sent."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Literal

from budwood import BatchRequest
from budwood_cli.batch_runs.lines import FORMS, parse_line
from budwood_cli.errors import ArgumentError, OutputError
from budwood_cli.prompts import STDIN, open_file

InputFormat = Literal["auto", "jsonl", "text"]

MAX_LINE: Final = 256 * 1024 * 1024
"""The longest line in bytes: longer ones are no text of requests, such as a device without line breaks."""

_DIGEST_SIZE: Final = 8
_TEXT_SUFFIXES: Final = frozenset({".txt", ".text", ".md"})
_JSON_SUFFIXES: Final = frozenset({".jsonl", ".ndjson", ".json"})


class NumberedRequest(BatchRequest):
    """
    A request of a file.

    Attributes:
        index: Its place among the requests, from 0.
        line_id: Its id, if it has one.
        digest: Identifies its content: prompt and options.
    """

    __slots__ = ("digest", "index", "line_id")

    def __init__(self, index: int, line_id: str | None, request: BatchRequest) -> None:
        super().__init__(request.prompt, **request.options)
        self.index = index
        self.line_id = line_id
        content = json.dumps([request.prompt, request.options], sort_keys=True, default=str)
        self.digest = hashlib.blake2b(content.encode(), digest_size=_DIGEST_SIZE).hexdigest()


class RequestFile:
    """
    The requests of a file. All lines are checked when it is created.

    Args:
        file: The file, which can be read twice.
        name: Its name, for errors.
        form: What its lines are.

    Attributes:
        first_model: The first model of a line that names its provider, too.
        provider: That of lines that name a model without it.

    Raises:
        ArgumentError: The file has no requests, or a line is not a request.
    """

    def __init__(self, file: BinaryIO, name: str, form: InputFormat) -> None:
        self._file = file
        self._name = name
        self._is_text = self._find_form(form) == "text"
        self._digests = bytearray()
        self.first_model: str | None = None
        self.provider: str | None = None
        for request in self._parse():
            self._digests += bytes.fromhex(request.digest)
            model = request.options.get("model")
            if self.first_model is None and isinstance(model, str) and "/" in model:
                self.first_model = model
        if not self._digests:
            raise ArgumentError(f"{name} has no requests.", hint=FORMS)

    def __len__(self) -> int:
        return len(self._digests) // _DIGEST_SIZE

    def digest(self, index: int) -> str:
        """Return what identifies the content of a request."""
        return self._digests[index * _DIGEST_SIZE : (index + 1) * _DIGEST_SIZE].hex()

    def read(self) -> Iterator[NumberedRequest]:
        """
        Read the requests again.

        Raises:
            ArgumentError: The file has changed meanwhile.
        """
        for request in self._parse():
            if request.index >= len(self) or request.digest != self.digest(request.index):
                raise ArgumentError(
                    f"{self._name} has changed while it was read.",
                    hint="Restore it, and run the command again: the finished requests are kept.",
                )
            model = request.options.get("model")
            if self.provider is not None and isinstance(model, str) and "/" not in model:
                request.options["model"] = f"{self.provider}/{model}"
            yield request

    def _parse(self) -> Iterator[NumberedRequest]:
        for index, (number, line) in enumerate(self._lines()):
            line_id, request = (None, BatchRequest(line)) if self._is_text else parse_line(self._name, number, line)
            yield NumberedRequest(index, line_id, request)

    def _lines(self) -> Iterator[tuple[int, str]]:
        """Yield the lines that are not blank, with their numbers."""
        self._file.seek(0)
        number = 0
        while line := self._file.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise ArgumentError(f"{self._name}, line {number} is longer than {MAX_LINE:,} bytes.", hint=FORMS)
            text = self._decode(number, line)
            if text.strip():
                yield number, text

    def _decode(self, number: int, line: bytes) -> str:
        line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        try:
            text = line.rstrip(b"\r\n").decode()
        except UnicodeDecodeError as error:
            raise ArgumentError(f"{self._name}, line {number} is not UTF-8 text.", hint=FORMS) from error
        if "\0" in text:
            raise ArgumentError(f"{self._name}, line {number} contains a zero byte: it is not a text.", hint=FORMS)
        return text

    def _find_form(self, form: InputFormat) -> InputFormat:
        """Return what the lines are: by the name of the file, or else by its first line."""
        suffix = Path(self._name).suffix.lower()
        if form != "auto":
            return form
        if suffix in _JSON_SUFFIXES:
            return "jsonl"
        _, first = next(self._lines(), (1, ""))
        kinds = (dict,) if suffix in _TEXT_SUFFIXES else (dict, str)
        try:
            return "jsonl" if isinstance(json.loads(first), kinds) else "text"
        except (ValueError, RecursionError):
            return "text"


@contextmanager
def open_requests(name: str, form: InputFormat = "auto") -> Iterator[RequestFile]:
    """
    Open the requests of a file, or of standard input for ``-``.

    Raises:
        ArgumentError: The file cannot be read, or has no requests.
        OutputError: What standard input contains cannot be stored.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(Path(name).open("rb")) if name != STDIN else _standard_input()
            is_regular = name != STDIN and stat.S_ISREG(os.fstat(file.fileno()).st_mode)
        except OSError as error:
            raise ArgumentError(
                f"{name}: {error.strerror}.", hint="Pass a file with requests, one a line, or - for standard input."
            ) from error
        if not is_regular:
            file = stack.enter_context(_store(file))
        yield RequestFile(file, "standard input" if name == STDIN else name, form)


def _standard_input() -> BinaryIO:
    open_file(STDIN)  # checks that it is not a terminal
    return sys.stdin.buffer


def _store(source: BinaryIO) -> BinaryIO:
    """Copy what a pipe contains, since requests are read twice."""
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        shutil.copyfileobj(source, copy)
    except OSError as error:
        copy.close()
        raise OutputError(
            f"The requests cannot be stored in {tempfile.gettempdir()}: {error.strerror}.",
            hint="Free some space, or write the requests to a file, and pass its name.",
        ) from error
    return copy
