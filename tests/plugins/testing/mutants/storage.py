"""A correct storage, and broken ones."""

import json
import uuid
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from budwood.hooks import STORAGE, StorageSpec
from budwood_testing import StorageSuite
from tests.plugins.testing.mutants.registering import registry_of


class ListSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path: Path


class ListStorage:
    """
    Writes a JSON list.
    """

    def __init__(self, settings, context):
        self.path = settings.path

    def data(self, row):
        return row.data

    def id(self, row):
        return row.id

    def serialize(self, data):
        return json.dumps(data).encode()

    def write(self, rows):
        data = [{"id": self.id(row), "data": self.data(row)} for row in rows]
        part = self.path.with_name(f"{self.path.name}.part")
        part.write_bytes(self.serialize(data))
        part.replace(self.path)
        return len(data)


class Correct(StorageSuite):
    """
    The suite with the correct plugin; mutants replace `Mutant` and list the tests that must fail in `caught_by`.
    """

    plugin = "list"
    caught_by: ClassVar = ()
    Mutant: ClassVar = ListStorage

    def __init_subclass__(cls):
        spec = StorageSpec(
            name="list",
            settings=lambda: ListSettings,
            build=cls.Mutant,
            requires_api=(2, 0),
            summary="Writes a JSON list.",
        )
        cls.registry = registry_of(STORAGE, spec)

    streams = False

    def read_back(self, path):
        return [row["data"] for row in json.loads(path.read_bytes())]

    def read_ids(self, path):
        return [row["id"] for row in json.loads(path.read_bytes())]


class TestCorrect(Correct):
    pass


class TestCountsWrong(Correct):
    caught_by = ("test_rows_are_written_and_counted",)

    class Mutant(ListStorage):
        def write(self, rows):
            return super().write(rows) + 1


class TestReversesRows(Correct):
    caught_by = ("test_rows_are_written_and_counted", "test_rows_are_read_once_in_order")

    class Mutant(ListStorage):
        def serialize(self, data):
            return super().serialize(data[::-1])


class TestStoresOnlyText(Correct):
    caught_by = ("test_nested_data_is_preserved",)

    class Mutant(ListStorage):
        def data(self, row):
            return {name: value if isinstance(value, str) else json.dumps(value) for name, value in row.data.items()}


class TestStripsTexts(Correct):
    caught_by = ("test_any_text_is_preserved",)

    class Mutant(ListStorage):
        def data(self, row):
            return {name: value.strip() if isinstance(value, str) else value for name, value in row.data.items()}


class TestWritesNoEmptyOutput(Correct):
    caught_by = ("test_no_rows_give_an_empty_output",)

    class Mutant(ListStorage):
        def write(self, rows):
            rows = list(rows)
            return super().write(rows) if rows else 0


class TestAppendsToOldOutput(Correct):
    caught_by = ("test_output_is_replaced",)

    class Mutant(ListStorage):
        def serialize(self, data):
            old = json.loads(self.path.read_bytes()) if self.path.exists() else []
            return super().serialize(old + data)


class TestUsesRandomness(Correct):
    caught_by = ("test_same_rows_give_the_same_bytes",)

    class Mutant(ListStorage):
        def serialize(self, data):
            return super().serialize(data) + b" " * (uuid.uuid4().int % 1000)


class TestReadsRowsTwice(Correct):
    caught_by = ("test_rows_are_read_once_in_order",)

    class Mutant(ListStorage):
        def write(self, rows):
            count = sum(1 for _ in rows)
            super().write(rows)
            return count


class TestWritesInPlace(Correct):
    caught_by = ("test_old_output_stays_until_the_new_one_is_complete", "test_exception_leaves_the_old_output")

    class Mutant(ListStorage):
        def write(self, rows):
            self.path.write_bytes(b"[]")
            return super().write(rows)


class TestLeavesTemporaryFiles(Correct):
    caught_by = ("test_exception_leaves_the_old_output", "test_exception_during_the_first_write_leaves_nothing")

    class Mutant(ListStorage):
        def write(self, rows):
            self.path.with_name("rows.lock").write_text("")
            count = super().write(rows)
            self.path.with_name("rows.lock").unlink()
            return count


class TestWritesPartialOutput(Correct):
    caught_by = ("test_exception_leaves_the_old_output", "test_exception_during_the_first_write_leaves_nothing")

    class Mutant(ListStorage):
        def write(self, rows):
            received = []
            try:
                received.extend(rows)
            except Exception:  # noqa: BLE001 - this is the defect
                return super().write(received)
            return super().write(received)


class TestHidesErrors(Correct):
    caught_by = ("test_unwritable_path_is_an_error",)

    class Mutant(ListStorage):
        def write(self, rows):
            try:
                return super().write(rows)
            except OSError:
                return 0


class TestChangesFileName(Correct):
    caught_by = ("test_any_path_name_is_accepted",)

    class Mutant(ListStorage):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self.path = self.path.with_name(self.path.name.replace(" ", "_"))


class TestCountsByLastIndex(Correct):
    caught_by = ("test_returns_the_number_of_rows",)

    class Mutant(ListStorage):
        def write(self, rows):
            rows = list(rows)
            super().write(rows)
            return rows[-1].index + 1 if rows else 0


class TestCountsOnlyFirstBatch(Correct):
    caught_by = ("test_returns_the_number_of_rows",)

    class Mutant(ListStorage):
        def write(self, rows):
            return min(super().write(rows), 1000)


class TestRemovesDuplicates(Correct):
    caught_by = ("test_returns_the_number_of_rows",)

    class Mutant(ListStorage):
        def serialize(self, data):
            once = {json.dumps(row["data"]): row for row in data}
            return super().serialize(list(once.values()))


class TestReplacesIds(Correct):
    caught_by = ("test_ids_are_preserved",)

    class Mutant(ListStorage):
        def id(self, row):
            return f"row-{row.index}"


class TestOverwritesIdField(Correct):
    caught_by = ("test_any_field_name_is_preserved",)

    class Mutant(ListStorage):
        def data(self, row):
            return {**row.data, **({"id": row.id} if "id" in row.data else {})}


class TestCollectsAllRows(Correct):
    caught_by = ("test_rows_are_written_incrementally",)
    streams = True
