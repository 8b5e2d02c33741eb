"""Install each distribution alone, and all together, from wheels and without an index, and try them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Final

from uv import find_uv_bin

from release.building import PROCESSES
from release.problems import Problem
from release.projects import Built, Release

DEMO: Final = "docs/examples/demo.py"
DOCTOR: Final = ("budwood", "plugins", "doctor", "--timeout", "120")  # without bytecode, on a machine with other work
ATTEMPTS: Final = 2
"""How often a download is tried."""
EXAMINATION: Final = Path(__file__).with_name("examination.py")


@dataclass(frozen=True)
class Environment:
    """
    A virtual environment without pip.

    Attributes:
        folder: Its folder, which is created anew.
        links: Folders with the wheels that may be installed.
        cache: The cache of uv, from which files are linked.
    """

    folder: Path
    links: tuple[Path, ...]
    cache: Path

    @property
    def scripts(self) -> Path:
        """The folder of the environment's programs."""
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    def create(self) -> None:
        """Create the environment."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.uv("venv", "--quiet", "--python", sys.executable, str(self.folder))

    def install(self, *requirements: str) -> None:
        """Install requirements from the folders of wheels, and check that they fit."""
        links = [argument for link in self.links for argument in ("--find-links", str(link))]
        python = ("--python", str(self.folder))
        self.uv("pip", "install", "--quiet", "--no-index", "--no-build", *links, *python, *requirements)
        self.uv("pip", "check", "--quiet", *python)

    def uv(self, *arguments: str) -> None:
        """Run uv without its settings and without a network."""
        run([find_uv_bin(), "--offline", "--no-config", "--cache-dir", str(self.cache), *arguments])

    def run(self, program: str, *arguments: str) -> None:
        """Run a program of the environment in its folder, with the settings and variables of no user."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("BUDWOOD_", "PYTHON"))}
        path = os.pathsep.join([str(self.scripts), os.environ["PATH"]])
        home = {"HOME": str(self.folder), "USERPROFILE": str(self.folder), "PATH": path}
        run([str(self.scripts / program), *arguments], cwd=self.folder, env=kept | home)

    def has(self, program: str) -> bool:
        """Return whether the environment has a program."""
        return shutil.which(program, path=str(self.scripts)) is not None


def run(command: list[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Run a command. ``CalledProcessError`` of a command that fails has its output."""
    subprocess.run(
        command, cwd=cwd, env=env, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600
    )


def find_wheelhouse(release: Release) -> Path:
    """Return the folder of the wheels that our distributions require."""
    return release.work / "wheelhouse"


def find_cache(release: Release) -> Path:
    """Return the folder of unpacked wheels, from which uv links files into environments."""
    return release.work / "cache"


def download_requirements(release: Release) -> Iterator[Problem]:
    """
    Download or build the wheels of all requirements.

    Distributions of one session of nox are resolved together. Those of others may need other versions.
    """
    wheelhouse = find_wheelhouse(release)
    shutil.rmtree(wheelhouse, ignore_errors=True)
    by_session = attrgetter("project.session")
    for session, group in groupby(sorted(release.built, key=by_session), by_session):
        wheels = [str(built.wheel) for built in group]
        core = str(release.built[0].wheel)
        names = [core, *wheels] if session else [f"{core}[all]", *wheels]
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--prefer-binary", "--find-links"]
        command += [str(release.dist), "--wheel-dir", str(wheelhouse), *dict.fromkeys(names)]
        text = try_to_run(command)
        if text:
            subject = f"distributions of nox -s {session}" if session else "all distributions"
            cure = "If it is not the network, change the requirements in pyproject.toml so that they can be resolved."
            yield Problem(subject, f"Their requirements cannot be downloaded: {text}", cure)
    shutil.rmtree(find_cache(release), ignore_errors=True)  # it would keep old wheels of the same version
    for built in release.built:  # `pip wheel` copies them
        (wheelhouse / built.wheel.name).unlink(missing_ok=True)


def try_to_run(command: list[str]) -> str:
    """Run a command, a second time if it fails, and return its last lines if it fails again."""
    text = ""
    for _ in range(ATTEMPTS):
        try:
            run(command)
        except subprocess.CalledProcessError as error:
            text = last_lines(error.output)
        else:
            return ""
    return text


def check_installation(release: Release) -> list[Problem]:
    """Install and try each distribution alone in an empty environment."""
    with ThreadPoolExecutor(PROCESSES) as pool:
        found = list(pool.map(lambda built: list(try_alone(built, release)), release.built))
    return [problem for problems in found for problem in problems]


def new_environment(release: Release, name: str) -> Environment:
    """Return the environment of a name, which is not created yet."""
    folder, links = release.work / "environments" / name, (release.dist, find_wheelhouse(release))
    return Environment(folder, links, find_cache(release))


def try_alone(built: Built, release: Release) -> Iterator[Problem]:
    """Install a distribution, import its packages, and build its plugins with their default settings."""
    project = built.project
    environment = new_environment(release, project.name)
    what = "be installed"
    try:
        environment.create()
        environment.install(f"{project.name}=={release.version}")
        what = "be imported"
        for name in project.packages:
            environment.run("python", "-I", "-c", f"import {name}")
        what = "be used"
        examine(environment, project.name)
    except subprocess.CalledProcessError as error:
        cause = f"It cannot {what} alone, in an empty environment: {last_lines(error.output)}"
        cure = f"Correct it, or add what is missing to {project.folder.name}/pyproject.toml."
        yield Problem(project.name, cause, cure)
    shutil.rmtree(environment.folder, ignore_errors=True)


def examine(environment: Environment, name: str) -> None:
    """Run ``budwood plugins doctor``, or what it calls if the command is not installed."""
    if environment.has("budwood"):
        environment.run(*DOCTOR)
    else:
        environment.run("python", "-I", str(EXAMINATION), name)


def check_together(release: Release) -> Iterator[Problem]:
    """Install the distributions that most sessions of nox install, in one environment, and create a dataset there."""
    usual = [built.project.name for built in release.built if not built.project.session]
    environment = new_environment(release, "together")
    try:
        environment.create()
        names = ["budwood[all]", *usual]
        environment.install(*[f"{name}=={release.version}" for name in names])
        environment.run(*DOCTOR)
        environment.run("python", "-I", str(release.root / DEMO), "output")
    except subprocess.CalledProcessError as error:
        cure = f"Run `{DEMO}` in an environment with all wheels."
        yield Problem("all distributions", f"They do not work together: {last_lines(error.output)}", cure)
    shutil.rmtree(environment.folder, ignore_errors=True)


def last_lines(output: str, count: int = 6) -> str:
    """Return the last lines of an output, in one line."""
    return " ".join(line.strip() for line in output.strip().splitlines()[-count:])
