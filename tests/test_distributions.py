"""Each distribution declares its imports, and includes the licence and type information."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.one_python

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = sorted(path.parent for path in (ROOT / "core/pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")))
PLUGINS = [folder for folder in FOLDERS if folder.name != "core"]
NOT_IN_ALL = {"langchain", "llama-index", "parquet-storage", "server", "transformers"}
NOT_INSTALLED = {"llama_index": ["llama-index-core"]}
"""Packages that only their own sessions install, whose distributions have other names."""
DISTRIBUTIONS = NOT_INSTALLED | importlib.metadata.packages_distributions()

every_distribution = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
every_plugin = pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)


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


def extras_of_the_core() -> dict[str, list[str]]:
    """Return the extras of the core, and what each of them requires."""
    project = tomllib.loads((ROOT / "core/pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["optional-dependencies"]


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


@every_plugin
def test_each_plugin_is_an_extra_of_the_core(folder):
    """
    ``budwood[NAME]`` installs the distribution of this name, in the same version.
    """
    assert extras_of_the_core()[folder.name] == [f"budwood-{folder.name}>=0.1,<0.2"]


@every_plugin
def test_each_plugin_is_in_the_table_of_the_readme(folder):
    """
    The README says in one line what each distribution is for.
    """
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert len(re.findall(rf"(?m)^\| `budwood-{folder.name}` \| .+ \|$", readme)) == 1


def test_everything_that_most_programs_can_use_is_in_all():
    """
    ``budwood[all]`` installs each distribution but the test kit, those with hundreds of megabytes, and integrations.
    """
    (everything,) = extras_of_the_core()["all"]
    names = re.fullmatch(r"budwood\[(.+)\]", everything)[1].split(",")

    assert {folder.name for folder in PLUGINS} - {*names} == {"testing", *NOT_IN_ALL}
