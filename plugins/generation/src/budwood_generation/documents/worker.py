"""
A process that splits documents; see `budwood_generation.documents.workers`.

It reads one request per line, ``[name, path]`` in JSON, and answers with one line. It ends when its input does.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import BinaryIO

from pydantic_core import to_json

from budwood.errors import ConfigurationError
from budwood_generation.documents.passages import CodeOption
from budwood_generation.documents.sources import Splitter


def main(passage_chars: int, code: CodeOption, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests: with digest, problems and passages, or with the message and the hint of an error."""
    splitter = Splitter(passage_chars, code)
    _write(answers, "ready")
    for line in requests:
        name, path = json.loads(line)  # unlike Pydantic, it keeps paths that are not Unicode
        try:
            content = splitter.read(name, Path(path))
        except ConfigurationError as error:
            _write(answers, {"error": [error.message, error.hint]})
        else:
            passages = [[passage.headings, passage.text, passage.sentences] for passage in content.passages]
            _write(answers, {"digest": content.digest, "problems": content.problems, "passages": passages})


def _write(answers: BinaryIO, value: object) -> None:
    answers.write(to_json(value) + b"\n")
    answers.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process decides when to stop
    main(int(sys.argv[1]), "drop" if sys.argv[2] == "drop" else "keep", sys.stdin.buffer, sys.stdout.buffer)
