"""
Check the metadata of all installed distributions: copies that shadow one another, damage, and misspelled groups.

``budwood plugins list`` and ``doctor`` use it. It uses ``importlib_metadata``, since the standard library before Python
3.13 neither says where a distribution was installed from nor raises an error for a missing header. Calls use
`budwood.plugins.discovery` instead, which reads less and is faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from importlib_metadata import Distribution

from budwood.hooks import KINDS
from budwood.names import did_you_mean, normalise
from budwood.plugins.discovery import InstalledPlugin, Inventory, inventory_of, plugins_of

_PREFIX: Final = "budwood."
_GROUPS: Final = frozenset(kind.group for kind in KINDS)


class Problem(NamedTuple):
    """A problem of a distribution, and what to do about it."""

    summary: str
    hint: str


class Copy(NamedTuple):
    """
    One copy of a distribution with entry points for Budwood.

    Attributes:
        name: Its name, or the name of its metadata folder if the metadata contain no name.
        version: Its version; empty if the metadata contain none.
        folder: The folder in which it is installed.
        is_editable: Whether it is an editable install, which refers to a source folder.
        plugins: Its plugins.
        problem: The problem of its metadata; None if they are valid.
        shadowed_by: The copy that Python imports instead of this one; None if Python imports this one.
    """

    name: str
    version: str
    folder: Path
    is_editable: bool
    plugins: tuple[InstalledPlugin, ...] = ()
    problem: Problem | None = None
    shadowed_by: Copy | None = None


class Survey(NamedTuple):
    """All copies, in the order in which Python searches for them."""

    copies: tuple[Copy, ...] = ()

    @property
    def inventory(self) -> Inventory:
        """The installed plugins, without shadowed copies."""
        return inventory_of(plugin for copy in self.copies if copy.shadowed_by is None for plugin in copy.plugins)

    def copy_of(self, plugin: InstalledPlugin) -> Copy | None:
        """Return the copy that a plugin comes from."""
        name = normalise(plugin.distribution)
        return next((copy for copy in self.copies if normalise(copy.name) == name), None)

    def list_shadowed(self) -> list[Copy]:
        """List the copies that Python does not import."""
        return [copy for copy in self.copies if copy.shadowed_by is not None]

    def list_problems(self) -> list[tuple[Copy, Problem]]:
        """List all problems, with the copies that have them."""
        found = [(copy, copy.problem) for copy in self.copies if copy.problem is not None]
        return [
            *found,
            *((copy, _make_shadow_problem(copy, copy.shadowed_by)) for copy in self.copies if copy.shadowed_by),
        ]


def take_survey(distributions: Iterable[Distribution] | None = None) -> Survey:
    """Read the metadata of distributions, by default of all that are installed. No plugin is imported."""
    copies: list[Copy] = []
    first: dict[str, Copy] = {}
    seen: set[tuple[str, Path]] = set()
    for distribution in Distribution.discover() if distributions is None else distributions:
        copy = _read(distribution)
        if copy is None:
            continue
        name = normalise(copy.name)
        location = name, copy.folder.resolve()
        if location in seen:
            continue  # the same folder is on the path twice, for example if lib64 links to lib
        seen.add(location)
        copies.append(copy._replace(shadowed_by=first.get(name)))
        first.setdefault(name, copy)
    return Survey(tuple(copies))


def _read(distribution: Distribution) -> Copy | None:
    """Read one distribution; return None if it has no entry points for Budwood."""
    folder = Path(str(distribution.locate_file("")))
    text = distribution.read_text("entry_points.txt") or ""
    if _PREFIX not in text:
        return None
    try:
        groups = [point.group for point in distribution.entry_points if point.group.startswith(_PREFIX)]
        name, version = distribution.metadata["Name"], distribution.metadata["Version"]
        _, plugins = plugins_of(distribution)
    except Exception as error:  # noqa: BLE001 - one damaged distribution must not hide the others
        return _make_damaged_copy(distribution, folder, error)
    if not groups:
        return None
    problem = _make_group_problem([group for group in groups if group not in _GROUPS])
    return Copy(name, version, folder, _is_editable(distribution), tuple(plugins), problem)


def _make_damaged_copy(distribution: Distribution, folder: Path, error: Exception) -> Copy:
    path: Any = getattr(distribution, "_path", folder)  # nothing else identifies a distribution without a name
    problem = Problem(
        f"Its metadata in {path} cannot be read: {type(error).__name__}: {error}.",
        "Remove that folder, and install the distribution again.",
    )
    return Copy(Path(str(path)).name, "", folder, is_editable=False, problem=problem)


def _make_group_problem(groups: Sequence[str]) -> Problem | None:
    if not groups:
        return None
    hint = did_you_mean(groups[0], _GROUPS) or f"Known groups: {', '.join(sorted(_GROUPS))}."
    return Problem(f"Unknown entry-point group {groups[0]!r}: the plugins in it are ignored.", hint)


def _make_shadow_problem(copy: Copy, used: Copy) -> Problem:
    return Problem(
        f"{copy.name} {copy.version} in {copy.folder} is shadowed by {used.name} {used.version} in {used.folder}.",
        f"Uninstall {copy.name} until no copy is left, then install it once.",
    )


def _is_editable(distribution: Distribution) -> bool:
    origin: Any = distribution.origin  # PEP 610: None unless it was installed from an address or a folder
    return bool(getattr(getattr(origin, "dir_info", None), "editable", False))
