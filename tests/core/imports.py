"""Read the imports of source files, including those inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CORE = REPOSITORY / "core" / "src" / "budwood"


@dataclass(frozen=True)
class Import:
    """
    An import statement: its module, and whether only type checkers read it.
    """

    file: Path
    line: int
    module: str
    for_type_checkers: bool

    def __str__(self):
        return f"{self.file.name}:{self.line} imports {self.module}"

    @property
    def package(self):
        """
        The distribution's package.
        """
        return self.module.partition(".")[0]

    @property
    def layer(self):
        """
        The layer: the second part of the module name, empty for the package itself.
        """
        return f"{self.module}.".split(".")[1]


def list_source_files(package: Path) -> list[Path]:
    """
    List the modules of a package.
    """
    return sorted(package.rglob("*.py"))


def read_imports(file: Path, *roots: Path) -> Iterator[Import]:
    """
    Read all imports of a module, including those inside functions.

    ``roots`` are folders with packages, starting with the folder of the module's own package.
    """
    tree = ast.parse(file.read_text("utf-8"))
    unread = {id(node) for block in ast.walk(tree) if is_for_type_checkers(block) for node in _inside(block)}
    for node in ast.walk(tree):
        for module in _modules(node, file, roots):
            yield Import(file, node.lineno, module, id(node) in unread)


def is_for_type_checkers(node: ast.AST) -> bool:
    """
    Return whether only type checkers read a block.
    """
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _inside(block: ast.If) -> Iterator[ast.AST]:
    for statement in block.body:
        yield from ast.walk(statement)


def _modules(node: ast.AST, file: Path, roots: Sequence[Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parts = file.relative_to(roots[0]).parent.parts
            base = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [base])])
        for alias in node.names:  # `from budwood import logs` imports a module, `from budwood import ask` a name
            module = f"{base}.{alias.name}"
            yield module if any(is_module(root.joinpath(*module.split("."))) for root in roots) else base


def is_module(path: Path) -> bool:
    """
    Return whether a path without its suffix is a module or a package.
    """
    return path.is_dir() or path.with_suffix(".py").is_file()
