"""Wheels and sdists are complete, contain nothing else, and are equal however they are built."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from release.problems import Problem
from release.projects import Built, Release, read_wheel

UNWANTED: Final = re.compile(
    r"(^|/)(__pycache__|conftest\.py|test_[^/]*\.py|[^/]+\.(pyc|pyo|orig|rej|log|egg-info)|Thumbs\.db"
    r"|\.(DS_Store|coverage[^/]*|env|git|hypothesis|[a-z]+_cache))(/|$)"
)
"""Tests, caches, and what editors and tools leave behind."""
ALWAYS_IN_SDIST: Final = {"LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}
OPTIONAL_IN_SDIST: Final = {"NOTICE"}
"""What names other people's work that a distribution includes."""
ADDED: Final = ".gitignore"  # hatchling adds it to sdists, so that a build from them excludes the same files


def check_contents(release: Release) -> Iterator[Problem]:
    """Check the files of each wheel and sdist."""
    licence = release.root.joinpath("LICENSE").read_bytes()
    for built in release.built:
        yield from check_wheel(built)
        yield from check_sdist(built)
        yield from check_licence(built, licence)
        yield from check_readme(built)
        yield from check_paths(built, release.root)
        yield from compare_wheels(built)


def check_wheel(built: Built) -> Iterator[Problem]:
    """Check that a wheel has exactly the files of ``src``, with ``py.typed``, and none of tests or caches."""
    name, files = built.wheel.name, {path for path in built.wheel_files if ".dist-info/" not in path}
    sources = built.project.sources()
    for path in sorted(sources - files):
        if not UNWANTED.search(path):
            yield Problem(name, f"{path} of src/ is missing.", "Include it in [tool.hatch.build.targets.wheel].")
    for path in sorted(files - sources):
        yield Problem(name, f"It contains {path}, which is not in src/.", "Remove it from the build's configuration.")
    for path in sorted(files & sources):
        if UNWANTED.search(path):
            yield Problem(name, f"It contains {path}, a test or cache file.", "Move it out of src/, or delete it.")
    for package in built.project.packages:
        if f"{package}/py.typed" not in files:
            cure = f"Create an empty file {package}/py.typed in src/, so that type checkers read its types."
            yield Problem(name, f"{package}/py.typed is missing.", cure)


def check_sdist(built: Built) -> Iterator[Problem]:
    """Check that an sdist has the sources, the licences, the README and ``pyproject.toml``, and nothing else."""
    name, files = built.sdist.name, set(built.sdist_files) - OPTIONAL_IN_SDIST - {ADDED}
    expected = {f"src/{path}" for path in built.project.sources() if not UNWANTED.search(path)} | ALWAYS_IN_SDIST
    for path in sorted(expected - files):
        yield Problem(name, f"{path} is missing.", f"Add it to {built.project.folder.name}/, and to the sdist.")
    for path in sorted(files - expected):
        cure = "Delete it, or remove it from [tool.hatch.build.targets.sdist]."
        yield Problem(name, f"It contains {path}, which is not needed to build or use it.", cure)


def check_licence(built: Built, licence: bytes) -> Iterator[Problem]:
    """Check that the wheel has the licence of the repository."""
    found = built.find_metadata("licenses/LICENSE")
    if found != licence:
        cause = "The licence is different from the one of the repository." if found else "The licence is missing."
        yield Problem(built.wheel.name, cause, f"Copy LICENSE of the repository to {built.project.folder.name}/.")


def check_readme(built: Built) -> Iterator[Problem]:
    """Check that the long description is the README."""
    readme = built.project.folder / "README.md"
    text = readme.read_text(encoding="utf-8").strip() if readme.is_file() else ""
    if not text or built.description.strip() != text:
        cure = f'Write {built.project.folder.name}/README.md, and set readme = "README.md" in pyproject.toml.'
        yield Problem(built.wheel.name, "The long description is not the README.", cure)


def check_paths(built: Built, root: Path) -> Iterator[Problem]:
    """Look for the absolute paths of this machine."""
    home = Path.home()
    folders = [str(root), sys.prefix, *([str(home)] if len(home.parts) > 2 else [])]  # "/root" is also a usual word
    for file, contents in ((built.wheel.name, built.wheel_files), (built.sdist.name, built.sdist_files)):
        for path, data in contents.items():
            for folder in folders:
                if folder.encode() in data:
                    cure = "Use a path that is relative, or one of no machine."
                    yield Problem(file, f"{path} contains the path {folder} of this machine.", cure)


def compare_wheels(built: Built) -> Iterator[Problem]:
    """Compare the wheel that was built from the sdist with the wheel that was built from the checkout."""
    checkout, published = read_wheel(built.checkout_wheel), built.wheel_files
    different = [path for path in sorted({*checkout, *published}) if checkout.get(path) != published.get(path)]
    different = [path for path in different if not path.endswith(".dist-info/RECORD")]  # which lists the others
    if different:
        cause = f"The sdist builds another wheel than the checkout: {', '.join(different[:5])}."
        cure = "Include in the sdist everything that the build reads."
        yield Problem(built.sdist.name, cause, cure)
