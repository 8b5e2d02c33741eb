"""An installed distribution: its metadata, its plugins, and what importing it does."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Final, NamedTuple

from packaging.requirements import Requirement

from budwood.hooks import KINDS
from budwood.names import normalise
from budwood.plugins import InstalledPlugin, Inventory, Registry

_IMPORT: Final = "from budwood_testing.import_probe import main; main()"


class ImportResult(NamedTuple):
    """The effects of an import: the printed output, and the report of `budwood_testing.import_probe`."""

    printed: str
    report: dict[str, Any]


class Installed:
    """
    An installed distribution.

    Args:
        name: As in ``pip install NAME``.
        registry: Finds and loads the installed plugins.
    """

    def __init__(self, name: str, registry: Registry) -> None:
        self.name = normalise(name)
        self.registry = registry
        self.metadata = distribution(name)

    @property
    def inventory(self) -> Inventory:
        """All plugins in this environment."""
        return self.registry.inventory

    @property
    def plugins(self) -> list[InstalledPlugin]:
        """The plugins of this distribution."""
        return [plugin for plugin in self.inventory.all() if normalise(plugin.distribution) == self.name]

    @property
    def unknown_groups(self) -> list[str]:
        """Entry-point groups of the distribution that start with ``budwood.`` but do not exist."""
        groups = {point.group for point in self.metadata.entry_points if point.group.startswith("budwood.")}
        return sorted(groups - {kind.group for kind in KINDS})

    @property
    def modules(self) -> list[str]:
        """The modules that its entry points name."""
        return sorted({plugin.module for plugin in self.plugins})

    @property
    def packages(self) -> list[str]:
        """The top-level packages of those modules."""
        return sorted({module.partition(".")[0] for module in self.modules})

    @property
    def requirements(self) -> list[Requirement]:
        """The requirements of the distribution, without extras."""
        parsed = [Requirement(line) for line in self.metadata.requires or ()]
        return [one for one in parsed if one.marker is None or one.marker.evaluate({"extra": ""})]

    @property
    def is_editable(self) -> bool:
        """Whether it is an editable install, which does not list the files of its wheel."""
        origin = json.loads(self.metadata.read_text("direct_url.json") or "{}")
        return bool(origin.get("dir_info", {}).get("editable"))

    @property
    def has_licence(self) -> bool:
        """Whether the distribution includes a licence file."""
        files = self.metadata.files or ()
        return any("licen" in file.name.lower() or file.name.lower().startswith("copying") for file in files)

    def unrelated_packages(self) -> set[str]:
        """Return the packages of plugins that the distribution does not contain or require."""
        known = {self.name, "budwood", *(normalise(requirement.name) for requirement in self.requirements)}
        others = [plugin for plugin in self.inventory.all() if normalise(plugin.distribution) not in known]
        return {plugin.module.partition(".")[0] for plugin in others} - set(self.packages)

    def folder_of(self, package: str) -> Path:
        """Find a package without importing it."""
        spec = importlib.util.find_spec(package)
        places = list(spec.submodule_search_locations or ()) if spec else []
        assert places, f"cannot find the package {package}: check the module names of the entry points"
        return Path(places[0])

    def imported(self, package: str) -> ImportResult:
        """Import the modules of a package in a new process."""
        modules = [module for module in self.modules if module.partition(".")[0] == package]
        run = subprocess.run(  # noqa: S603 - this interpreter, with our own code
            [sys.executable, "-P", "-c", _IMPORT],
            input=json.dumps({"package": package, "modules": modules}),
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(_search_path(sys.path))},
        )
        printed, _, report = run.stdout.rstrip("\n").rpartition("\n")
        assert report.startswith("{"), f"importing {package} ended the process: {run.stderr.strip()[-500:]}"
        return ImportResult(f"{printed}{run.stderr}".strip(), json.loads(report))


def _search_path(folders: Iterable[str]) -> list[str]:
    """Return the module search path of this process without the current directory."""
    return [folder for folder in folders if folder and Path(folder) != Path.cwd()]
