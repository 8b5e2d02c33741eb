"""The suite for instruction strategies."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Sequence, Sized
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Final

import pytest
from pydantic_core import from_json, to_json

from budwood.contracts import Cells, InstructionStrategy
from budwood.errors import BudwoodError
from budwood.hooks import INSTRUCTION_STRATEGY, Kind
from budwood.providing import check_messages
from budwood.types import Cell, CellDraft, Instruction, SourcePassage, Turn
from budwood_testing.passages import ListedPassages
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.other_process import run_in_other_process
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.properties import HOSTILE_TEXTS, check_error, error_of, for_all, texts

_COUNTS: Final = (1, 2, 7, 20)
_MANY: Final = (100_000, 10_000_000)
_MEMORY: Final = 2**20
"""Bytes that cells may occupy, however many they are."""
_TURNS: Final = (
    (),
    (Turn(question="What is it?", answer="It is a test."),),
    (Turn(question="What is it?", answer="It is a test."), Turn(question="And why?", answer="Because.")),
)


class InstructionStrategySuite(PluginSuite):
    """
    Tests an instruction strategy.

    .. code-block:: python

        class TestRiddles(InstructionStrategySuite):
            plugin = "riddles"

    Attributes:
        needs_documents: Whether `prepare` raises an error if there are no passages.
        spreads: Whether the cells use each passage equally often, also the first of them.
        lists_drafts: Whether the strategy keeps all drafts in memory, such as with `budwood.providing.ListedCells`.
    """

    kind: ClassVar[Kind[Any]] = INSTRUCTION_STRATEGY
    needs_documents: ClassVar[bool] = True
    spreads: ClassVar[bool] = True
    lists_drafts: ClassVar[bool] = False

    def passages(self) -> Sequence[SourcePassage]:
        """Return passages that the strategy can use."""
        template = "The {n} graft holds because its bark meets. It wants wax in spring. It bears in its third year."
        return [
            make_passage(number, template.format(n=word)) for number, word in enumerate(("first", "second", "third"))
        ]

    @pytest.fixture
    def strategy(self, build: Build) -> InstructionStrategy:
        """Build the strategy."""
        strategy: InstructionStrategy = build().implementation
        return strategy

    def test_each_number_has_a_cell(self, strategy: InstructionStrategy) -> None:
        """`cell` drafts a cell for each number below the count, even if there are fewer passages."""
        for count in _COUNTS:
            cells = self.prepare(strategy, count)
            drafts = [draft_cell(cells, number) for number in range(count_cells(cells, count))]

            assert drafts, "there is material for at least one cell"
            assert all(isinstance(draft, CellDraft) for draft in drafts)

    def test_length_is_the_number_of_cells_with_material(self, strategy: InstructionStrategy) -> None:
        """`__len__`, if there is one, is the same at each call, and `cell` raises IndexError from this number on."""
        cells = self.prepare(strategy, 7)
        if not isinstance(cells, Sized):
            return
        length = len(cells)
        if length <= 7:
            draft_cell(cells, length - 1)
        for number in (length, length + 1, 2 * length):
            with pytest.raises(IndexError):
                draft_cell(cells, number)

        assert len(cells) == length

    def test_negative_numbers_have_no_cell(self, strategy: InstructionStrategy) -> None:
        """`cell` raises IndexError for a negative number; it does not count from the end."""
        cells = self.prepare(strategy, 7)
        for number in (-1, -7, -8):
            with pytest.raises(IndexError):
                draft_cell(cells, number)

    def test_cells_are_drafted_in_any_order(self, strategy: InstructionStrategy) -> None:
        """Drafting a cell first, last or twice gives the same draft."""
        first = self.drafts(strategy, 7)
        cells = self.prepare(strategy, 7)
        numbers = [*reversed(range(len(first))), *range(len(first))]

        assert [draft_cell(cells, number) for number in numbers] == [first[number] for number in numbers]

    def test_cells_depend_only_on_their_arguments(self, strategy: InstructionStrategy, build: Build) -> None:
        """The same seeds give the same cells, from any instance and for any state of the module `random`."""
        random.seed(99)
        first = self.drafts(strategy, 7)
        random.seed(1)

        assert self.drafts(strategy, 7) == first
        assert self.drafts(build().implementation, 7) == first

    def test_prepared_cells_are_independent(self, strategy: InstructionStrategy) -> None:
        """Other cells of the same strategy and instructions do not affect a cell, and passages are not modified."""
        passages = tuple(self.passages())
        first = self.drafts(strategy, 7)
        cells = self.prepare(strategy, 7)
        self.drafts(strategy, 3, seed=5)
        strategy.instruct(make_cell(first[0], 0), (), Random(3))

        assert [draft_cell(cells, number) for number in range(len(first))] == first
        assert tuple(self.passages()) == passages

    def test_cells_are_the_same_in_other_processes(self, strategy: InstructionStrategy, folder: Path) -> None:
        """A process with another PYTHONHASHSEED gives the same cells and instructions, so that a run resumes."""
        found = run_in_other_process(type(self), "fingerprints_of_new_instance", folder)

        assert found == self.fingerprints(strategy), "cells differ between processes; do not depend on hash() or sets"

    def test_cells_are_spread_evenly_over_the_passages(self, strategy: InstructionStrategy) -> None:
        """The numbers of cells of any two passages differ by at most one, also among the first cells."""
        if not self.spreads:
            pytest.skip(f"{self.plugin} does not set `spreads`")
        passages = self.passages()
        drafts = self.drafts(strategy, 3 * len(passages) + 1)
        for count in (len(passages), len(drafts)):
            used = [sum(draft.passage == one for draft in drafts[:count]) for one in passages]

            assert sum(used) == len(drafts[:count]), "a cell uses none of the passages"
            assert max(used) - min(used) <= 1

    def test_a_cell_follows_an_earlier_one_about_its_passage(self, strategy: InstructionStrategy) -> None:
        """`CellDraft.after` is a lower number with the same passage, and `find_previous` returns it if there is one."""
        cells = self.prepare(strategy, 20)
        drafts = self.drafts(strategy, 20)
        find = getattr(cells, "find_previous", None)
        for number, draft in enumerate(drafts):
            if draft.after is not None:
                assert 0 <= draft.after < number
                assert drafts[draft.after].passage == draft.passage
            assert find is None or find(number) == draft.after

    def test_memory_does_not_depend_on_the_number_of_cells(self, strategy: InstructionStrategy) -> None:
        """Preparing ten million cells and drafting some needs at most one megabyte."""
        if self.lists_drafts:
            pytest.skip(f"{self.plugin} sets `lists_drafts`")
        self.drafts(strategy, 7)
        for count in _MANY:
            peak = self.measure_memory(strategy, count)

            assert peak <= _MEMORY, f"{count:,} cells need {peak:,} bytes; do not list them, or set lists_drafts = True"

    def test_missing_documents_are_handled(self, strategy: InstructionStrategy) -> None:
        """Without documents, `prepare` raises an error if the strategy needs them; otherwise it drafts cells."""
        if self.needs_documents:
            message = error_of(lambda: strategy.prepare(ListedPassages(()), 2, 1), BudwoodError, "prepare()")
            assert message, "prepare() must raise an error without documents, or set needs_documents = False"
        else:
            cells = strategy.prepare(ListedPassages(()), 2, 1)
            assert isinstance(draft_cell(cells, 0), CellDraft)

    def test_drafts_can_be_serialized(self, strategy: InstructionStrategy) -> None:
        """The material of a draft is JSON, so that an interrupted run can resume from it."""
        for draft in self.drafts(strategy, 7):
            assert from_json(to_json(draft.material)) == draft.material
            assert draft.max_turns is None or draft.max_turns >= 1

    def test_instruction_has_text_or_messages(self, strategy: InstructionStrategy) -> None:
        """An instruction has either text or messages for a model, and at the first turn it has one of them."""
        for draft in self.drafts(strategy, 4):
            for turns in _TURNS:
                instruction = strategy.instruct(make_cell(draft, 0), turns, Random(1))

                assert isinstance(instruction, Instruction)
                assert not (instruction.text is not None and instruction.ask), "set `text` or `ask`, not both"
                assert turns or instruction.text or instruction.ask, "the first instruction has no text and no messages"
                if instruction.ask:
                    check_messages(instruction.ask)

    def test_question_prompt_contains_the_passage(self, strategy: InstructionStrategy) -> None:
        """At every turn, the messages for the model that asks questions contain the text of the passage."""
        passages = {draft.passage.text: draft for draft in self.drafts(strategy, 7) if draft.passage is not None}
        for draft in passages.values():
            for turns in _TURNS:
                instruction = strategy.instruct(make_cell(draft, 0), turns, Random(1))
                if instruction.ask and draft.passage is not None:
                    assert draft.passage.text in _join_messages(instruction), "`ask` does not contain the passage"

    def test_question_prompt_contains_earlier_turns(self, strategy: InstructionStrategy) -> None:
        """The messages for the model that asks questions contain all earlier questions and answers."""
        for draft in self.drafts(strategy, 4):
            for turns in _TURNS:
                instruction = strategy.instruct(make_cell(draft, 0), turns, Random(1))
                text = _join_messages(instruction)

                assert not instruction.ask or all(turn.question in text and turn.answer in text for turn in turns)

    def test_question_prompt_contains_questions_of_earlier_rows(self, strategy: InstructionStrategy) -> None:
        """If a cell waits for an earlier one, the messages for the model contain what was asked in it."""
        for draft in self.drafts(strategy, 20):
            asked = () if draft.after is None else ("Who planted it?", "Is it {old}?")
            for turns in _TURNS:
                text = _join_messages(strategy.instruct(make_cell(draft, 0, asked), turns, Random(1)))

                assert not text or all(question in text for question in asked), "`ask` does not contain `Cell.asked`"

    def test_instruction_depends_only_on_its_arguments(self, strategy: InstructionStrategy, build: Build) -> None:
        """The same cell, turns and seed give the same instruction, in any order of calls and from another instance."""
        cells = [make_cell(draft, index) for index, draft in enumerate(self.drafts(strategy, 4))]
        cases = [(cell, turns) for cell in cells for turns in _TURNS]
        first = [strategy.instruct(cell, turns, Random(1)) for cell, turns in cases]
        in_reverse_order = [strategy.instruct(cell, turns, Random(1)) for cell, turns in reversed(cases)][::-1]
        random.seed(5)
        other = build().implementation

        assert in_reverse_order == first
        assert [other.instruct(cell, turns, Random(1)) for cell, turns in cases] == first

    def test_planning_does_no_io(self, strategy: InstructionStrategy) -> None:
        """`prepare`, `cell` and `instruct` do no I/O: documents are read already, and the engine calls the models."""
        with no_io():
            for draft in self.drafts(strategy, 4):
                strategy.instruct(make_cell(draft, 0), (), Random(1))

    def test_any_passage_is_handled(self, strategy: InstructionStrategy) -> None:
        """For any text of a passage, the strategy drafts cells or raises a `BudwoodError`."""

        def check(text: str) -> None:
            try:
                cells = strategy.prepare(ListedPassages([make_passage(0, text)]), 2, 1)
                drafts = [draft_cell(cells, number) for number in range(count_cells(cells, 2))]
            except BudwoodError as error:
                check_error(error)
                return
            for draft in drafts:
                turns = (Turn(question=text, answer=text),)
                assert isinstance(strategy.instruct(make_cell(draft, 0), turns, Random(1)), Instruction)

        for_all(texts(), check, always=HOSTILE_TEXTS, examples=20)

    def prepare(self, strategy: InstructionStrategy, count: int, *, seed: int = 1) -> Cells:
        """Prepare cells from the passages."""
        return strategy.prepare(ListedPassages(self.passages()), count, seed)

    def drafts(self, strategy: InstructionStrategy, count: int, *, seed: int = 1) -> list[CellDraft]:
        """Draft cells from the passages."""
        cells = self.prepare(strategy, count, seed=seed)
        return [draft_cell(cells, number) for number in range(count_cells(cells, count))]

    def fingerprints(self, strategy: InstructionStrategy) -> list[str]:
        """Return drafts and instructions as texts, to compare them between processes."""
        drafts = self.drafts(strategy, 20)
        instructions = [
            strategy.instruct(make_cell(draft, 0), turns, Random(1)) for draft in drafts for turns in _TURNS
        ]
        return [*map(repr, drafts), *map(repr, instructions)]

    def fingerprints_of_new_instance(self, folder: Path) -> list[str]:
        """Build the strategy, and return its fingerprints; runs in another process."""
        return self.fingerprints(self.build_once(folder).implementation)

    def measure_memory(self, strategy: InstructionStrategy, count: int) -> int:
        """Return the bytes that preparing cells and drafting some of them needs at most."""
        passages = ListedPassages(self.passages())
        tracemalloc.start()
        try:
            cells = strategy.prepare(passages, count, 1)
            for number in range(0, count_cells(cells, count), max(1, count_cells(cells, count) // 10)):
                draft_cell(cells, number)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def draft_cell(cells: Cells, number: int) -> CellDraft:
    """Draft a cell with a source of randomness that depends on its number."""
    return cells.cell(number, Random(1000 + number))


def count_cells(cells: Cells, count: int) -> int:
    """Return how many of a number of cells have material."""
    return min(count, len(cells)) if isinstance(cells, Sized) else count


def _join_messages(instruction: Instruction) -> str:
    return "\n".join(message.text for message in instruction.ask or ())


def make_passage(number: int, text: str) -> SourcePassage:
    """Create a passage."""
    return SourcePassage(id=f"passage-{number}", document="guide.md", headings=("Grafting",), text=text)


def make_cell(draft: CellDraft, index: int, asked: tuple[str, ...] = ()) -> Cell:
    """Create the cell for a draft."""
    return Cell(id=f"cell-{index}", index=index, turns=3, passage=draft.passage, material=draft.material, asked=asked)
