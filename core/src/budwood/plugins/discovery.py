"""Find the installed plugins in the metadata of their distributions. No plugin is imported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from budwood import logs
from budwood.hooks import KINDS, Kind
from budwood.names import normalise
from budwood.plugins.faults import PluginSource
from budwood.plugins.metadata import EntryPointFields, Metadata, MetadataSource, core_requirement, read_metadata

_KINDS: Final = {kind.group: kind for kind in KINDS}


class InstalledPlugin(NamedTuple):
    """
    One entry point of one distribution.

    Attributes:
        kind: The kind of plugin.
        name: The name that users type.
        module: The module to import.
        distribution: The distribution that contains the plugin.
        version: The version of the distribution.
        core_requirement: The version specifiers for ``budwood`` in the metadata; None if there are none.
        patterns: The media types or models that follow the name in the entry point, in lower case.
    """

    kind: Kind[Any]
    name: str
    module: str
    distribution: str
    version: str
    core_requirement: str | None = None
    patterns: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The distribution and its version, for messages."""
        return f"{self.distribution} {self.version}"

    @property
    def source(self) -> PluginSource:
        """The origin of the plugin, for errors."""
        return PluginSource(self.name, self.distribution, self.version)


class Inventory(NamedTuple):
    """All installed plugins, by kind and name."""

    claims: Mapping[tuple[str, str], tuple[InstalledPlugin, ...]] = MappingProxyType({})

    def find(self, kind: Kind[Any], name: str) -> tuple[InstalledPlugin, ...]:
        """Return the plugins with a name: none, one, or several from different distributions."""
        return self.claims.get((kind.group, normalise(name)), ())

    def names(self, kind: Kind[Any]) -> list[str]:
        """List the names of a kind, sorted."""
        return sorted(name for group, name in self.claims if group == kind.group)

    def all(self) -> list[InstalledPlugin]:
        """List all plugins, sorted by kind, name and distribution."""
        claims = [plugin for plugins in self.claims.values() for plugin in plugins]
        return sorted(claims, key=lambda plugin: (plugin.kind.group, normalise(plugin.name), plugin.distribution))


def take_inventory(found: Iterable[MetadataSource] | None = None) -> Inventory:
    """
    Read the metadata of the installed distributions.

    If a distribution is on the path twice, only the first counts, which is the one that Python imports. (If ``lib64``
    is a link to ``lib``, every distribution is on the path twice.)
    """
    plugins: list[InstalledPlugin] = []
    seen: set[str] = set()
    for distribution in distributions() if found is None else found:
        try:
            identity, found_plugins = plugins_of(distribution)
        except Exception as error:  # noqa: BLE001 - one damaged distribution must not hide the others
            logs.emit("distribution unreadable", level="warning", error=f"{type(error).__name__}: {error}")
            continue
        if identity not in seen:
            plugins += found_plugins
        seen.add(identity)
    return inventory_of(plugins)


def inventory_of(plugins: Iterable[InstalledPlugin]) -> Inventory:
    """Group plugins by kind and name."""
    claims: dict[tuple[str, str], list[InstalledPlugin]] = defaultdict(list)
    for plugin in plugins:
        claims[plugin.kind.group, normalise(plugin.name)].append(plugin)
    return Inventory({key: tuple(claimed) for key, claimed in claims.items()})


def plugins_of(distribution: MetadataSource) -> tuple[str, list[InstalledPlugin]]:
    """
    Return the normalised name of a distribution, and its plugins.

    Raises:
        ValueError: The metadata have no name or no version.
    """
    entry_points = distribution.read_text("entry_points.txt")
    if not entry_points or "budwood." not in entry_points:
        return "", []  # most distributions: their name and version need not be parsed
    metadata = read_metadata(distribution)
    ours = [entry_point for entry_point in distribution.entry_points if entry_point.group in _KINDS]
    return normalise(metadata.name), [_parse_plugin(entry_point, metadata) for entry_point in ours]


def _parse_plugin(entry_point: EntryPointFields, metadata: Metadata) -> InstalledPlugin:
    kind = _KINDS[entry_point.group]
    name, *patterns = entry_point.name.split() if kind.patterns else (entry_point.name,)
    return InstalledPlugin(
        kind=kind,
        name=name,
        module=entry_point.module,
        distribution=metadata.name,
        version=metadata.version,
        core_requirement=core_requirement(metadata.requires),
        patterns=tuple(pattern.lower() for pattern in patterns),
    )
