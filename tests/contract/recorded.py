"""Recorded traffic of vendors, read in place from the folder beside the project."""

from __future__ import annotations

import importlib.util
import json
import sys
from functools import cache
from pathlib import Path
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


def files(fits, named=""):
    """
    List the recordings that hold a fitting interaction, and ``named`` in their names, each as one case of a test.

    Where the folder is absent there is one case, whose test skips or fails by the fixture `shared_folder`.
    """
    names = [entry["file"] for entry in index() if named in entry["file"] and any(map(fits, entry["interactions"]))]
    return [pytest.param(name, id=name) for name in names] or [pytest.param(None, id="no-recordings")]


def fixtures(*folders, suffix):
    """
    List chats that were recorded without their requests; a transcription lies among them.
    """
    found = [path for name in folders for path in sorted((CASSETTES / "response-fixtures" / name).glob(f"*{suffix}"))]
    found = [path for path in found if "transcription" not in path.name]
    named = [pytest.param(path, id=f"{path.parent.name}/{path.name}") for path in found]
    return named or [pytest.param(None, id="no-recordings")]


def ends_with(url, ending):
    """
    Whether a recorded address is one of an endpoint, whatever its host and its query.
    """
    return urlsplit(url).path.endswith(ending)


@cache
def interactions(file):
    """
    Read one recording.
    """
    return tuple(tool("recordings").read_interactions(CASSETTES / file))


def chats(file):
    """
    List the chats of a recording: those that were sent in JSON.
    """
    return [
        one
        for one in interactions(file)
        if one.request.method == "POST"
        and ends_with(one.request.url, "/chat/completions")
        and one.request.body.startswith(b"{")
    ]
