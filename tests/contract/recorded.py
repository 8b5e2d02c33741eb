"""Recorded traffic of vendors, read in place from the folder beside the project."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"
CASSETTES = SHARED / "cassettes"


@cache
def tool(name):
    """
    Import one of the scripts that come with the recordings.
    """
    spec = importlib.util.spec_from_file_location(f"shared_{name}", SHARED / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass with slots looks its module up
    spec.loader.exec_module(module)
    return module


@cache
def index():
    """
    List what was recorded; nothing where the folder is absent.
    """
    if not CASSETTES.is_dir():
        return ()
    lines = (CASSETTES / "index.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


def files(fits, *folders, named=""):
    """
    List the recordings that hold a fitting exchange, each as one case of a test; folders and names choose among them.

    Where the folder is absent there is one case, whose test skips or fails by the fixture `shared_folder`.
    """
    names = [
        entry["file"]
        for entry in index()
        if named in entry["file"] and (not folders or entry["provider"] in folders)
        if any(map(fits, entry["interactions"]))
    ]
    return [pytest.param(name, id=name) for name in names] or [pytest.param(None, id="no-recordings")]


def fixtures(*folders, suffix, prefix=""):
    """
    List replies that were recorded without their requests; a transcription lies among them.
    """
    found = [path for name in folders for path in sorted((CASSETTES / "response-fixtures" / name).glob(f"*{suffix}"))]
    found = [path for path in found if path.name.startswith(prefix) and "transcription" not in path.name]
    named = [pytest.param(path, id=f"{path.parent.name}/{path.name}") for path in found]
    return named or [pytest.param(None, id="no-recordings")]


def ends_with(url, ending):
    """
    Whether a recorded address is one of an endpoint, whatever its host and its query.
    """
    return urlsplit(url).path.endswith(ending)


@dataclass(frozen=True)
class Exchange:
    """
    A recorded request and its reply: the ``number``-th of a ``file``, and what the index says of it.
    """

    file: str
    number: int
    entry: dict[str, Any]
    request: Any
    response: Any

    @property
    def key(self):
        """
        What no other exchange has.
        """
        return self.file, self.number


@cache
def interactions(file):
    """
    Read one recording.
    """
    (entries,) = (recording["interactions"] for recording in index() if recording["file"] == file)
    read = tool("recordings").read_interactions(CASSETTES / file)
    return tuple(
        Exchange(file, number, entry, one.request, one.response)
        for number, (entry, one) in enumerate(zip(entries, read, strict=True))
    )


def of(file, fits):
    """
    List the fitting exchanges of a recording.
    """
    return [one for one in interactions(file) if fits(one.entry)]


def sse_of(path, *, end=b"data: [DONE]\n\n"):
    """
    Write chunks that were recorded one a line as the stream that they were.
    """
    lines = path.read_bytes().splitlines()
    return b"".join(b"data: " + line + b"\n\n" for line in lines if line) + end


def streams_of(path):
    """
    List the streams of a file of chunks: one, whose end OpenAI marks.
    """
    return [sse_of(path)]
