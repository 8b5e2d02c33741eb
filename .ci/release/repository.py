"""The commit that is released: nothing is uncommitted, and its tag is new."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from release.problems import Problem
from release.projects import Release


def check_repository(release: Release) -> Iterator[Problem]:
    """Check that the working tree is clean and that the tag of the version does not exist."""
    changed = git(release.root, "status", "--porcelain").splitlines()
    if changed:
        cause = f"{len(changed)} files are not committed, such as {changed[0][3:]}."
        yield Problem("the working tree", cause, "Commit or remove them.", only_publishing=True)
    tag = f"v{release.version}"
    if git(release.root, "tag", "--list", tag).strip():
        cause = "This tag exists, so the version has been released."
        cure = "Raise `version` in [tool.budwood] of pyproject.toml."
        yield Problem(tag, cause, cure, only_publishing=True)


def git(root: Path, *arguments: str) -> str:
    """Return the output of a command of git."""
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
