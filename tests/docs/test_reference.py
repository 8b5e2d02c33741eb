"""The generated parts of the documentation match the code and the benchmarks."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("script", ["generate.py", "cache_key.py", "figures.py", "gateway_api.py", "gateway_client.py"])
def test_reference_is_up_to_date(script):
    """
    The page in the repository equals the generated one, for any order of sets.
    """
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, FOLDER / script, "--check"],
            capture_output=True,
            text=True,
            check=False,
            env={"PYTHONHASHSEED": seed},
        )

        assert run.returncode == 0, run.stderr
