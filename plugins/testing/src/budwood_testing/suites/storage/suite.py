"""The suite for storages."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from budwood.contracts import Storage
from budwood.errors import BudwoodError
from budwood.types import Row
from budwood_testing.suites.plugin import Build
from budwood_testing.suites.properties import HOSTILE_TEXTS, error_of, for_all, texts
from budwood_testing.suites.storage.data import (
    FLAT,
    NESTED,
    NESTED_SCHEMA,
    is_path,
    make_dataset,
    make_rows,
    store,
)
from budwood_testing.suites.storage.delivery import DeliveryTests
from budwood_testing.suites.storage.output import OutputTests
from budwood_testing.suites.untested import ReportUntested


class StorageSuite(DeliveryTests, OutputTests):
    """
    Tests a storage. The author supplies the function that reads the output back; see `StorageUnderTest` for the rest.

    .. code-block:: python

        class TestCSV(StorageSuite):
            plugin = "csv"
            identifies = False

            def read_back(self, output):
                with Path(output).open(newline="") as file:
                    return list(csv.DictReader(file))
    """

    def test_rows_are_stored_in_the_order_of_their_indexes(self, storage: Storage, address: str) -> None:
        """Rows arrive in the order in which they were finished; the output has them in order, unchanged."""
        rows = make_rows(FLAT)
        storage.begin(make_dataset(rows))
        storage.put([rows[2], rows[0]])
        storage.put([rows[3]])
        storage.put([rows[1]])

        assert storage.finish(iter(rows)) == len(rows)
        assert self.read_back(address) == list(FLAT)

    def test_nested_data_is_preserved(self, storage: Storage, address: str) -> None:
        """Rows may contain lists, objects, numbers and null, as in JSON."""
        if not self.nested:
            pytest.skip(f"{self.plugin} does not set `nested`")
        store(storage, make_rows(NESTED), schema=NESTED_SCHEMA)

        assert self.read_back(address) == list(NESTED)

    def test_any_text_is_preserved(self, storage: Storage, address: str) -> None:
        """Separators, quotes and control characters in a value do not end the row."""

        def check(text: str) -> None:
            rows = make_rows([{"text": text}, {"text": f"{text}{text}"}])
            store(storage, rows)
            assert self.read_back(address) == [row.data for row in rows]

        for_all(texts(), check, always=HOSTILE_TEXTS, examples=20)

    def test_any_field_name_is_preserved(self, storage: Storage, address: str) -> None:
        """Fields may have any name, including the names of the attributes of a row."""
        rows = make_rows([{"id": "mine", "index": "seven", "Index": "8", "data": "all", 'r\u00f6w, "1"': "text"}])
        store(storage, rows)

        assert self.read_back(address) == [row.data for row in rows]

    def test_ids_are_preserved(self, storage: Storage, address: str) -> None:
        """If the storage writes ids, each row has its own id, unchanged."""
        rows = [Row(id=f"{index:04x}-{index % 2}", index=index, data=FLAT[0]) for index in (3, 7, 12)]
        store(storage, rows)
        found = self.read_ids(address)
        if found is None:
            pytest.skip(f"{self.plugin} does not write ids")

        assert found == [row.id for row in rows]

    def test_no_rows_give_an_empty_output(self, storage: Storage, address: str) -> None:
        """Without rows there is an output, and reading it gives no rows."""
        storage.begin(make_dataset(make_rows(FLAT)))

        assert storage.finish(iter(())) == 0
        assert self.read_back(address) == []

    def test_returns_the_number_of_rows(self, storage: Storage, address: str) -> None:
        """`finish` returns the number of rows, even if indexes have gaps (failed rows) or rows are equal."""
        rows = [Row(id=f"{index:032x}", index=index, data=FLAT[0]) for index in (2, 5, *range(900, 2100))]

        assert store(storage, rows) == len(rows)
        assert self.read_back(address) == [FLAT[0]] * len(rows)

    def test_unusable_output_is_an_error(self, build: Build, folder: Path, untested: ReportUntested) -> None:
        """An output that cannot be used raises OSError or a BudwoodError that names it, at the latest in `finish`."""
        output = self.unusable_output(folder)
        if output is None:
            untested("errors of an output that cannot be used: implement unusable_output()")
        message = error_of(
            lambda: store(build(output=output).implementation, make_rows(FLAT)), (OSError, BudwoodError), "the storage"
        )

        assert message, f"begin(), put() or finish() must raise OSError or a BudwoodError: {output} cannot be used"
        if is_path(output):
            assert "file" in message, f"the error must name the path; its message was: {message}"

    def test_secrets_are_not_shown(
        self, build: Build, folder: Path, caplog: pytest.LogCaptureFixture, untested: ReportUntested
    ) -> None:
        """Neither errors nor logs nor representations contain a secret of the settings or the output."""
        if not self.secrets:
            pytest.skip(f"{self.plugin} has no `secrets`")
        output = self.unusable_output(folder)
        if output is None:
            untested("that errors contain no secret: implement unusable_output()")
        instance = build(output=output)
        with pytest.raises((OSError, BudwoodError)) as raised:
            store(instance.implementation, make_rows(FLAT))
        shown = "\n".join(traceback.format_exception(raised.value))
        shown = "\n".join((shown, repr(instance.settings), repr(instance.implementation), caplog.text))

        assert [secret for secret in self.secrets if secret in shown] == []

    def test_any_file_name_is_accepted(self, build: Build, folder: Path, address: str) -> None:
        """A path may contain spaces and any letters."""
        if not is_path(address):
            pytest.skip("the output is not a file")
        output = str(folder / f"r\u00f6ws of \u732b {self.file_name}")
        store(build(output=output).implementation, make_rows(FLAT))

        assert self.read_back(output) == list(FLAT)

    def test_close_can_be_called_twice(self, build: Build, storage: Storage) -> None:
        """`close` works before `begin`, after it, and again."""
        unused: Storage = build().implementation
        unused.close()
        unused.close()
        store(storage, make_rows(FLAT))
        storage.close()
        storage.close()
