"""The suite for instruction strategies."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import islice
from random import Random
from typing import Any, ClassVar, Final

import pytest
from pydantic_core import from_json, to_json

from budwood.contracts import InstructionStrategy
from budwood.errors import BudwoodError
from budwood.hooks import INSTRUCTION_STRATEGY, Kind
from budwood.providing import check_messages
from budwood.types import Cell, CellDraft, Instruction, SourcePassage, Turn
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.properties import HOSTILE_TEXTS, check_error, error_of, for_all, texts

_COUNTS: Final = (0, 1, 2, 7, 20)
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
        needs_documents: Whether `plan` raises an error if there are no passages.
        spreads: Whether `plan` uses each passage equally often.
    """

    kind: ClassVar[Kind[Any]] = INSTRUCTION_STRATEGY
    needs_documents: ClassVar[bool] = True
    spreads: ClassVar[bool] = True

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

    def test_plan_has_the_requested_number_of_cells(self, strategy: InstructionStrategy) -> None:
        """`plan` yields exactly the requested number of cells, even if there are fewer passages."""
        for count in _COUNTS:
            drafts = list(islice(strategy.plan(self.passages(), count, Random(1)), count + 1))

            assert len(drafts) == count
            assert all(isinstance(draft, CellDraft) for draft in drafts)

    def test_plan_depends_only_on_its_random_generator(self, strategy: InstructionStrategy, build: Build) -> None:
        """The same seed gives the same plan, from any instance and for any state of the module `random`."""
        first = self.drafts(strategy, 7)
        random.seed(99)
        again = self.drafts(strategy, 7)
        random.seed(1)

        assert again == first
        assert self.drafts(build().implementation, 7) == first

    def test_plans_are_independent(self, strategy: InstructionStrategy) -> None:
        """Earlier plans and instructions do not affect a plan, and passages are not modified."""
        passages = tuple(self.passages())
        first = self.drafts(strategy, 7)
        self.drafts(strategy, 3, seed=5)
        strategy.instruct(make_cell(first[0], 0), (), Random(3))

        assert self.drafts(strategy, 7) == first
        assert tuple(self.passages()) == passages

    def test_cells_are_spread_evenly_over_the_passages(self, strategy: InstructionStrategy) -> None:
        """The numbers of cells of any two passages differ by at most one."""
        if not self.spreads:
            pytest.skip(f"{self.plugin} does not set `spreads`")
        passages = self.passages()
        drafts = self.drafts(strategy, 3 * len(passages) + 1)
        used = [sum(draft.passage == one for draft in drafts) for one in passages]

        assert sum(used) == len(drafts), "a cell uses none of the passages"
        assert max(used) - min(used) <= 1

    def test_missing_documents_are_handled(self, strategy: InstructionStrategy) -> None:
        """Without documents, `plan` raises an error if the strategy needs them; otherwise it plans cells."""
        if self.needs_documents:
            message = error_of(lambda: list(strategy.plan((), 2, Random(1))), BudwoodError, "plan()")
            assert message, "plan() must raise an error without documents, or set needs_documents = False"
        else:
            assert len(list(islice(strategy.plan((), 2, Random(1)), 3))) == 2

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
        """`plan` and `instruct` do no I/O: documents are already loaded, and the engine calls the models."""
        with no_io():
            for draft in self.drafts(strategy, 4):
                strategy.instruct(make_cell(draft, 0), (), Random(1))

    def test_any_passage_is_handled(self, strategy: InstructionStrategy) -> None:
        """For any text of a passage, the strategy makes a plan or raises a `BudwoodError`."""

        def check(text: str) -> None:
            try:
                drafts = list(islice(strategy.plan([make_passage(0, text)], 2, Random(1)), 3))
            except BudwoodError as error:
                check_error(error)
                return
            for draft in drafts:
                turns = (Turn(question=text, answer=text),)
                assert isinstance(strategy.instruct(make_cell(draft, 0), turns, Random(1)), Instruction)

        for_all(texts(), check, always=HOSTILE_TEXTS, examples=20)

    def drafts(self, strategy: InstructionStrategy, count: int, *, seed: int = 1) -> list[CellDraft]:
        """Plan cells from the passages."""
        return list(islice(strategy.plan(self.passages(), count, Random(seed)), count + 1))


def _join_messages(instruction: Instruction) -> str:
    return "\n".join(message.text for message in instruction.ask or ())


def make_passage(number: int, text: str) -> SourcePassage:
    """Create a passage."""
    return SourcePassage(id=f"passage-{number}", document="guide.md", headings=("Grafting",), text=text)


def make_cell(draft: CellDraft, index: int) -> Cell:
    """Create the cell for a draft."""
    return Cell(id=f"cell-{index}", index=index, turns=3, passage=draft.passage, material=draft.material)
