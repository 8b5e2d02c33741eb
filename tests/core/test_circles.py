"""No modules of the core import each other in a circle."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.imports import CORE, list_source_files, read_imports


def find_circles(package: Path) -> set[frozenset[str]]:
    """
    Find modules that import each other in a circle. Imports inside functions count, those for type checkers do not.
    """
    graph = _build_graph(package)
    reachable = {module: _find_reachable(module, graph) for module in graph}
    circles = (frozenset(other for other in reachable[module] if module in reachable[other]) for module in graph)
    return {circle | {module} for module, circle in zip(graph, circles, strict=True) if circle}


def _build_graph(package: Path) -> dict[str, set[str]]:
    modules = {_module_name(file, package.parent): file for file in list_source_files(package)}
    return {
        module: {
            imported.module
            for imported in read_imports(file, package.parent)
            if imported.module in modules and imported.module != module and not imported.for_type_checkers
        }
        for module, file in modules.items()
    }


def _module_name(file: Path, root: Path) -> str:
    return ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def _find_reachable(module: str, graph: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [*graph[module]]
    while waiting:
        other = waiting.pop()
        if other not in found:
            found.add(other)
            waiting.extend(graph[other])
    return found


def test_no_modules_import_each_other_in_a_circle():
    """
    Each module can be understood after those that it imports.
    """
    assert find_circles(CORE) == set()


@pytest.mark.parametrize(
    ("statement", "is_circle"),
    [
        ("from package import a", True),
        ("def f():\n    from package.a import x", True),
        ("from package.folder import c", True),
        ("if TYPE_CHECKING:\n    from package import a", False),
        ("import os", False),
    ],
)
def test_circle_is_found(tmp_path, statement, is_circle):
    """
    It may include several modules and imports inside functions, but not those for type checkers.
    """
    files = {"a": "from package.b import x", "b": statement, "folder/c": "import package.a", "folder/__init__": ""}
    for name, text in files.items():
        file = tmp_path / "package" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    assert bool(find_circles(tmp_path / "package")) is is_circle
