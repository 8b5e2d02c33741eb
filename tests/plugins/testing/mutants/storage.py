"""A correct storage, and broken ones."""

import json
import uuid
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr

from budwood.errors import ConfigurationError
from budwood.hooks import STORAGE, StorageSpec
from budwood.types import Row
from budwood_testing import StorageSuite
from tests.plugins.testing.mutants.registering import registry_of


class ListSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    output: Path
    access: SecretStr = SecretStr("none")


class ListStorage:
    """
    Stores rows in a JSON file per writer; `finish` writes a JSON list, and next to it the id of the run.
    """

    def __init__(self, settings, context):
        self.settings = settings
        self.path = settings.output
        self.writer = ""
        self.page = []

    def begin(self, dataset):
        self.writer = dataset.writer
        owner = self.path.with_name(f"{self.path.name}.run")
        if owner.exists() and owner.read_text() != dataset.run:
            raise ConfigurationError(f"{self.path.name} has the rows of another run.", hint="Choose another output.")
        owner.write_text(dataset.run)

    def put(self, rows):
        part = self.path.with_name(f"{self.path.name}.{self.writer}.rows")
        stored = json.loads(part.read_bytes()) if part.exists() else {}
        stored |= {self.key(row): self.entry(row) for row in rows}
        part.write_text(json.dumps(stored))

    def entry(self, row):
        return {"id": self.id(row), "index": row.index, "data": self.data(row)}

    def key(self, row):
        return row.id

    def data(self, row):
        return row.data

    def id(self, row):
        return row.id

    def stored(self):
        found = {}
        for part in self.path.parent.glob(f"{self.path.name}.*.rows"):
            found |= json.loads(part.read_bytes())
        return found

    def order(self, rows):
        return sorted(rows, key=lambda row: row["index"])

    def serialize(self, rows):
        return json.dumps(rows).encode()

    def finish(self, rows):
        found = self.order(self.reconcile([self.entry(row) for row in rows]))
        part = self.path.with_name(f"{self.path.name}.part")
        part.write_bytes(self.serialize(found))
        part.replace(self.path)
        return len(found)

    def reconcile(self, rows):
        return rows

    def load(self, after, limit):
        rows = [Row(**row) for row in json.loads(self.path.read_bytes()) if row["index"] > after]
        return rows[:limit]

    def close(self):
        pass


class TrustingStorage(ListStorage):
    """
    Writes what `put` has stored of the rows.
    """

    def reconcile(self, rows):
        ids = {row["id"] for row in rows}
        return [row for row in self.stored().values() if row["id"] in ids]


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
    secrets = ("open-sesame",)

    def settings(self, folder):
        return {"access": "open-sesame"}

    def read_back(self, output):
        return [row["data"] for row in json.loads(Path(output).read_bytes())]

    def read_ids(self, output):
        return [row["id"] for row in json.loads(Path(output).read_bytes())]


class TestCorrect(Correct):
    pass


class TestCountsWrong(Correct):
    caught_by = ("test_rows_are_stored_in_the_order_of_their_indexes", "test_rows_are_read_once_in_order")

    class Mutant(ListStorage):
        def finish(self, rows):
            return super().finish(rows) + 1


class TestKeepsTheOrderOfArrival(Correct):
    caught_by = (
        "test_rows_are_stored_in_the_order_of_their_indexes",
        "test_delivery_continues_after_a_crash",
        "test_same_rows_give_the_same_bytes",
    )

    class Mutant(TrustingStorage):
        def order(self, rows):
            return rows

        def put(self, rows):
            super().put(rows)
            part = self.path.with_name(f"{self.path.name}.{self.writer}.rows")
            stored = json.loads(part.read_bytes())
            latest = {row.id: stored.pop(row.id) for row in rows}
            part.write_text(json.dumps(stored | latest))


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


class TestIgnoresCaseOfFields(Correct):
    caught_by = ("test_any_field_name_is_preserved",)

    class Mutant(ListStorage):
        def data(self, row):
            return {name.lower(): value for name, value in row.data.items()}


class TestReplacesIds(Correct):
    caught_by = ("test_ids_are_preserved",)

    class Mutant(ListStorage):
        def serialize(self, rows):
            return super().serialize([{**row, "id": str(row["index"])} for row in rows])


class TestWritesNoEmptyOutput(Correct):
    caught_by = ("test_no_rows_give_an_empty_output",)

    class Mutant(ListStorage):
        def finish(self, rows):
            rows = list(rows)
            return super().finish(rows) if rows else 0


class TestCountsByLastIndex(Correct):
    caught_by = ("test_returns_the_number_of_rows",)

    class Mutant(ListStorage):
        def finish(self, rows):
            rows = list(rows)
            super().finish(rows)
            return rows[-1].index + 1 if rows else 0


class TestRemovesDuplicates(Correct):
    caught_by = ("test_returns_the_number_of_rows",)

    class Mutant(ListStorage):
        def serialize(self, rows):
            return super().serialize(list({json.dumps(row["data"]): row for row in rows}.values()))


class TestAppendsBatches(Correct):
    caught_by = (
        "test_a_batch_can_be_put_again",
        "test_a_row_with_the_id_of_a_stored_one_replaces_it",
        "test_delivery_continues_after_a_crash",
    )

    class Mutant(TrustingStorage):
        def key(self, row):
            return uuid.uuid4().hex


