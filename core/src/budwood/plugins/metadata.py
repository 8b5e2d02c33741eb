"""
Parse the metadata of a distribution that discovery needs.

Importing the general tools (the email parser behind `importlib.metadata`, and `packaging`) takes 20 ms, a fifth of a
first call. The headers that are needed here have one line each, and nearly every requirement on the core consists of
two plain bounds; `packaging` parses all others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, Protocol

from budwood.names import normalise

_NAME: Final = re.compile(r"\s*([A-Za-z0-9._-]+)")
_PLAIN: Final = re.compile(
    r"\s*[A-Za-z0-9._-]+\s*(?:\[[^\]]*\])?\s*((?:>=|<)\d+(?:\.\d+)*(?:,(?:>=|<)\d+(?:\.\d+)*)*)?\s*"
)
_RELEASE: Final = re.compile(r"\d+(?:\.\d+)*")


class EntryPointFields(Protocol):
    """An entry point, of `importlib.metadata` or of ``importlib_metadata``."""

    @property
    def group(self) -> str:
        """The group."""
        ...

    @property
    def name(self) -> str:
        """The text left of the equals sign."""
        ...

    @property
    def module(self) -> str:
        """The module in its value."""
        ...


class MetadataSource(Protocol):
    """A distribution, of `importlib.metadata` or of ``importlib_metadata``."""

    @property
    def entry_points(self) -> Iterable[EntryPointFields]:
        """All entry points, of any group."""
        ...

    def read_text(self, filename: str) -> str | None:
        """Return the text of one of its metadata files, or None."""
        ...


class Metadata(NamedTuple):
    """The headers that discovery needs; ``requires`` holds unparsed requirements."""

    name: str
    version: str
    requires: tuple[str, ...]


def read_metadata(distribution: MetadataSource) -> Metadata:
    """
    Read the headers of a distribution.

    Source: the core metadata specifications; each of these headers has one line.

    Raises:
        ValueError: The name or the version is missing.
    """
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    headers = list(_headers(text))
    found = dict(reversed(headers))
    if not found.get("name") or not found.get("version"):
        raise ValueError("the metadata have no name or no version")
    requires = tuple(value for key, value in headers if key == "requires-dist")
    return Metadata(found["name"], found["version"], requires)


def core_requirement(requires: Iterable[str]) -> str | None:
    """Return the version specifiers for ``budwood`` in requirements; None if there are none."""
    matching = [text for text in requires if (name := _NAME.match(text)) and normalise(name[1]) == "budwood"]
    required = [specifiers for text in matching for specifiers in _specifiers(text)]
    return ",".join(filter(None, required)) if required else None


def satisfies(version: str, specifiers: str) -> bool:
    """
    Tell whether a version satisfies version specifiers. Pre-releases are allowed.

    Raises:
        packaging.specifiers.InvalidSpecifier: The specifiers are not valid.
    """
    if _RELEASE.fullmatch(version) and _PLAIN.fullmatch(f"budwood{specifiers}"):
        return all(_within(_release(version), bound) for bound in specifiers.split(",") if bound)
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(specifiers).contains(version, prereleases=True)


def _headers(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if not line:
            return
        key, colon, value = line.partition(":")
        if colon:
            yield key.lower(), value.strip()


def _specifiers(requirement: str) -> Iterator[str]:
    plain = _PLAIN.fullmatch(requirement)
    if plain is not None:
        yield plain[1] or ""
        return
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        parsed = Requirement(requirement)
    except InvalidRequirement:
        return
    if parsed.marker is None or parsed.marker.evaluate():
        yield str(parsed.specifier)


def _within(release: tuple[int, ...], bound: str) -> bool:
    if bound.startswith(">="):
        return release >= _release(bound[2:])
    return release < _release(bound[1:])


def _release(version: str) -> tuple[int, ...]:
    """Parse a release; 1.0 and 1 are equal."""
    numbers = [int(number) for number in version.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
