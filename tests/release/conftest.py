"""
A small repository with one distribution, which tests break, and the environment of its build backend.

The tests are skipped where the tools of a release are not installed: `nox -s release` installs them.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from release.projects import Release

TOOLS = ("hatchling", "packaging", "pyproject_hooks", "pyroma", "trove_classifiers", "twine", "uv")
MISSING = [name for name in TOOLS if importlib.util.find_spec(name) is None]
collect_ignore_glob = ["test_*.py"] if MISSING else []
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".ci"))


def pytest_terminal_summary(terminalreporter):
    """
    Say why no test was collected.
    """
    if MISSING:
        missing = ", ".join(MISSING)
        terminalreporter.write_line(f"tests/release: skipped, without {missing}. Run nox -s release -- --check.")


LICENCE = "All rights are granted.\n"
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "twig"
dynamic = ["version"]
description = "An example distribution for tests"
readme = "README.md"
license = "Apache-2.0"
authors = [{ name = "The authors" }]
requires-python = ">=3.11"
keywords = ["example"]
classifiers = [
  "Development Status :: 3 - Alpha",
  "Programming Language :: Python :: 3",
  "Programming Language :: Python :: 3.11",
  "Typing :: Typed",
]
dependencies = []

[project.urls]
Source = "https://code.example/twig"

[tool.hatch.version]
path = "../pyproject.toml"
pattern = 'version = "(?P<version>[^"]+)"'

[tool.hatch.build.targets.sdist]
include = ["/src"]

[tool.hatch.build.targets.wheel]
packages = ["src/twig"]
"""


class Repository:
    """A repository whose release can be checked; its only distribution is ``twig`` in ``core/``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("pyproject.toml", '[tool.budwood]\nversion = "0.1.0"\n')
        self.write("CHANGELOG.md", "# Changelog\n\n## [0.1.0] - 2026-01-31\n\n- The first version.\n")
        self.write("LICENSE", LICENCE)
        self.write("core/LICENSE", LICENCE)
        self.write("core/README.md", "# twig\n\nAn example – nothing more.\n")
        self.write("core/pyproject.toml", PROJECT)
        self.write("core/src/twig/__init__.py", '"""An example."""\n')
        self.write("core/src/twig/py.typed", "")

    def write(self, path: str, text: str) -> Path:
        """Write a file."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def replace(self, path: str, old: str, new: str) -> None:
        """Replace a text in a file that has it."""
        text = (self.root / path).read_text(encoding="utf-8")
        assert old in text
        self.write(path, text.replace(old, new))

    def release(self) -> Release:
        """Return the release, of which nothing is built."""
        from release.projects import Release

        return Release(self.root, self.root / ".nox" / "release-files")

    def build(self) -> Release:
        """Return the release with its files."""
        from release.building import build_all

        release = self.release()
        assert build_all(release) == []
        return release

    def git(self, *arguments: str) -> None:
        """Run git in the repository."""
        identity = ["-c", "user.name=Test", "-c", "user.email=test@code.example"]
        subprocess.run(["git", "-C", str(self.root), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    """
    A repository without a mistake.
    """
    return Repository(tmp_path / "repository")