class TestKeepsTheFirstVersion(Correct):
    caught_by = ("test_a_row_with_the_id_of_a_stored_one_replaces_it",)

    class Mutant(TrustingStorage):
        def put(self, rows):
            stored = self.stored()
            super().put([row for row in rows if row.id not in stored])


class TestStartsAgainAfterACrash(Correct):
    caught_by = ("test_finish_can_follow_more_rows",)

    class Mutant(TrustingStorage):
        def begin(self, dataset):
            super().begin(dataset)
            self.path.with_name(f"{self.path.name}.{self.writer}.rows").unlink(missing_ok=True)


class TestKeepsRowsInMemory(Correct):
    caught_by = ("test_finish_can_follow_more_rows",)

    class Mutant(TrustingStorage):
        rows: ClassVar = None

        def put(self, rows):
            self.rows = (self.rows or {}) | {
                row.id: {"id": row.id, "index": row.index, "data": row.data} for row in rows
            }

        def stored(self):
            return self.rows or {}


class TestFinishesOnce(Correct):
    caught_by = ("test_finish_can_follow_more_rows",)

    class Mutant(ListStorage):
        def finish(self, rows):
            if self.path.exists():
                raise ConfigurationError("The output is complete.")
            return super().finish(rows)


class TestIgnoresOtherWriters(Correct):
    caught_by = ("test_writers_share_an_output",)

    class Mutant(TrustingStorage):
        def stored(self):
            part = self.path.with_name(f"{self.path.name}.{self.writer}.rows")
            return json.loads(part.read_bytes()) if part.exists() else {}


class TestOverwritesOtherRuns(Correct):
    caught_by = ("test_output_of_another_run_is_refused",)

    class Mutant(ListStorage):
        def begin(self, dataset):
            self.writer = dataset.writer


class TestTrustsPut(Correct):
    caught_by = ("test_finish_makes_the_output_equal_to_its_rows",)
    Mutant = TrustingStorage


class TestReadsRowsTwice(Correct):
    caught_by = ("test_rows_are_read_once_in_order",)

    class Mutant(ListStorage):
        def finish(self, rows):
            next(rows)
            return super().finish(rows)


class TestUsesRandomness(Correct):
    caught_by = ("test_same_rows_give_the_same_bytes",)

    class Mutant(ListStorage):
        def serialize(self, rows):
            return super().serialize(rows) + b" " * (uuid.uuid4().int % 1000)


class TestLoadsTheLastRowAgain(Correct):
    caught_by = ("test_load_reads_pages",)

    class Mutant(ListStorage):
        def load(self, after, limit):
            return super().load(after - 1, limit)


class TestCollectsAllRows(Correct):
    caught_by = ("test_rows_are_stored_incrementally",)
    streams = True


class TestWritesInPlace(Correct):
    caught_by = ("test_old_output_stays_until_the_new_one_is_complete", "test_exception_leaves_the_old_output")

    class Mutant(ListStorage):
        def finish(self, rows):
            self.path.write_bytes(b"[]")
            return super().finish(rows)


class TestLeavesTemporaryFiles(Correct):
    caught_by = ("test_exception_leaves_the_old_output", "test_exception_during_the_first_finish_leaves_nothing")

    class Mutant(ListStorage):
        def finish(self, rows):
            self.path.with_name("rows.lock").write_text("")
            count = super().finish(rows)
            self.path.with_name("rows.lock").unlink()
            return count


class TestWritesPartialOutput(Correct):
    caught_by = ("test_exception_leaves_the_old_output", "test_exception_during_the_first_finish_leaves_nothing")

    class Mutant(ListStorage):
        def finish(self, rows):
            received = []
            try:
                received.extend(rows)
            except Exception:  # noqa: BLE001 - this is the defect
                return super().finish(received)
            return super().finish(received)


class TestHidesErrors(Correct):
    caught_by = ("test_unusable_output_is_an_error",)

    class Mutant(ListStorage):
        def begin(self, dataset):
            if self.path.parent.is_dir():
                super().begin(dataset)

        def put(self, rows):
            if self.path.parent.is_dir():
                super().put(rows)

        def finish(self, rows):
            return super().finish(rows) if self.path.parent.is_dir() else 0


class TestShowsSecretsInErrors(Correct):
    caught_by = ("test_secrets_are_not_shown",)

    class Mutant(ListStorage):
        def begin(self, dataset):
            try:
                super().begin(dataset)
            except OSError as error:
                access = self.settings.access.get_secret_value()
                raise ConfigurationError(f"Cannot open {self.path} as {access}.") from error


class TestShowsSecretsInItsRepresentation(Correct):
    caught_by = ("test_secrets_are_not_shown",)

    class Mutant(ListStorage):
        def __repr__(self):
            return f"ListStorage({self.settings.access.get_secret_value()})"


class TestChangesFileName(Correct):
    caught_by = ("test_any_file_name_is_accepted",)

    class Mutant(ListStorage):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self.path = self.path.with_name(self.path.name.replace(" ", "_"))


class TestClosesOnce(Correct):
    caught_by = ("test_close_can_be_called_twice",)

    class Mutant(ListStorage):
        def close(self):
            self.page.append(1)
            if len(self.page) > 1:
                raise RuntimeError("closed twice")
