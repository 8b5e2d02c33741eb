"""The next steps after a package is created."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from budwood_cli.scaffold.kinds import Family
from budwood_cli.scaffold.packages import Package


def next_steps(package: Package, folder: Path) -> str:
    """Return the commands that install, test and lint the package."""
    activate = r".venv\Scripts\activate" if sys.platform == "win32" else ". .venv/bin/activate"
    family = ["budwood-openai-compatible"] if package.family is Family.OPENAI else []
    needed = ["budwood", "budwood-cli", "budwood-testing", *family]
    sources = [_source(name) for name in needed]
    lines = [
        f"cd {shlex.quote(str(folder))}",
        "python -m venv .venv",
        activate,
        f"python -m pip install {' '.join(sources)}",
        'python -m pip install --editable ".[test,lint]"',
        "pytest",
        "ruff check && ruff format --check && mypy",
        "budwood plugins doctor",
    ]
    notes = [
        "`grep -rn Change: pyproject.toml README.md src tests` lists the places to change.",
        "The guide is docs/plugin-author-guide.md in Budwood's repository.",
    ]
    if any(source.startswith("CHECKOUT") for source in sources):
        notes.insert(0, "Replace CHECKOUT by the path of a checkout of Budwood's repository: it is not on an index.")
    return "\n".join(["Next:", *(f"  {line}" for line in lines), *notes])


def _source(name: str) -> str:
    """Return the path from which pip can install a distribution: its origin, or its folder in the checkout."""
    path = _origin(name) or _beside_core(name)
    return shlex.quote(str(path)) if path else f"CHECKOUT/{_folder(name)}"


def _beside_core(name: str) -> Path | None:
    """Return the folder of a distribution in the checkout from which the core was installed."""
    core = _origin("budwood")
    path = core.parent / _folder(name) if core else None
    return path if path and path.is_dir() else None


def _folder(name: str) -> str:
    """Return the folder of a distribution in a checkout."""
    return "core" if name == "budwood" else f"plugins/{name.removeprefix('budwood-')}"


def _origin(name: str) -> Path | None:
    """Return the file or folder from which a distribution was installed, as recorded by PEP 610."""
    from importlib_metadata import PackageNotFoundError, distribution  # reads the origin on every Python

    try:
        recorded = str(getattr(distribution(name).origin, "url", ""))
    except PackageNotFoundError:
        return None
    address = urlsplit(recorded)
    path = Path(url2pathname(address.path))
    return path if address.scheme == "file" and path.exists() else None
