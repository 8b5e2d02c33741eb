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
from budwood_testing.suites.isolation import forbidden
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.properties import HOSTILE_TEXTS, check_error, for_all, texts

_COUNTS: Final = (0, 1, 2, 7, 20)
_TURNS: Final = (
    (),
    (Turn(question="What is it?", answer="It is a test."),),
    (Turn(question="What is it?", answer="It is a test."), Turn(question="And why?", answer="Because.")),
)


class InstructionStrategySuite(PluginSuite):
    """
    Proves an instruction strategy.

    .. code-block:: python

        class TestRiddles(InstructionStrategySuite):
            plugin = "riddles"

    Attributes:
        needs_documents: Whether it can plan nothing without passages, and says so.
        spreads: Whether its cells are about passages, each as often as any other.
    """

    kind: ClassVar[Kind[Any]] = INSTRUCTION_STRATEGY
    needs_documents: ClassVar[bool] = True
    spreads: ClassVar[bool] = True

    def passages(self) -> Sequence[SourcePassage]:
        """Return passages that the strategy can use."""
        said = "The {n} graft holds because its bark meets. It wants wax in spring. It bears in its third year."
        return [passage(number, said.format(n=word)) for number, word in enumerate(("first", "second", "third"))]

    @pytest.fixture
    def strategy(self, build: Build) -> InstructionStrategy:
        """Make the strategy."""
        strategy: InstructionStrategy = build().thing
        return strategy

    def test_count_is_honoured(self, strategy: InstructionStrategy) -> None:
        """As many cells are drafted as were asked for, also more than there are passages."""
        for count in _COUNTS:
            drafts = list(islice(strategy.plan(self.passages(), count, Random(1)), count + 1))

            assert len(drafts) == count
            assert all(isinstance(draft, CellDraft) for draft in drafts)

    def test_plan_depends_on_chance_that_is_given_alone(self, strategy: InstructionStrategy, build: Build) -> None:
        """The same seed gives the same plan, whatever Python's own chance does, and from another instance too."""
        first = self.drafts(strategy, 7)
        random.seed(99)
        again = self.drafts(strategy, 7)
        random.seed(1)

        assert again == first
        assert self.drafts(build().thing, 7) == first

    def test_plan_leaves_no_trace(self, strategy: InstructionStrategy) -> None:
        """Neither an earlier plan nor an earlier question changes a later plan, and passages stay as they are."""
        passages = tuple(self.passages())
        first = self.drafts(strategy, 7)
        self.drafts(strategy, 3, seed=5)
        strategy.instruct(cell_of(first[0], 0), (), Random(3))

        assert self.drafts(strategy, 7) == first
        assert tuple(self.passages()) == passages

    def test_cells_are_spread_over_the_passages(self, strategy: InstructionStrategy) -> None:
        """No passage has two cells more than another."""
        if not self.spreads:
            pytest.skip(f"{self.plugin} does not claim to spread")
        passages = self.passages()
        drafts = self.drafts(strategy, 3 * len(passages) + 1)
        used = [sum(draft.passage == one for draft in drafts) for one in passages]

        assert sum(used) == len(drafts), "a cell is about no passage that was given"
        assert max(used) - min(used) <= 1

    def test_without_documents_it_plans_or_says_why_not(self, strategy: InstructionStrategy) -> None:
        """One that needs documents says so before anything is paid for."""
        if self.needs_documents:
            with pytest.raises(BudwoodError) as caught:
                list(strategy.plan((), 2, Random(1)))
            check_error(caught.value)
        else:
            assert len(list(islice(strategy.plan((), 2, Random(1)), 3))) == 2

    def test_drafts_can_be_saved(self, strategy: InstructionStrategy) -> None:
        """Their material is JSON: a run that was killed resumes from it."""
        for draft in self.drafts(strategy, 7):
            assert from_json(to_json(draft.material)) == draft.material
            assert draft.max_turns is None or draft.max_turns >= 1

    def test_user_has_something_to_say(self, strategy: InstructionStrategy) -> None:
        """Words, or messages that a model can answer; at the first turn there is one of them."""
        for draft in self.drafts(strategy, 4):
            for turns in _TURNS:
                said = strategy.instruct(cell_of(draft, 0), turns, Random(1))

                assert isinstance(said, Instruction)
                assert not (said.text is not None and said.ask), "either words or messages, not both"
                assert turns or said.text or said.ask, "a conversation without a beginning"
                if said.ask:
                    check_messages(said.ask)

    def test_asker_sees_the_passage(self, strategy: InstructionStrategy) -> None:
        """A model that is to ask about a passage is shown its text, from the first turn on."""
        passages = {draft.passage.text: draft for draft in self.drafts(strategy, 7) if draft.passage is not None}
        for draft in passages.values():
            for turns in _TURNS:
                said = strategy.instruct(cell_of(draft, 0), turns, Random(1))
                if said.ask and draft.passage is not None:
                    assert draft.passage.text in _words_of(said), "the asker does not see the passage"

    def test_asker_sees_what_was_said(self, strategy: InstructionStrategy) -> None:
        """A model that is to ask on is shown each question and each answer before."""
        for draft in self.drafts(strategy, 4):
            for turns in _TURNS:
                said = strategy.instruct(cell_of(draft, 0), turns, Random(1))
                words = _words_of(said)

                assert not said.ask or all(turn.question in words and turn.answer in words for turn in turns)

    def test_instruction_depends_on_what_is_given_alone(self, strategy: InstructionStrategy, build: Build) -> None:
        """The same cell, turns and chance give the same words, after others too, and from another instance."""
        cells = [cell_of(draft, index) for index, draft in enumerate(self.drafts(strategy, 4))]
        asked = [(cell, turns) for cell in cells for turns in _TURNS]
        first = [strategy.instruct(cell, turns, Random(1)) for cell, turns in asked]
        backwards = [strategy.instruct(cell, turns, Random(1)) for cell, turns in reversed(asked)][::-1]
        random.seed(5)
        other = build().thing

        assert backwards == first
        assert [other.instruct(cell, turns, Random(1)) for cell, turns in asked] == first

    def test_planning_does_no_io(self, strategy: InstructionStrategy) -> None:
        """Documents were read before; models are asked by others."""
        with forbidden():
            for draft in self.drafts(strategy, 4):
                strategy.instruct(cell_of(draft, 0), (), Random(1))

    def test_any_passage_is_borne(self, strategy: InstructionStrategy) -> None:
        """Whatever a document holds, a program sees a plan or an error of Budwood."""

        def check(text: str) -> None:
            try:
                drafts = list(islice(strategy.plan([passage(0, text)], 2, Random(1)), 3))
            except BudwoodError as error:
                check_error(error)
                return
            for draft in drafts:
                turns = (Turn(question=text, answer=text),)
                assert isinstance(strategy.instruct(cell_of(draft, 0), turns, Random(1)), Instruction)

        for_all(texts(), check, always=HOSTILE_TEXTS, examples=20)

    def drafts(self, strategy: InstructionStrategy, count: int, *, seed: int = 1) -> list[CellDraft]:
        """Draft cells from the passages."""
        return list(islice(strategy.plan(self.passages(), count, Random(seed)), count + 1))


def _words_of(said: Instruction) -> str:
    return "\n".join(message.text for message in said.ask or ())


def passage(number: int, text: str) -> SourcePassage:
    """Make a passage."""
    return SourcePassage(id=f"passage-{number}", document="guide.md", headings=("Grafting",), text=text)


def cell_of(draft: CellDraft, index: int) -> Cell:
    """Make the cell that a draft becomes."""
    return Cell(id=f"cell-{index}", index=index, turns=3, passage=draft.passage, material=draft.material)
