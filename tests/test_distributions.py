"""Each distribution stands alone: it declares what it imports, and carries its licence."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = sorted(path.parent for path in (ROOT / "core/pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")))
DISTRIBUTIONS = importlib.metadata.packages_distributions()

every_distribution = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def imported(folder: Path) -> set[str]:
    """Name the packages that the sources of a distribution import, wherever in them."""
    names = set()
    for path in folder.glob("src/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    own = {path.name for path in folder.glob("src/*")}
    return names - own - sys.stdlib_module_names


def declared(folder: Path) -> set[str]:
    """Name the distributions that a distribution requires, always or with an extra."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {}).values()
    requirements = [*project["dependencies"], *(requirement for extra in extras for requirement in extra)]
    return {normalised(re.match(r"[\w.-]+", requirement)[0]) for requirement in requirements}


def normalised(name: str) -> str:
    """Return a distribution's name in the one form in which names compare."""
    return re.sub(r"[-_.]+", "-", name).lower()


@every_distribution
def test_what_is_imported_is_declared(folder):
    """
    No distribution lives on what another one's requirements happen to bring.
    """
    known = declared(folder)

    assert {
        name for name in imported(folder) if known.isdisjoint(map(normalised, (name, *DISTRIBUTIONS.get(name, ()))))
    } == set()


@every_distribution
def test_the_licence_lies_in_each_folder(folder):
    """
    The build takes it from there into wheels and sdists; it is the licence of the whole.
    """
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@every_distribution
def test_types_are_published(folder):
    """
    Type checkers read the annotations of each package: it has a file ``py.typed``.
    """
    packages = [path.parent for path in folder.glob("src/*/__init__.py")]

    assert packages != []
    assert [package.name for package in packages if not (package / "py.typed").is_file()] == []
