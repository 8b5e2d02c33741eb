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
from budwood_testing.suites.properties import HOSTILE_TEXTS, error_of, for_all, texts

_DATA: Final[tuple[dict[str, JSON], ...]] = (
    {"question": "Why?", "answer": "Because."},
    {"question": "Wie geht\u2019s? \U0001f600", "answer": "\u2028 \u05d0 \x00 \"quoted\", 'too'; = 5\r\n"},
    {"question": "", "answer": "0123"},
)
"""Rows with the same fields, as in a dataset."""


_MANY: Final = 6000
_LARGE: Final = 4096
"""The number of rows and bytes per row; together more than a storage may keep in memory."""


class _Crash(Exception):  # noqa: N818 - stands for any exception of a program
    """An exception that the iterator of rows raises."""


class StorageSuite(PluginSuite):
    """
    Tests a storage. The author supplies the function that reads the output back.

    .. code-block:: python

        class TestCSV(StorageSuite):
            plugin = "csv"

            def read_back(self, path):
                with path.open(newline="") as file:
                    return list(csv.DictReader(file))

    Attributes:
        file_name: The name of the output; some storages choose the format by its extension.
        nested: Whether rows may contain lists, objects, numbers and null; otherwise only strings.
        streams: Whether it writes rows as they arrive, so that a dataset may be larger than the memory.
    """

    kind: ClassVar[Kind[Any]] = STORAGE
    file_name: ClassVar[str] = "rows"
    nested: ClassVar[bool] = True
    streams: ClassVar[bool] = True

    def read_back(self, path: Path) -> list[dict[str, Any]]:
        """Return the data of all rows in the output, in order."""
        raise AssertionError(f"{type(self).__name__} must implement read_back(path), which reads the output")

    def read_ids(self, path: Path) -> list[str] | None:
        """Return the ids of all rows in the output, in order; None if the storage does not write ids."""
        return None

    def all_settings(self, folder: Path) -> dict[str, object]:
        """Add the setting ``path``, which all storages have."""
        return {"path": folder / self.file_name, **super().all_settings(folder)}

    @pytest.fixture
    def path(self, folder: Path) -> Path:
        """Return the path of the output."""
        return Path(str(self.all_settings(folder)["path"]))

    @pytest.fixture
    def storage(self, build: Build) -> Storage:
        """Build the storage."""
        storage: Storage = build().implementation
        return storage

    def test_rows_are_written_and_counted(self, storage: Storage, path: Path) -> None:
        """`write` writes all rows in order, unchanged, and returns their number."""
        assert storage.write(rows(_DATA)) == len(_DATA)
        assert self.read_back(path) == list(_DATA)

    def test_nested_data_is_preserved(self, storage: Storage, path: Path) -> None:
        """Rows may contain lists, objects, numbers and null, as in JSON."""
        if not self.nested:
            pytest.skip(f"{self.plugin} does not set `nested`")
        message: JSON = {"role": "user", "content": "Hi."}
        data: list[dict[str, JSON]] = [
            {"messages": [message, message], "score": 0.25, "rank": 2**53, "flag": True, "note": None},
            {"messages": [], "score": -1.0, "rank": 0, "flag": False, "note": "none"},
        ]
        storage.write(rows(data))

        assert self.read_back(path) == data

    def test_any_text_is_preserved(self, storage: Storage, path: Path) -> None:
        """Separators, quotes and control characters in a value do not end the row."""

        def check(text: str) -> None:
            data = [{"text": text}, {"text": f"{text}{text}"}]
            storage.write(rows(data))
            assert self.read_back(path) == data

        for_all(texts(), check, always=HOSTILE_TEXTS, examples=20)

    def test_no_rows_give_an_empty_output(self, storage: Storage, path: Path) -> None:
        """Without rows there is an output, and reading it gives no rows."""
        assert storage.write(iter(())) == 0
        assert self.read_back(path) == []

    def test_output_is_replaced(self, storage: Storage, path: Path) -> None:
        """A second `write` replaces the output, even if it is shorter."""
        storage.write(rows(_DATA * 20))
        storage.write(rows(_DATA[:1]))

        assert self.read_back(path) == list(_DATA[:1])

    def test_same_rows_give_the_same_bytes(self, storage: Storage, path: Path) -> None:
        """The output depends only on the rows: not on time or random numbers."""
        storage.write(rows(_DATA))
        first = _contents(path)
        storage.write(rows(_DATA))

        assert _contents(path) == first

    def test_rows_are_read_once_in_order(self, storage: Storage, path: Path) -> None:
        """`write` accepts a generator, and reads it once from start to end."""
        consumed: list[int] = []

        def make_rows() -> Iterator[Row]:
            for row in rows(_DATA):
                consumed.append(row.index)
                yield row

        storage.write(make_rows())

        assert consumed == list(range(len(_DATA)))
        assert self.read_back(path) == list(_DATA)

    def test_returns_the_number_of_rows(self, storage: Storage, path: Path) -> None:
        """`write` returns the number of rows, even if indexes have gaps (as in shards) or rows are equal."""
        equal = [Row(id=f"row-{index}", index=index, data=_DATA[0]) for index in (5, 2, 900)]
        many = rows(_DATA * 500)

        assert storage.write(iter(equal)) == len(equal)
        assert self.read_back(path) == [_DATA[0]] * len(equal)
        assert storage.write(iter(many)) == len(many)
        assert len(self.read_back(path)) == len(many)

    def test_ids_are_preserved(self, storage: Storage, path: Path) -> None:
        """If the storage writes ids, each row has its own id, unchanged."""
        written = [Row(id=f"shard-{index % 2}-{index:04x}", index=index, data=_DATA[0]) for index in (7, 3, 12)]
        storage.write(iter(written))
        found = self.read_ids(path)
        if found is None:
            pytest.skip(f"{self.plugin} does not write ids")

        assert found == [row.id for row in written]

    def test_any_field_name_is_preserved(self, storage: Storage, path: Path) -> None:
        """Fields may have any name, including the names of the attributes of a row."""
        data = [{"id": "mine", "index": "seven", "data": "all", 'r\u00f6w, "1"': "text"}]
        storage.write(rows(data))

        assert self.read_back(path) == data

    def test_rows_are_written_incrementally(self, storage: Storage, path: Path) -> None:
        """The storage may collect batches in memory, but not the complete dataset."""
        if not self.streams:
            pytest.skip(f"{self.plugin} does not set `streams`")
        total = _MANY * _LARGE
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
        assert peak < total / 2, (
            f"writing {total:,} bytes used {peak:,} bytes of memory: write rows as they arrive, or set streams = False"
        )

    def test_old_output_stays_until_the_new_one_is_complete(self, storage: Storage, path: Path) -> None:
        """Readers see the old output until the new one is complete."""
        storage.write(rows(_DATA))
        seen: list[list[dict[str, Any]]] = []

        def make_rows() -> Iterator[Row]:
            for row in rows(_DATA[:2] * 500):
                if row.index in (0, 1, 999):
                    seen.append(self.read_back(path))
                yield row

        storage.write(make_rows())

        assert seen == [list(_DATA)] * 3

    def test_exception_leaves_the_old_output(self, storage: Storage, path: Path) -> None:
        """An exception of the rows' iterator propagates; output and folder are as before."""
        storage.write(rows(_DATA))
        before = _names(path)
        with pytest.raises(_Crash):
            storage.write(_crashing())

        assert self.read_back(path) == list(_DATA)
        assert _names(path) == before, "an incomplete file is left in the folder: remove it when `write` fails"

    def test_exception_during_the_first_write_leaves_nothing(self, storage: Storage, path: Path) -> None:
        """If the first `write` fails, there is no output."""
        before = _names(path)
        with pytest.raises(_Crash):
            storage.write(_crashing())

        assert not path.exists()
        assert _names(path) == before, "an incomplete file is left in the folder: remove it when `write` fails"

    def test_unwritable_path_is_an_error(self, build: Build, folder: Path) -> None:
        """If the path cannot be written, `write` raises OSError or a BudwoodError that names the path."""
        (folder / "file").write_text("not a folder")
        impossible = folder / "file" / self.file_name
        message = error_of(
            lambda: build(path=impossible).implementation.write(rows(_DATA)), (OSError, BudwoodError), "write()"
        )

        assert message, "write() must raise OSError or a BudwoodError if it cannot write the path: it raised nothing"
        assert "file" in message, f"the error of write() must name the path; its message was: {message}"

    def test_any_path_name_is_accepted(self, build: Build, folder: Path) -> None:
        """The path may contain spaces and any letters."""
        path = folder / f"r\u00f6ws of \u732b {self.file_name}"
        build(path=path).implementation.write(rows(_DATA))

        assert self.read_back(path) == list(_DATA)


def rows(data: Sequence[dict[str, Any]]) -> list[Row]:
    """Create a row for each item of data."""
    return [Row(id=f"row-{index}", index=index, data=one) for index, one in enumerate(data)]


def _crashing() -> Iterator[Row]:
    """Yield more data than fits into any buffer, then raise."""
    yield from rows([{"question": "x" * 1000, "answer": "y"}] * 500)
    raise _Crash


def _contents(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def _names(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()}
