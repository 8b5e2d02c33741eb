"""OpenAI's vocabularies in a folder with tiktoken's file names."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

import pytest

from budwood_tiktoken.vocabularies import VOCABULARIES


@pytest.fixture(scope="session")
def vocabularies(tmp_path_factory):
    """
    A folder with the two vocabularies; tiktoken checks their digests.
    """
    folder = tmp_path_factory.mktemp("vocabularies")
    data = Path(find_spec("bpe_openai").origin).parent / "data"  # not imported, because it uses deprecated functions
    for name, vocabulary in VOCABULARIES.items():
        compressed = data.joinpath(f"{name}.tiktoken.gz").read_bytes()
        folder.joinpath(vocabulary.file).write_bytes(gzip.decompress(compressed))
    return folder
