"""The changelog has a section for the version that is released, with its date."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Final

from release.problems import Problem
from release.projects import Release

HEADING: Final = re.compile(r"^## \[(?P<name>[^\]]+)\](?: - (?P<date>.+))?$", re.MULTILINE)


def check_changelog(release: Release, today: dt.date | None = None) -> Iterator[Problem]:
    """
    Look for the section of the version.

    Between releases, the changes are below ``## [Unreleased]``. A release renames this section.
    """
    file = release.root / "CHANGELOG.md"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    sections = {match["name"]: (match["date"], read_section(text, match)) for match in HEADING.finditer(text)}
    today = today or dt.datetime.now(tz=dt.UTC).date()
    line = f"## [{release.version}] - {today.isoformat()}"
    if release.version in sections:
        date, entries = sections[release.version]
        yield from check_section(release.version, date, entries, today)
    elif "Unreleased" in sections and "- " in sections["Unreleased"][1]:
        cause = f"There is no section for version {release.version}, only [Unreleased]."
        cure = f"Replace the line `## [Unreleased]` by `{line}`, and remove what says that it is not released."
        yield Problem(file.name, cause, cure, only_publishing=True)
    else:
        cause = f"There is no section for version {release.version}, and no changes below [Unreleased]."
        yield Problem(file.name, cause, f"Add the line `{line}`, and below it what has changed.")


def read_section(text: str, heading: re.Match[str]) -> str:
    """Return the text between a heading and the next one of the same level."""
    following = HEADING.search(text, heading.end())
    return text[heading.end() : following.start() if following else len(text)]


def check_section(version: str, date: str | None, entries: str, today: dt.date) -> Iterator[Problem]:
    """Check that a section has a date that is not in the future, and entries."""
    line = f"## [{version}] - {today.isoformat()}"
    try:
        is_valid = date is not None and dt.date.fromisoformat(date) <= today
    except ValueError:
        is_valid = False
    if not is_valid:
        cause = f"The section {version} has the date {date!r}, which is not a day up to today."
        yield Problem("CHANGELOG.md", cause, f"Write its heading as `{line}`.")
    if "- " not in entries:
        yield Problem("CHANGELOG.md", f"The section {version} is empty.", "List what has changed, one line each.")
