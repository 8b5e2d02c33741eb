"""What an author does next with a new package."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from budwood_cli.scaffold.kinds import Family
from budwood_cli.scaffold.packages import Package


def next_steps(package: Package, folder: Path) -> str:
    """Write the commands that install, prove, lint and build the package."""
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
        "`grep -rn Change: pyproject.toml README.md src tests` lists what waits for you.",
        "The guide docs/plugin-author-guide.md of Budwood's repository leads through all of it.",
    ]
    if any(source.startswith("CHECKOUT") for source in sources):
        notes.insert(0, "CHECKOUT is a checkout of Budwood's repository: no index has its distributions.")
    return "\n".join(["Next:", *(f"  {line}" for line in lines), *notes])


def _source(name: str) -> str:
    """Return what pip can install one of Budwood's distributions from: where it was installed from, or the checkout."""
    path = _origin(name) or _beside_core(name)
    return shlex.quote(str(path)) if path else f"CHECKOUT/{_folder(name)}"


def _beside_core(name: str) -> Path | None:
    """Return the folder of a distribution in the checkout that the core was installed from."""
    core = _origin("budwood")
    path = core.parent / _folder(name) if core else None
    return path if path and path.is_dir() else None


def _folder(name: str) -> str:
    """Return the folder of a distribution in a checkout."""
    return "core" if name == "budwood" else f"plugins/{name.removeprefix('budwood-')}"


def _origin(name: str) -> Path | None:
    """Return the file or folder that a distribution was installed from, as PEP 610 records it."""
    from importlib_metadata import PackageNotFoundError, distribution  # reads the origin on every Python

    try:
        recorded = str(getattr(distribution(name).origin, "url", ""))
    except PackageNotFoundError:
        return None
    address = urlsplit(recorded)
    path = Path(url2pathname(address.path))
    return path if address.scheme == "file" and path.exists() else None
