"""The distributions of the repository and the files that were built of them."""

from __future__ import annotations

import json
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from functools import cached_property
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name


@dataclass(frozen=True)
class Project:
    """A folder with a ``pyproject.toml``: a distribution for Python."""

    folder: Path

    @cached_property
    def pyproject(self) -> dict[str, Any]:
        """The contents of ``pyproject.toml``."""
        return tomllib.loads((self.folder / "pyproject.toml").read_text(encoding="utf-8"))

    @property
    def name(self) -> str:
        """The normalized name of the distribution."""
        return canonicalize_name(self.pyproject["project"]["name"])

    @property
    def session(self) -> str:
        """The session of nox that alone installs it; empty for most distributions."""
        session: str = self.pyproject.get("tool", {}).get("budwood", {}).get("session", "")
        return session

    @property
    def packages(self) -> list[str]:
        """The packages that it installs."""
        return sorted(path.parent.name for path in self.folder.glob("src/*/__init__.py"))

    def requirements(self) -> list[str]:
        """Return all requirements, including those of extras."""
        table = self.pyproject["project"]
        extras = table.get("optional-dependencies", {}).values()
        return [*table.get("dependencies", ()), *(requirement for extra in extras for requirement in extra)]

    def sources(self) -> set[str]:
        """Return the files under ``src``, relative to it, without bytecode."""
        source = self.folder / "src"
        files = (path.relative_to(source) for path in source.rglob("*") if path.is_file())
        return {path.as_posix() for path in files if "__pycache__" not in path.parts}


@dataclass(frozen=True)
class NodePackage:
    """A folder with a ``package.json``: a package for npm, or an extension of Visual Studio Code."""

    folder: Path

    @cached_property
    def package(self) -> dict[str, Any]:
        """The contents of ``package.json``."""
        contents: dict[str, Any] = json.loads((self.folder / "package.json").read_text(encoding="utf-8"))
        return contents

    @property
    def name(self) -> str:
        """The name of the package."""
        return str(self.package.get("name", self.folder.name))

    @property
    def is_extension(self) -> bool:
        """Whether it is an extension of Visual Studio Code."""
        return "vscode" in self.package.get("engines", {})


@dataclass(frozen=True)
class Built:
    """
    The files that were built of a project.

    Attributes:
        project: The distribution.
        sdist: The source distribution in ``dist/``.
        wheel: The wheel in ``dist/``, built from the sdist.
        checkout_wheel: A wheel that was built from the checkout, to compare with.
    """

    project: Project
    sdist: Path
    wheel: Path
    checkout_wheel: Path

    @cached_property
    def wheel_files(self) -> dict[str, bytes]:
        """The files of the wheel."""
        return read_wheel(self.wheel)

    @cached_property
    def sdist_files(self) -> dict[str, bytes]:
        """The files of the sdist, without the folder that contains them all."""
        with tarfile.open(self.sdist) as archive:
            members = [(member.name, archive.extractfile(member)) for member in archive]
            return {name.partition("/")[2]: file.read() for name, file in members if file}

    @property
    def metadata(self) -> Message:
        """The metadata of the wheel."""
        return message_from_bytes(self.find_metadata("METADATA"))

    @property
    def description(self) -> str:
        """The long description in the metadata of the wheel."""
        payload = self.metadata.get_payload(decode=True)
        return payload.decode() if isinstance(payload, bytes) else ""

    def find_metadata(self, name: str) -> bytes:
        """Return a file of the wheel's ``.dist-info``; empty if it is missing."""
        found = [data for path, data in self.wheel_files.items() if path.partition(".dist-info/")[2] == name]
        return found[0] if found else b""


def read_wheel(path: Path) -> dict[str, bytes]:
    """Return the files of a wheel."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


@dataclass
class Release:
    """
    A release that is checked.

    Attributes:
        root: The folder of the repository.
        work: A folder for everything that is not published, such as environments.
        built: The files of each distribution that could be built, the core first.
    """

    root: Path
    work: Path
    built: list[Built] = field(default_factory=list)

    @property
    def dist(self) -> Path:
        """The folder of the files that would be published."""
        return self.root / "dist"

    @cached_property
    def version(self) -> str:
        """The version in the ``pyproject.toml`` of the repository."""
        contents = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))
        version: str = contents["tool"]["budwood"]["version"]
        return version

    @cached_property
    def projects(self) -> list[Project]:
        """The core and the distributions in ``plugins/``."""
        plugins = sorted(self.root.glob("plugins/*/pyproject.toml"))
        return [Project(file.parent) for file in (self.root / "core/pyproject.toml", *plugins)]

    @cached_property
    def node_packages(self) -> list[NodePackage]:
        """The packages for npm and the extensions in ``plugins/``."""
        return [NodePackage(file.parent) for file in sorted(self.root.glob("plugins/*/package.json"))]
