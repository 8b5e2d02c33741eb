"""Build the sdist of each distribution, the wheel from it, and a wheel from the checkout to compare with."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Literal

from pyproject_hooks import BuildBackendHookCaller, quiet_subprocess_runner

from release.problems import Problem
from release.projects import Built, Project, Release

PROCESSES: Final = 2
"""The number of distributions that are built or installed at the same time."""


def build_all(release: Release) -> list[Problem]:
    """Build all distributions in an empty ``dist/``."""
    for folder in (release.dist, release.work / "build"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    with ThreadPoolExecutor(PROCESSES) as pool:
        results = list(pool.map(lambda project: build_or_explain(project, release), release.projects))
    release.built = [result for result in results if isinstance(result, Built)]
    return [result for result in results if isinstance(result, Problem)]


def build_or_explain(project: Project, release: Release) -> Built | Problem:
    """Build a distribution, or say why that is not possible."""
    try:
        return build_one(project, release.dist, release.work / "build" / project.name)
    except subprocess.CalledProcessError as error:
        text = error.output.decode(errors="replace").strip().splitlines()[-1]
        cure = "Correct its pyproject.toml, or the files that it names."
        return Problem(project.name, f"It cannot be built: {text.rstrip('.')}.", cure)


def build_one(project: Project, dist: Path, work: Path) -> Built:
    """Build a distribution: the sdist and the wheel in ``dist``, everything else in ``work``."""
    work.mkdir()
    sdist = build(project.folder, "sdist", dist)
    with tarfile.open(sdist) as archive:
        archive.extractall(work, filter="data")
    (unpacked,) = (path for path in work.iterdir() if path.is_dir())
    wheel = build(unpacked, "wheel", dist)
    return Built(project, sdist, wheel, build(project.folder, "wheel", work / "checkout"))


def build(folder: Path, kind: Literal["sdist", "wheel"], output: Path) -> Path:
    """Build one file with the backend that a project names, in a process of this environment, and return it."""
    output.mkdir(parents=True, exist_ok=True)
    backend = Project(folder).pyproject["build-system"]["build-backend"]
    hooks = BuildBackendHookCaller(
        str(folder), backend, runner=quiet_subprocess_runner, python_executable=sys.executable
    )
    return output / (hooks.build_sdist(str(output)) if kind == "sdist" else hooks.build_wheel(str(output)))
