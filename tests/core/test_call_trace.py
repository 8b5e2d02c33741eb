"""The functions that one call passes through, which must be few enough to follow."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.call_trace import Step


@pytest.fixture(scope="module")
def steps():
    """
    The functions of one ``client.ask`` with openai-compatible, traced in a separate process.
    """
    command = [sys.executable, "-m", "tests.benchmarks.call_trace", "--json"]
    run = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    return [Step(**step) for step in json.loads(run.stdout)]


def test_request_passes_through_few_functions_and_files(steps):
    """
    Without optional policies it passes through at most 120 functions in at most 30 files.
    """
    files = {step.file for step in steps}

    assert len(steps) <= 120
    assert len(files) <= 30, "\n".join(sorted(files))


def test_no_function_on_the_way_is_long(steps):
    """
    Each has at most 30 lines, including its docstring.
    """
    assert [step for step in steps if step.lines > 30] == []


def test_the_trace_is_complete(steps):
    """
    It goes from the client to the provider and back, over the default transport.
    """
    names = {step.name for step in steps}

    assert {"Client.ask", "OpenAICompatible.encode", "PooledTransport.open", "OpenAICompatible.decode"} <= names
