"""What publishing would send, in which order. It sends nothing."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from release.problems import Problem
from release.projects import Built, NodePackage, Release

MAX_SIZE: Final = 100 * 1024 * 1024
"""The bytes that the public index accepts for each file, unless a project asks for more."""


def order(release: Release) -> list[Built]:
    """Return the distributions so that each follows what it requires, the core first."""
    known = {built.project.name: built for built in release.built}
    requirements: dict[str, list[str]] = {}
    for name, built in known.items():
        required = [Requirement(text).name for text in built.project.pyproject["project"].get("dependencies", ())]
        requirements[name] = [other for other in map(canonicalize_name, required) if other in known and other != name]
    return [known[name] for name in TopologicalSorter(requirements).static_order()]


def check_files(release: Release) -> Iterator[Problem]:
    """Check the names and sizes of the files."""
    for built in release.built:
        for file in (built.sdist, built.wheel):
            expected = f"{built.project.name.replace('-', '_')}-"
            if not file.name.startswith(expected):  # the check of versions compares what follows
                cure = "Build it with a backend that normalizes names."
                yield Problem(file.name, f"Its name does not begin with the normalized name {expected}.", cure)
            if file.stat().st_size > MAX_SIZE:
                cause = f"It has {file.stat().st_size:,} bytes, and an index accepts {MAX_SIZE:,}."
                yield Problem(file.name, cause, "Remove large files from the distribution.")
    for package in release.node_packages:
        yield from check_node_package(package)


def check_node_package(package: NodePackage) -> Iterator[Problem]:
    """Run ``npm publish --dry-run``, which reads the package and sends nothing."""
    if package.is_extension or package.package.get("private"):
        return
    npm = shutil.which("npm")
    if npm is None:
        cause, cure = "It is not checked, because npm is not installed.", "Install Node.js."
        yield Problem(package.name, cause, cure, only_publishing=True)
        return
    command = [npm, "publish", "--dry-run", "--ignore-scripts", "--offline"]
    run = subprocess.run(command, cwd=package.folder, capture_output=True, text=True, check=False)
    if run.returncode:
        text = " ".join(run.stderr.split())[-500:]
        yield Problem(package.name, f"`npm publish --dry-run` fails: {text}", "Correct its package.json.")


def describe(release: Release) -> Iterator[str]:
    """Yield the lines that tell a maintainer what publishing would do."""
    yield f"Publishing version {release.version} would do this; nothing is uploaded now:\n"
    yield "1. Tag the commit, and push the tag:"
    yield f"   git tag --annotate v{release.version} --message 'Version {release.version}'"
    yield f"   git push origin v{release.version}"
    ordered = order(release)
    yield f"2. Upload {len(ordered)} distributions, in this order, because each requires some of those before it:"
    for built in ordered:
        files = [path.relative_to(release.root).as_posix() for path in (built.sdist, built.wheel)]
        yield f"   twine upload {' '.join(files)}"
        yield from (
            f"     {path.stat().st_size:>9,} bytes  sha256 {digest(path)}" for path in (built.sdist, built.wheel)
        )
    for package in release.node_packages:
        yield f"3. {describe_node_package(package, release.root)}"


def describe_node_package(package: NodePackage, root: Path) -> str:
    """Return the command that publishes a package for npm or an extension."""
    folder = package.folder.relative_to(root).as_posix()
    if package.is_extension:
        return f"Upload the extension {package.name}: cd {folder} && npx vsce publish"
    if package.package.get("private"):
        return f"Nothing for {package.name}: its package.json says that it is private."
    return f"Upload the package {package.name}: cd {folder} && npm publish"


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, as an index shows it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
