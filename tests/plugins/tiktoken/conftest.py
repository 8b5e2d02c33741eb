"""OpenAI's vocabularies, as they lie in tiktoken's folder."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

import pytest

from budwood_tiktoken.vocabularies import VOCABULARIES


@pytest.fixture(scope="session")
def vocabularies(tmp_path_factory):
    """
    A folder with the two vocabularies; tiktoken checks that they are OpenAI's own.
    """
    folder = tmp_path_factory.mktemp("vocabularies")
    data = Path(find_spec("bpe_openai").origin).parent / "data"  # not imported: it uses what Python deprecates
    for name, vocabulary in VOCABULARIES.items():
        packed = data.joinpath(f"{name}.tiktoken.gz").read_bytes()
        folder.joinpath(vocabulary.file).write_bytes(gzip.decompress(packed))
    return folder
