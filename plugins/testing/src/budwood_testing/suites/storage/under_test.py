"""The base of the suite for storages: what its author supplies, and fixtures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from budwood.contracts import Storage
from budwood.hooks import STORAGE, Kind
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.storage.data import is_path


class StorageUnderTest(PluginSuite):
    """
    The storage under test.

    Attributes:
        file_name: The name of the output, if it is a file; some storages choose the format by its extension.
        nested: Whether rows may contain lists, objects, numbers and null; otherwise only strings.
        streams: Whether it reads rows as they arrive, so that a dataset may be larger than the memory.
        replaces: Whether `finish` replaces the output in one step; otherwise readers see rows from `put` on.
        identifies: Whether the output says which run it belongs to. Otherwise the folder of the run does.
        secrets: Texts in the settings or the output that errors, logs and representations must not contain.
    """

    kind: ClassVar[Kind[Any]] = STORAGE
    file_name: ClassVar[str] = "rows"
    nested: ClassVar[bool] = True
    streams: ClassVar[bool] = True
    replaces: ClassVar[bool] = True
    identifies: ClassVar[bool] = True
    secrets: ClassVar[tuple[str, ...]] = ()

    def output(self, folder: Path) -> str:
        """
        Return the output, a path or a URL; the same for the same folder. By default a file in the folder.

        Args:
            folder: An empty folder; each test has its own. The output of each test must be new.
        """
        return str(folder / self.file_name)

    def read_back(self, output: str) -> list[dict[str, Any]]:
        """Return the data of all rows in the output, in the order of their indexes."""
        raise AssertionError(f"{type(self).__name__} must implement read_back(output), which reads the output")

    def read_ids(self, output: str) -> list[str] | None:
        """Return the ids of all rows in the output, in order; None if the storage does not write ids."""
        return None

    def unusable_output(self, folder: Path) -> str | None:
        """
        Return an output that cannot be used; for URLs, for instance one with a port on which no server listens.

        By default it is a path in a file instead of a folder; None for URLs.
        """
        if not is_path(self.output(folder)):
            return None
        (folder / "file").write_text("not a folder")
        return str(folder / "file" / self.file_name)

    def all_settings(self, folder: Path) -> dict[str, object]:
        """Add the setting ``output``, which all storages have."""
        return {"output": self.output(folder), **super().all_settings(folder)}

    @pytest.fixture
    def address(self, folder: Path) -> str:
        """Return the output."""
        return str(self.all_settings(folder)["output"])

    @pytest.fixture
    def storage(self, build: Build) -> Storage:
        """Build the storage."""
        storage: Storage = build().implementation
        return storage
