"""Run a method of a suite in another process, to find results that depend on the process."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def run_in_other_process(suite: type, method: str, folder: Path) -> object:
    """
    Call a method of a suite in a new process with another PYTHONHASHSEED, and return its result.

    Args:
        suite: The class of the tests; its file is loaded in the new process.
        method: The name of a method with one parameter, the folder; its result is JSON.
        folder: An empty folder for files of the plugin.
    """
    command = [sys.executable, "-m", __name__, inspect.getfile(suite), suite.__module__, suite.__qualname__, method]
    hash_seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    run = subprocess.run(  # noqa: S603 - this interpreter, with our own code
        [*command, str(folder)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, f"{suite.__qualname__}.{method} failed in another process:\n{run.stderr}"
    result: object = json.loads(run.stdout.splitlines()[-1])
    return result


def main(file: str, module: str, name: str, method: str, folder: str) -> None:
    """Load a suite from its file, call a method, and print its result as JSON on the last line."""
    spec = importlib.util.spec_from_file_location(module, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {file}")
    suite: Any = importlib.util.module_from_spec(spec)
    sys.modules[module] = suite
    spec.loader.exec_module(suite)
    for part in name.split("."):
        suite = getattr(suite, part)
    sys.stdout.write("\n" + json.dumps(getattr(suite(), method)(Path(folder))) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
