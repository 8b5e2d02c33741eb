"""Source files have no vendor names outside plugins, and are not too long."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.imports import CORE, REPOSITORY, list_source_files

VENDORS = (
    "openai azure anthropic claude gemini google vertex groq ollama mistral openrouter bedrock vllm deepseek microsoft "
    "hugging x-ai perplexity fireworks llama.cpp x-ms- apim- service_tier servicetier traffictype inference_geo betas"
).split()
"""Names of vendors and servers, and of fields and headers that only one vendor has."""

WITHOUT_VENDORS = ("engine", "providing", "wire")


def find_vendors(folder: Path) -> list[str]:
    """
    Find names of vendors in the modules of a folder: in code, comments and docstrings.
    """
    return [
        f"{file.name}:{number} names {vendor}"
        for file in list_source_files(folder)
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        for vendor in VENDORS
        if vendor in line.lower()
    ]


@pytest.mark.parametrize("layer", WITHOUT_VENDORS)
def test_vendors_are_for_plugins(layer):
    """
    Code for one vendor belongs in its plugin.
    """
    assert find_vendors(CORE / layer) == []


def test_names_of_vendors_are_found(tmp_path):
    """
    They are found anywhere in a line, in upper or lower case.
    """
    (tmp_path / "a.py").write_text('"""A module."""\nX_MS = headers["X-MS-Request-ID"]  # of Azure\n')

    assert find_vendors(tmp_path) == ["a.py:2 names azure", "a.py:2 names x-ms-"]


# The length of files.

MAX_LINES = 400
"""Maximum number of lines of a source file."""


def test_no_source_file_is_too_long():
    """
    A longer module must be split by subject.
    """
    sources = [CORE, *REPOSITORY.glob("plugins/*/src")]
    lengths = {
        file: len(file.read_text("utf-8").splitlines()) for folder in sources for file in list_source_files(folder)
    }

    assert [f"{file.name} has {lines} lines" for file, lines in lengths.items() if lines > MAX_LINES] == []
    assert len(lengths) > 300
