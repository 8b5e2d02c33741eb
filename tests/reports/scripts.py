"""
Run every script of the folder ``shared/cases`` beside the checkout, and print the output of each.

A script reproduces a reported fault: it exits with 0 if Budwood handles it correctly. Arguments choose scripts by the
beginnings of their names. Where the folder is absent, nothing is run; in CI its absence is a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parents[3] / "shared" / "cases"
SECONDS_PER_SCRIPT: Final = 120


def main(*beginnings: str) -> int:
    """Run the scripts in parallel and return the exit status: 0 if all of them passed."""
    scripts = sorted(script for script in FOLDER.glob("*.py") if script.name.startswith(beginnings or ""))
    if not scripts:
        print(f"No scripts found in {FOLDER.parent.name}/{FOLDER.name}, beside the checkout.")
        return 1 if os.environ.get("CI") or beginnings else 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        statuses = list(pool.map(run, scripts))
    failed = len(statuses) - statuses.count(0)
    print(f"{len(scripts)} scripts, {failed} failed")
    return 1 if failed else 0


def run(script: Path) -> int:
    """Run a script, print its name and output, and return its exit status."""
    command = [sys.executable, "-B", str(script)]
    process = subprocess.run(command, capture_output=True, check=False, text=True, timeout=SECONDS_PER_SCRIPT)
    print(f"{script.stem}: {process.stdout}{process.stderr}".rstrip(), flush=True)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
