"""openai-python's own tests of chats, embeddings and models, from its source archive."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from importlib.metadata import version

FILES = [f"tests/api_resources/{name}.py" for name in ("chat/test_completions", "test_embeddings", "test_models")]
EXPECTED = 36
"""Of 38."""


def test_openais_own_tests_pass(gateway, tmp_path):
    """
    At least 36 of the 38 tests of openai-python that create or list pass against the gateway.
    """
    source = unpack_source(tmp_path)
    conftest = source / "tests" / "conftest.py"
    conftest.write_text(conftest.read_text("utf-8").replace('"My API Key"', repr(gateway.key)), "utf-8")

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", *FILES, "-k", "not Async and (create or list)"],
        cwd=source,
        env=gateway.environment | {"TEST_API_BASE_URL": f"{gateway.url}/v1"},
        capture_output=True,
        text=True,
        check=False,
    )

    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed, run.stdout + run.stderr
    assert int(passed[1]) >= EXPECTED, run.stdout


def unpack_source(folder):
    """
    Download the source archive of the installed openai-python, and unpack it.
    """
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:"]
    requirement = f"openai=={version('openai')}"
    subprocess.run([*download, "--no-build-isolation", "--dest", str(folder), requirement], check=True)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(path for path in folder.glob("openai-*") if path.is_dir())
