"""The suite for storages."""

from __future__ import annotations

import tracemalloc
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


_MANY: Final = 6000
_LARGE: Final = 4096
"""Rows, and bytes of each, that together are more than a storage may hold in memory."""


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
        streams: Whether it writes rows while they come, so that a dataset may be larger than the memory.
    """

    kind: ClassVar[Kind[Any]] = STORAGE
    file_name: ClassVar[str] = "rows"
    nested: ClassVar[bool] = True
    streams: ClassVar[bool] = True

    def read_back(self, path: Path) -> list[dict[str, Any]]:
        """Read the data of all rows that were written to the path, in their order."""
        raise AssertionError(f"{type(self).__name__} needs read_back(path), which reads what the storage wrote")

    def read_ids(self, path: Path) -> list[str] | None:
        """Read the ids of all rows that were written to the path; None where the storage writes none."""
        return None

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

    def test_count_is_of_rows(self, storage: Storage, path: Path) -> None:
        """Neither the numbers of rows nor rows that are equal make another count: shards skip numbers."""
        equal = [Row(id=f"row-{index}", index=index, data=_DATA[0]) for index in (5, 2, 900)]
        many = rows(_DATA * 500)

        assert storage.write(iter(equal)) == len(equal)
        assert self.read_back(path) == [_DATA[0]] * len(equal)
        assert storage.write(iter(many)) == len(many)
        assert len(self.read_back(path)) == len(many)

    def test_ids_are_kept(self, storage: Storage, path: Path) -> None:
        """Where they are written, each row has its own, as it was given."""
        given = [Row(id=f"shard-{index % 2}-{index:04x}", index=index, data=_DATA[0]) for index in (7, 3, 12)]
        storage.write(iter(given))
        found = self.read_ids(path)
        if found is None:
            pytest.skip(f"{self.plugin} writes no ids")

        assert found == [row.id for row in given]

    def test_fields_may_have_any_name(self, storage: Storage, path: Path) -> None:
        """Also those that a row has itself: the data are the user's."""
        data = [{"id": "mine", "index": "seven", "data": "all", 'r\u00f6w, "1"': "text"}]
        storage.write(rows(data))

        assert self.read_back(path) == data

    def test_rows_are_written_while_they_come(self, storage: Storage, path: Path) -> None:
        """Batches may wait in memory, but not the whole dataset."""
        if not self.streams:
            pytest.skip(f"{self.plugin} does not claim to stream")
        most = _MANY * _LARGE
        tracemalloc.start()
        try:
            written = storage.write(
                Row(id=f"row-{index}", index=index, data={"text": f"{index} ".ljust(_LARGE, "x")})
                for index in range(_MANY)
            )
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert written == _MANY
        assert peak < most / 2, f"{peak:,} bytes were held while {most:,} were written"

    def test_reader_sees_the_old_output_until_the_new_one_is_whole(self, storage: Storage, path: Path) -> None:
        """A reader sees no part of it while it is written."""
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
