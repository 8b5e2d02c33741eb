"""The distributions of this project and their plugins, installed or not. The data are in ``first_party.toml``."""

from __future__ import annotations

import functools
import pkgutil
import tomllib
from collections.abc import Mapping
from typing import Any, Final

from budwood.hooks import Kind
from budwood.names import normalise

_MEDIA_TYPES: Final = "media_types"
_BATCHES: Final = "batches"
_FACTS: Final = (_MEDIA_TYPES, _BATCHES)
"""Keys whose values are not names of plugins."""


@functools.cache
def _load_table() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads((pkgutil.get_data(__name__, "first_party.toml") or b"").decode())


@functools.cache
def first_party_plugins() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Return the names of plugins by section of the settings, for each distribution."""
    return {
        distribution: {section: tuple(names) for section, names in sections.items() if section not in _FACTS}
        for distribution, sections in _load_table().items()
    }


def first_party_names(kind: Kind[Any]) -> list[str]:
    """List the names of one kind."""
    return [name for sections in first_party_plugins().values() for name in sections.get(kind.section, ())]


def first_party_distribution(kind: Kind[Any], name: str) -> str | None:
    """Return the distribution that contains a plugin; None if it is not one of this project."""
    for distribution, sections in first_party_plugins().items():
        if normalise(name) in sections.get(kind.section, ()):
            return distribution
    return None


def first_party_handler(media_type: str) -> str | None:
    """Return the distribution that reads a media type that the core does not read; None without one."""
    for distribution, sections in _load_table().items():
        if media_type in sections.get(_MEDIA_TYPES, ()):
            return distribution
    return None


def first_party_batches() -> list[str]:
    """List the providers whose vendors have batches."""
    return [name for sections in _load_table().values() for name in sections.get(_BATCHES, ())]


def install_hint(distribution: str) -> str:
    """Return the hint that says how to install a distribution of this project. None is published on an index."""
    folder = distribution.removeprefix("budwood-")
    return f"Install {distribution}: in a checkout of Budwood, pip install ./plugins/{folder}"
