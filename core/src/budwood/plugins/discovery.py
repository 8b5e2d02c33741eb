"""Read which plugins are installed, from the metadata of their distributions. No plugin is imported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from importlib_metadata import Distribution, EntryPoint, distributions
from packaging.requirements import InvalidRequirement, Requirement

from budwood.hooks import KINDS, Kind
from budwood.names import normalise


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """
    One entry point of one distribution.

    ``core_requirement`` is what the distribution's metadata asks of ``budwood``, where it does.
    """

    kind: Kind[Any]
    name: str
    module: str
    distribution: str
    version: str
    core_requirement: str | None = None

    @property
    def label(self) -> str:
        """The distribution and its version, for messages."""
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True, slots=True)
class Inventory:
    """All installed plugins: who claims which name, by kind."""

    claims: Mapping[tuple[str, str], tuple[InstalledPlugin, ...]] = field(default_factory=dict)

    def find(self, kind: Kind[Any], name: str) -> tuple[InstalledPlugin, ...]:
        """Return the distributions that claim a name: none, one, or several."""
        return self.claims.get((kind.group, normalise(name)), ())

    def names(self, kind: Kind[Any]) -> list[str]:
        """List the names of one kind, sorted."""
        return sorted(name for group, name in self.claims if group == kind.group)

    def all(self) -> list[InstalledPlugin]:
        """List every claim, sorted by kind, name and distribution."""
        claims = [plugin for plugins in self.claims.values() for plugin in plugins]
        return sorted(claims, key=lambda plugin: (plugin.kind.group, normalise(plugin.name), plugin.distribution))


def take_inventory(found: Iterable[Distribution] | None = None) -> Inventory:
    """
    Read the metadata of the installed distributions.

    A distribution that lies on the path twice counts once, as the first: that is the one which Python imports. (Where
    ``lib64`` is a link to ``lib``, every distribution lies on the path twice.)
    """
    kinds = {kind.group: kind for kind in KINDS}
    claims: dict[tuple[str, str], list[InstalledPlugin]] = defaultdict(list)
    seen: set[str] = set()
    for distribution in cast("Iterable[Distribution]", distributions() if found is None else found):
        entry_points = distribution.read_text("entry_points.txt")
        if not entry_points or "budwood." not in entry_points:
            continue  # most distributions: neither their name nor their version need be parsed
        identity = normalise(distribution.name)
        if identity in seen:
            continue
        seen.add(identity)
        for entry_point in distribution.entry_points:
            if entry_point.group in kinds:
                plugin = _installed(kinds[entry_point.group], entry_point, distribution)
                claims[entry_point.group, normalise(entry_point.name)].append(plugin)
    return Inventory({key: tuple(plugins) for key, plugins in claims.items()})


def _installed(kind: Kind[Any], entry_point: EntryPoint, distribution: Distribution) -> InstalledPlugin:
    return InstalledPlugin(
        kind=kind,
        name=entry_point.name,
        module=entry_point.value,
        distribution=distribution.name,
        version=distribution.version,
        core_requirement=_core_requirement(distribution),
    )


def _core_requirement(distribution: Distribution) -> str | None:
    """Return the version specifier for ``budwood`` in the distribution's metadata; None where it has none."""
    for text in distribution.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if normalise(requirement.name) == "budwood" and (requirement.marker is None or requirement.marker.evaluate()):
            return str(requirement.specifier)
    return None
