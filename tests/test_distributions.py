"""Each distribution declares its imports, and includes the licence and type information."""

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


def imports_of(folder: Path) -> set[str]:
    """Return the packages that the sources of a distribution import at runtime."""
    names = set()
    for path in folder.glob("src/**/*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for_types = {
            child for node in ast.walk(tree) if is_type_checking(node) for body in node.body for child in ast.walk(body)
        }
        for node in ast.walk(tree):
            if node in for_types:
                continue
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    own = {path.name for path in folder.glob("src/*")}
    return names - own - sys.stdlib_module_names


def is_type_checking(node: ast.AST) -> bool:
    """Return whether a node is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def requirements_of(folder: Path) -> set[str]:
    """Return the distributions that a distribution requires, including extras."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {}).values()
    requirements = [*project["dependencies"], *(requirement for extra in extras for requirement in extra)]
    return {normalize(re.match(r"[\w.-]+", requirement)[0]) for requirement in requirements}


def normalize(name: str) -> str:
    """Return the normalized name of a distribution."""
    return re.sub(r"[-_.]+", "-", name).lower()


@every_distribution
def test_imports_are_declared(folder):
    """
    A distribution requires every package that it imports.
    """
    required = requirements_of(folder)

    assert {
        name for name in imports_of(folder) if required.isdisjoint(map(normalize, (name, *DISTRIBUTIONS.get(name, ()))))
    } == set()


@every_distribution
def test_licence_is_in_each_folder(folder):
    """
    Each distribution has a copy of the licence, which the build includes.
    """
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@every_distribution
def test_types_are_published(folder):
    """
    Each package has a ``py.typed`` file.
    """
    packages = [path.parent for path in folder.glob("src/*/__init__.py")]

    assert packages != []
    assert [package.name for package in packages if not (package / "py.typed").is_file()] == []
