"""All distributions, packages for npm and extensions have one version, which their requirements of each other admit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email import message_from_bytes

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from release.problems import Problem
from release.projects import Built, NodePackage, Project, Release


def check_versions(release: Release) -> Iterator[Problem]:
    """Compare all versions with the one in the ``pyproject.toml`` of the repository."""
    try:
        version = Version(release.version)
    except InvalidVersion:
        cure = 'Set `version` in [tool.budwood] to a version such as "0.2.0".'
        yield Problem("pyproject.toml", f"{release.version!r} is not a version of Python's packaging.", cure)
        return
    for built in release.built:
        yield from compare_files(built, version)
    names = {project.name for project in release.projects}
    for project in release.projects:
        yield from compare_requirements(project, names, version)
    for package in release.node_packages:
        yield from compare_node_package(package, release.version)


def compare_files(built: Built, version: Version) -> Iterator[Problem]:
    """Compare the names and the metadata of a wheel and an sdist."""
    in_sdist = message_from_bytes(built.sdist_files.get("PKG-INFO", b""))["Version"]
    found = {
        built.wheel.name: str(parse_wheel_filename(built.wheel.name)[1]),
        built.sdist.name: str(parse_sdist_filename(built.sdist.name)[1]),
        f"the metadata of {built.wheel.name}": built.metadata["Version"],
        f"the metadata of {built.sdist.name}": in_sdist,
    }
    for where, text in found.items():
        if text is None or Version(text) != version:
            cure = "Let [tool.hatch.version] in its pyproject.toml read the pyproject.toml of the repository."
            yield Problem(built.project.name, f"The version is {text} in {where}, not {version}.", cure)


def compare_requirements(project: Project, names: set[str], version: Version) -> Iterator[Problem]:
    """Compare what a distribution requires of the other distributions with their version."""
    for text in dict.fromkeys(project.requirements()):
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) not in names or requirement.specifier.contains(version, True):  # noqa: FBT003
            continue
        cure = f"Change it in {project.folder.name}/pyproject.toml so that it admits {version}."
        yield Problem(project.name, f"The requirement {text!r} excludes version {version}, which is released.", cure)


def compare_node_package(package: NodePackage, version: str) -> Iterator[Problem]:
    """Compare the version of ``package.json``, and of the lock file if there is one."""
    found = {"package.json": package.package.get("version")}
    lock = package.folder / "package-lock.json"
    if lock.is_file():
        found[lock.name] = json.loads(lock.read_text(encoding="utf-8")).get("version")
    for file, text in found.items():
        if text != version:
            cure = f"Run `npm version {version} --no-git-tag-version` in plugins/{package.folder.name}/."
            yield Problem(package.name, f"The version is {text} in {file}, not {version}.", cure)
