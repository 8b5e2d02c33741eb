"""Creates each contender's environment under .nox/ when its requirements change, and measures its size."""

from __future__ import annotations

import hashlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.roster import Contender

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("pip", "setuptools", "wheel")


def get_python_path(folder: Path) -> Path:
    """
    Return the path of an environment's Python.
    """
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def prepare_environment(contender: Contender) -> Path:
    """
    Create a contender's environment unless it exists, and return its folder.
    """
    folder = ROOT / ".nox" / f"bench-{contender.name}"
    stamp = folder / "bench-stamp"
    expected = "\n".join([sys.version, *contender.requirements, *map(hash_sources, contender.requirements)])
    if stamp.is_file() and stamp.read_text("utf-8") == expected:
        return folder
    print(f"building {folder.relative_to(ROOT)}", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)], check=True)
    install = [sys.executable, "-m", "pip", "--python", str(get_python_path(folder)), "install", "-qq"]
    subprocess.run([*install, *contender.requirements], check=True, cwd=ROOT)
    stamp.write_text(expected, "utf-8")
    return folder


def hash_sources(requirement: str) -> str:
    """
    Return a hash of a requirement's sources if it is a folder of this repository, or an empty string.
    """
    if not requirement.startswith("."):
        return ""
    folder = ROOT / requirement
    files = [folder / "pyproject.toml", *(path for path in sorted(folder.glob("src/**/*")) if path.suffix != ".pyc")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files if path.is_file())).hexdigest()


def get_packages_folder(folder: Path) -> Path:
    """
    Return the site-packages folder of an environment.
    """
    return next(path for path in folder.glob("[lL]ib/**/site-packages") if path.is_dir())


def measure_size(folder: Path) -> float:
    """
    Return the size of an environment's packages in megabytes, without bytecode and installers.
    """
    packages = get_packages_folder(folder)
    paths = (path for path in packages.rglob("*") if path.suffix != ".pyc" and path.is_file())
    return sum(path.stat().st_size for path in paths if not is_tool(path.relative_to(packages).parts[0])) / 1e6


def is_tool(name: str) -> bool:
    """
    Return whether an entry of site-packages belongs to an installer.
    """
    return name.partition("-")[0].lower() in TOOLS


def list_distributions(folder: Path) -> dict[str, str]:
    """
    Return the distributions of an environment with their versions.
    """
    found = importlib.metadata.distributions(path=[str(get_packages_folder(folder))])
    return {one.name: one.version for one in found if one.name.lower() not in TOOLS}
