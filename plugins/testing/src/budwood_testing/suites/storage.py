"""The suite for storages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from budwood.contracts import Storage
from budwood.errors import BudwoodError
from budwood.hooks import STORAGE, Kind
from budwood.types import Row
from budwood.types.record import JSON
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.properties import HOSTILE_TEXTS, for_all, texts

_DATA: Final[tuple[dict[str, JSON], ...]] = (
    {"question": "Why?", "answer": "Because."},
    {"question": "Wie geht\u2019s? \U0001f600", "answer": "\u2028 \u05d0 \x00 \"quoted\", 'too'; = 5\r\n"},
    {"question": "", "answer": "0123"},
)
"""Rows of one form, as a dataset has them."""


class _Crash(Exception):  # noqa: N818 - no error of ours, but what a program may raise
    """What the maker of rows raises in mid-work."""


class StorageSuite(PluginSuite):
    """
    Proves a storage, with the author's own way to read what it wrote.

    .. code-block:: python

        class TestCSV(StorageSuite):
            plugin = "csv"

            def read_back(self, path):
                with path.open(newline="") as file:
                    return list(csv.DictReader(file))

    Attributes:
        file_name: What the output is called; some storages tell their form by the ending.
        nested: Whether rows may hold lists, tables, numbers and null, or texts alone.
    """

    kind: ClassVar[Kind[Any]] = STORAGE
    file_name: ClassVar[str] = "rows"
    nested: ClassVar[bool] = True

    def read_back(self, path: Path) -> list[dict[str, Any]]:
        """Read the data of all rows that were written to the path, in their order."""
        raise AssertionError(f"{type(self).__name__} needs read_back(path), which reads what the storage wrote")

    def all_settings(self, folder: Path) -> dict[str, object]:
        """Add the path, which all storages take."""
        return {"path": folder / self.file_name, **super().all_settings(folder)}

    @pytest.fixture
    def path(self, folder: Path) -> Path:
        """Say where the output will be."""
        return Path(str(self.all_settings(folder)["path"]))

    @pytest.fixture
    def storage(self, build: Build) -> Storage:
        """Make the storage."""
        storage: Storage = build().thing
        return storage

    def test_rows_are_written_and_counted(self, storage: Storage, path: Path) -> None:
        """All of them, in their order, equal when they are read back."""
        assert storage.write(rows(_DATA)) == len(_DATA)
        assert self.read_back(path) == list(_DATA)

    def test_nested_data_is_kept(self, storage: Storage, path: Path) -> None:
        """Lists, tables, numbers and null, as JSON has them."""
        if not self.nested:
            pytest.skip(f"{self.plugin} writes texts alone")
        message: JSON = {"role": "user", "content": "Hi."}
        data: list[dict[str, JSON]] = [
            {"messages": [message, message], "score": 0.25, "rank": 2**53, "flag": True, "note": None},
            {"messages": [], "score": -1.0, "rank": 0, "flag": False, "note": "none"},
        ]
        storage.write(rows(data))

        assert self.read_back(path) == data

    def test_any_text_is_kept(self, storage: Storage, path: Path) -> None:
        """Separators, quotes, control characters: nothing ends a row but its end."""

        def check(text: str) -> None:
            data = [{"text": text}, {"text": f"{text}{text}"}]
            storage.write(rows(data))
            assert self.read_back(path) == data

        for_all(texts(), check, always=HOSTILE_TEXTS, examples=20)

    def test_no_rows_are_an_empty_output(self, storage: Storage, path: Path) -> None:
        """It is there, and can be read."""
        assert storage.write(iter(())) == 0
        assert self.read_back(path) == []

    def test_output_is_replaced(self, storage: Storage, path: Path) -> None:
        """Nothing of a longer old one is left."""
        storage.write(rows(_DATA * 20))
        storage.write(rows(_DATA[:1]))

        assert self.read_back(path) == list(_DATA[:1])

    def test_same_rows_make_the_same_bytes(self, storage: Storage, path: Path) -> None:
        """No clock and no chance is in the output."""
        storage.write(rows(_DATA))
        first = _contents(path)
        storage.write(rows(_DATA))

        assert _contents(path) == first

    def test_rows_are_taken_as_they_come(self, storage: Storage, path: Path) -> None:
        """A generator is enough: it is read once, from the first row to the last."""
        taken: list[int] = []

        def made() -> Iterator[Row]:
            for row in rows(_DATA):
                taken.append(row.index)
                yield row

        storage.write(made())

        assert taken == list(range(len(_DATA)))
        assert self.read_back(path) == list(_DATA)

    def test_reader_sees_the_old_output_until_the_new_one_is_whole(self, storage: Storage, path: Path) -> None:
        """Whoever reads while it is written sees no part of it."""
        storage.write(rows(_DATA))
        seen: list[list[dict[str, Any]]] = []

        def made() -> Iterator[Row]:
            for row in rows(_DATA[:2] * 500):
                if row.index in (0, 1, 999):
                    seen.append(self.read_back(path))
                yield row

        storage.write(made())

        assert seen == [list(_DATA)] * 3

    def test_crash_leaves_the_old_output(self, storage: Storage, path: Path) -> None:
        """What raised is told, and neither the output nor its folder shows a trace."""
        storage.write(rows(_DATA))
        before = _names(path)
        with pytest.raises(_Crash):
            storage.write(_crashing())

        assert self.read_back(path) == list(_DATA)
        assert _names(path) == before, "a half-written file is left behind"

    def test_crash_at_the_first_writing_leaves_nothing(self, storage: Storage, path: Path) -> None:
        """There is no output that looks complete."""
        before = _names(path)
        with pytest.raises(_Crash):
            storage.write(_crashing())

        assert not path.exists()
        assert _names(path) == before, "a half-written file is left behind"

    def test_path_that_cannot_be_written_is_an_error(self, build: Build, folder: Path) -> None:
        """It names the path; no row is lost in silence."""
        (folder / "file").write_text("not a folder")
        impossible = folder / "file" / self.file_name
        with pytest.raises((OSError, BudwoodError)) as caught:
            build(path=impossible).thing.write(rows(_DATA))

        assert "file" in str(caught.value)

    def test_name_of_the_path_may_be_any(self, build: Build, folder: Path) -> None:
        """Spaces and letters of any language."""
        path = folder / f"r\u00f6ws of \u732b {self.file_name}"
        build(path=path).thing.write(rows(_DATA))

        assert self.read_back(path) == list(_DATA)


def rows(data: Sequence[dict[str, Any]]) -> list[Row]:
    """Number data as rows."""
    return [Row(id=f"row-{index}", index=index, data=one) for index, one in enumerate(data)]


def _crashing() -> Iterator[Row]:
    """Yield more than any buffer holds, then crash."""
    yield from rows([{"question": "x" * 1000, "answer": "y"}] * 500)
    raise _Crash


def _contents(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def _names(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()}
