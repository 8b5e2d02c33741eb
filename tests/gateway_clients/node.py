"""Programs of Node with a package of npm."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"


def install_program(folder, package, name):
    """
    Install a package without running its scripts, copy a program beside it, and return the command that runs it.

    Args:
        folder: An empty folder.
        package: The package with its version.
        name: The file of the program.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        if "CI" in os.environ:
            pytest.fail("Node is not installed")
        pytest.skip("Node is not installed. On Debian: apt-get install nodejs npm")
    install = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", package]
    subprocess.run(install, cwd=folder, check=True, capture_output=True)
    return node, shutil.copy(PROGRAMS / name, folder)
