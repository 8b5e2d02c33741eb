"""Recorded traffic of vendors, read from the folder `shared` next to the repository."""

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
FOLDERS = (CASSETTES, SHARED / "cassettes-media")
"""The folders of recordings; each has an index, and no file is in both."""


@cache
def load_script(name):
    """
    Import one of the scripts of the folder.
    """
    spec = importlib.util.spec_from_file_location(f"shared_{name}", SHARED / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # required by dataclasses with slots
    spec.loader.exec_module(module)
    return module


@cache
def read_index():
    """
    Return the indexes of the recordings; empty if the folders are missing.
    """
    indexes = [folder / "index.jsonl" for folder in FOLDERS if folder.is_dir()]
    return tuple(json.loads(line) for index in indexes for line in index.read_text(encoding="utf-8").splitlines())


def list_files(predicate, *folders, named=""):
    """
    Return the recordings that contain a matching exchange as cases of a test, filtered by folder and name.

    If the folder is missing there is one case, which is skipped or fails by the fixture `shared_folder`.
    """
    names = [
        entry["file"]
        for entry in read_index()
        if named in entry["file"] and (not folders or entry["provider"] in folders)
        if any(map(predicate, entry["interactions"]))
    ]
    return [pytest.param(name, id=name) for name in names] or [pytest.param(None, id="no-recordings")]


def list_fixtures(*folders, suffix, prefix=""):
    """
    Return replies that were recorded without their requests, except transcriptions.
    """
    found = [path for name in folders for path in sorted((CASSETTES / "response-fixtures" / name).glob(f"*{suffix}"))]
    found = [path for path in found if path.name.startswith(prefix) and "transcription" not in path.name]
    named = [pytest.param(path, id=f"{path.parent.name}/{path.name}") for path in found]
    return named or [pytest.param(None, id="no-recordings")]


def ends_with(url, ending):
    """
    Return whether the path of a recorded URL ends with a path.
    """
    return urlsplit(url).path.endswith(ending)


@dataclass(frozen=True)
class Exchange:
    """
    A recorded request and its reply: its number in a file, and its entry in the index.
    """

    file: str
    number: int
    entry: dict[str, Any]
    request: Any
    response: Any

    @property
    def key(self):
        """
        The unique key of the exchange.
        """
        return self.file, self.number


@cache
def read_exchanges(file):
    """
    Read one recording.
    """
    (entries,) = (recording["interactions"] for recording in read_index() if recording["file"] == file)
    (path,) = (folder / file for folder in FOLDERS if (folder / file).is_file())
    read = load_script("recordings").read_interactions(path)
    return tuple(
        Exchange(file, number, entry, one.request, one.response)
        for number, (entry, one) in enumerate(zip(entries, read, strict=True))
    )


def select_exchanges(file, predicate):
    """
    Return the matching exchanges of a recording.
    """
    return [one for one in read_exchanges(file) if predicate(one.entry)]


def to_sse(path, *, end=b"data: [DONE]\n\n"):
    """
    Return chunks that were recorded one in each line as an event stream.
    """
    lines = path.read_bytes().splitlines()
    return b"".join(b"data: " + line + b"\n\n" for line in lines if line) + end


def read_streams(path):
    """
    Return the streams of a file of chunks: one, with OpenAI's end mark.
    """
    return [to_sse(path)]
