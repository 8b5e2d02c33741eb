"""The example providers, each installed as a distribution in a folder of the test."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

from budwood import Client
from budwood.contracts import PluginContext
from budwood.types import ImagePart, ModelRules
from budwood_testing import FakeClock, chat_chunks, chat_reply, sse

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "docs" / "examples" / "providers"
SECRET = "the-very-secret"
PNG = ImagePart(data=b"\x89PNG", media_type="image/png")


def encode_line(**fields):
    """
    Return one line of a streamed turn of the vendor Seer.
    """
    return json.dumps(fields).encode() + b"\n"


ANSWERS = {
    "wise": {"answer": "Hello", "end": "complete", "tokens": [9, 2]},
    "seer": {"id": "t1", "pieces": [{"text": "Hello"}], "ended": "done", "read": 9, "written": 2},
    "mint": chat_reply("Hello", usage={"prompt_tokens": 9, "completion_tokens": 2}),
}
STREAMS = {
    "wise": sse({"piece": "Hel"}, {"piece": "lo"}, {"end": "complete", "tokens": [9, 2]}, done=False),
    "seer": [
        encode_line(id="t1", piece={"text": "Hel"}),
        encode_line(piece={"text": "lo"}),
        encode_line(ended="done", read=9, written=2),
    ],
    "mint": sse(*chat_chunks(["Hel", "lo"])),
}
MODELS = {"wise": "wise/wise-1", "seer": "seer/seer-1", "mint": "mint/plain"}
FILES = {"wise": "bare", "seer": "base", "mint": "family", "laboratory-azure": "family"}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """
    Create distributions of the examples: their unchanged code, and the metadata for discovery.
    """
    site = tmp_path / "site"
    site.mkdir()
    for file in set(FILES.values()):
        module = f"budwood_example_{file}"
        (site / f"{module}.py").write_text((EXAMPLES / f"{file}.py").read_text("utf-8"), "utf-8")
        metadata = site / f"{module}-0.1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 0.1.0\n", "utf-8")
        entries = "".join(f"{name} = {module}\n" for name in FILES if FILES[name] == file)
        (metadata / "entry_points.txt").write_text(f"[budwood.providers]\n{entries}", "utf-8")
    monkeypatch.syspath_prepend(site)
    importlib.invalidate_caches()
    yield lambda name: importlib.import_module(f"budwood_example_{FILES[name]}")
    for name in [name for name in sys.modules if name.startswith("budwood_example_")]:
        del sys.modules[name]


@pytest.fixture
def asking(installed, scripted, clock):
    """
    Create a client of one of the vendors over the scripted transport.
    """

    def make(name, **options):
        return Client(
            MODELS.get(name), **{"api_key": SECRET, "transport": scripted, "clock": clock, "cache": False, **options}
        )

    return make


@pytest.fixture
def context(tmp_path):
    """
    A context without rules of models.
    """
    return PluginContext(
        instance="here",
        rules=lambda _model, **_family: ModelRules(),
        log=lambda _event, **_fields: None,
        clock=FakeClock(),
        cache_folder=tmp_path,
        data_folder=tmp_path,
    )
