"""
The wheels of dist/, and users without a network.

They are run by `nox -s packaging`, after `nox -s wheels` has built dist/.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "plugins/cli/packaging"
PAGE = ROOT / "docs/installing.md"
QUESTION = "What gives roots? The rootstock gives roots."


@pytest.fixture(scope="session")
def dist():
    """
    The folder with the wheels and sdists.
    """
    if not list((ROOT / "dist").glob("budwood_cli-*.whl")):
        pytest.fail("dist/ has no wheels. Build them: nox -s wheels")
    return ROOT / "dist"


@pytest.fixture(scope="session")
def wheels(dist, tmp_path_factory):
    """
    A folder with all wheels that an installation needs, collected by the command of the page.
    """
    folder = tmp_path_factory.mktemp("all wheels")
    (folder / "dist").mkdir()
    for wheel in dist.glob("budwood*.whl"):
        shutil.copy(wheel, folder / "dist")
    (command,) = re.findall(r"^\$ (pip download (?:.*\\\n)*.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    version = "{}.{}".format(*sys.version_info)
    command = re.sub(r"--python-version \S+", f"--python-version {version}", command).replace("pip ", "-m pip -q ", 1)
    subprocess.run(["bash", "-c", f"{sys.executable} {command}"], cwd=folder, check=True)
    return folder / "dist"


@dataclass
class User:
    """A user with an own home folder, who has some programs and no package index."""

    home: Path
    path: str
    wheels: Path

    @property
    def command(self) -> Path:
        return self.home / ".local/bin/budwood"

    @property
    def environment(self) -> dict[str, str]:
        index = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": self.wheels.as_uri(), "UV_OFFLINE": "1", "UV_NO_INDEX": "1"}
        uv = {"UV_FIND_LINKS": self.wheels.as_uri(), "UV_PYTHON_DOWNLOADS": "never"}
        pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_COMPILE": "1"}  # compiling takes most of the time
        return {"HOME": str(self.home), "PATH": self.path, **pip, **index, **uv}

    def run(self, *command, fails=False, **environment):
        """
        Run a command, and return what it printed. It must succeed, or fail.
        """
        run = subprocess.run(
            [*map(str, command)],
            env=self.environment | environment,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (run.returncode != 0) == fails, run.stdout
        return run.stdout

    def ask(self):
        """
        Ask with the installed command, and return the reply.
        """
        return self.run(self.command, "ask", "-m", "offline/extractive", QUESTION).strip()


@pytest.fixture
def make_user(tmp_path, wheels):
    """
    Return a function that makes a user with some programs of the tests, or with other ones.
    """

    def make(*programs, python=True):
        home, bin_ = tmp_path / "a home", tmp_path / "programs"
        home.mkdir()
        bin_.mkdir()
        for name in programs:
            found = shutil.which(name)
            assert found, f"{name} is missing. `nox -s packaging` installs it."
            (bin_ / name).symlink_to(found)
        for name in "cat chmod dirname grep ln mkdir mv readlink rm sed sh tr".split():
            (bin_ / name).symlink_to(shutil.which(name))
        if python:
            (bin_ / "python3").symlink_to(Path(sys.executable).resolve())
        return User(home, str(bin_), wheels)

    return make
