"""A correct strategy, and broken ones."""

import random as python_random
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from budwood.errors import ConfigurationError
from budwood.hooks import INSTRUCTION_STRATEGY, InstructionStrategySpec
from budwood.providing import ListedCells, ShuffledCycle
from budwood.types import CellDraft, Instruction, Message
from budwood_testing import InstructionStrategySuite
from tests.plugins.testing.mutants.registering import registry_of


class NoSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RiddleCells:
    """
    Drafts a cell for each number, about the passages in a random order.
    """

    def __init__(self, strategy, passages, seed):
        self.strategy = strategy
        self.passages = passages
        self.order = ShuffledCycle(len(passages), seed)

    def cell(self, number, random):
        return self.strategy.draft(self.passages[self.order[number]], number, random)


class SizedCells(RiddleCells):
    """
    Has material for five cells.
    """

    def __len__(self):
        return 5

    def cell(self, number, random):
        if number >= 5:
            raise IndexError(number)
        return super().cell(number, random)


class Riddles:
    """
    Asks for riddles about each passage in turn.
    """

    def prepare(self, passages, count, seed):
        if not len(passages):
            raise ConfigurationError("Riddles need documents.")
        return RiddleCells(self, passages, seed)

    def draft(self, passage, number, random):
        return CellDraft(passage=passage, material={"number": number, "luck": random.random()}, max_turns=2)

    def instruct(self, cell, turns, random):
        if turns:
            return Instruction(text=f"Riddle {random.random()} after {len(turns)}.")
        return Instruction(ask=(Message.user(f"Make a riddle of this: {cell.passage.text}!"),))


class Correct(InstructionStrategySuite):
    """
    The suite with the correct plugin; mutants replace `Mutant` and list the tests that must fail in `caught_by`.
    """

    plugin = "riddles"
    caught_by: ClassVar = ()
    Mutant: ClassVar = Riddles

    def __init_subclass__(cls):
        spec = InstructionStrategySpec(
            name="riddles",
            settings=lambda: NoSettings,
            build=lambda _settings, _context: cls.Mutant(),
            requires_api=(2, 0),
            summary="Asks for riddles.",
        )
        cls.registry = registry_of(INSTRUCTION_STRATEGY, spec)


class TestCorrect(Correct):
    pass


class TestCorrectWithLength(Correct):
    class Mutant(Riddles):
        def prepare(self, passages, count, seed):
            super().prepare(passages, count, seed)
            return SizedCells(self, passages, seed)


class TestHasNoCells(Correct):
    caught_by = ("test_each_number_has_a_cell",)

    class Cells(SizedCells):
        def __len__(self):
            return 0

    class Mutant(Riddles):
        def prepare(self, passages, count, seed):
            super().prepare(passages, count, seed)
            return TestHasNoCells.Cells(self, passages, seed)


class TestReturnsOtherObjects(Correct):
    caught_by = ("test_each_number_has_a_cell",)

    class Mutant(Riddles):
        def draft(self, passage, number, random):
            return passage


class TestLengthIsTooLarge(Correct):
    caught_by = ("test_length_is_the_number_of_cells_with_material",)

    class Cells(SizedCells):
        def __len__(self):
            return 6

    class Mutant(Riddles):
        def prepare(self, passages, count, seed):
            super().prepare(passages, count, seed)
            return TestLengthIsTooLarge.Cells(self, passages, seed)


class TestLengthIsTooSmall(Correct):
    caught_by = ("test_length_is_the_number_of_cells_with_material",)

    class Cells(SizedCells):
        def __len__(self):
            return 4

    class Mutant(Riddles):
        def prepare(self, passages, count, seed):
            super().prepare(passages, count, seed)
            return TestLengthIsTooSmall.Cells(self, passages, seed)


class TestCountsFromTheEnd(Correct):
    caught_by = ("test_negative_numbers_have_no_cell",)

    class Cells(RiddleCells):
        def cell(self, number, random):
            return super().cell(number % 7, random)

    class Mutant(Riddles):
        def prepare(self, passages, count, seed):
            super().prepare(passages, count, seed)
            return TestCountsFromTheEnd.Cells(self, passages, seed)


class TestDraftsInOrder(Correct):
    caught_by = ("test_cells_are_drafted_in_any_order",)

    class Cells(RiddleCells):
        calls = 0

        def cell(self, number, random):
            self.calls += 1
            return super().cell(self.calls, random)

    class Mutant(Riddles):
        def prepare(self, passages, count, seed):
            super().prepare(passages, count, seed)
            return TestDraftsInOrder.Cells(self, passages, seed)


class TestUsesOwnRandomness(Correct):
    caught_by = ("test_cells_depend_only_on_their_arguments", "test_cells_are_the_same_in_other_processes")

    class Mutant(Riddles):
        def draft(self, passage, number, random):
            return CellDraft(passage=passage, material={"number": python_random.random()})


class TestUsesHashes(Correct):
    caught_by = ("test_cells_are_the_same_in_other_processes",)

    class Mutant(Riddles):
        def draft(self, passage, number, random):
            return CellDraft(passage=passage, material={"number": hash(f"{number}")})


class TestKeepsStateBetweenCells(Correct):
    caught_by = ("test_prepared_cells_are_independent",)

    class Mutant(Riddles):
        seed = 0

        def prepare(self, passages, count, seed):
            self.seed = seed
            return super().prepare(passages, count, seed)

        def draft(self, passage, number, random):
            return CellDraft(passage=passage, material={"seed": self.seed})


class TestUsesOnlyFirstPassage(Correct):
    caught_by = ("test_cells_are_spread_evenly_over_the_passages",)

    class Cells(RiddleCells):
        def cell(self, number, random):
            super().cell(number, random)
            return self.strategy.draft(self.passages[0], number, random)

    class Mutant(Riddles):
        def prepare(self, passages, count, seed):
            super().prepare(passages, count, seed)
            return TestUsesOnlyFirstPassage.Cells(self, passages, seed)


class TestUsesOnePassageAfterTheOther(Correct):
    caught_by = ("test_cells_are_spread_evenly_over_the_passages",)

    class Cells(RiddleCells):
        def cell(self, number, random):
            super().cell(number, random)
            return self.strategy.draft(self.passages[min(number // 3, len(self.passages) - 1)], number, random)

    class Mutant(Riddles):
        def prepare(self, passages, count, seed):
            super().prepare(passages, count, seed)
            return TestUsesOnePassageAfterTheOther.Cells(self, passages, seed)


class TestOmitsPassageFromDraft(Correct):
    caught_by = ("test_cells_are_spread_evenly_over_the_passages",)

    class Mutant(Riddles):
        def draft(self, passage, number, random):
            return CellDraft(material={"number": number})

        def instruct(self, cell, turns, random):
            return Instruction(text="Tell me a riddle.")


class TestListsDrafts(Correct):
    caught_by = ("test_memory_does_not_depend_on_the_number_of_cells",)

    class Mutant(Riddles):
        def prepare(self, passages, count, seed):
            super().prepare(passages, count, seed)
            return ListedCells(self.plan, passages, count, seed)

        def plan(self, passages, count, random):
            return [self.draft(passages[number % len(passages)], number, random) for number in range(count)]


class TestListsNumbers(Correct):
    caught_by = ("test_memory_does_not_depend_on_the_number_of_cells",)

    class Cells(RiddleCells):
        def __init__(self, strategy, passages, count, seed):
            super().__init__(strategy, passages, seed)
            self.numbers = bytearray(count)

    class Mutant(Riddles):
        def prepare(self, passages, count, seed):
            super().prepare(passages, count, seed)
            return TestListsNumbers.Cells(self, passages, count, seed)


class TestFollowsAnotherPassage(Correct):
    caught_by = ("test_a_cell_follows_an_earlier_one_about_its_passage",)

    class Cells(RiddleCells):
        def cell(self, number, random):
            return replace(super().cell(number, random), after=number - 1 if number else None)

    class Mutant(Riddles):
        def prepare(self, passages, count, seed):
            super().prepare(passages, count, seed)
            return TestFollowsAnotherPassage.Cells(self, passages, seed)


class TestOmitsEarlierQuestions(Correct):
    caught_by = ("test_question_prompt_contains_questions_of_earlier_rows",)

    class Cells(RiddleCells):
        def cell(self, number, random):
            return replace(super().cell(number, random), after=self.order.find_previous(number))

    class Mutant(Riddles):
        def prepare(self, passages, count, seed):
            super().prepare(passages, count, seed)
            return TestOmitsEarlierQuestions.Cells(self, passages, seed)


class TestDraftsWithoutDocuments(Correct):
    caught_by = ("test_missing_documents_are_handled",)

    class Mutant(Riddles):
        def prepare(self, passages, count, seed):
            return RiddleCells(self, passages, seed)


class TestMaterialIsNotJSON(Correct):
    caught_by = ("test_drafts_can_be_serialized",)

    class Mutant(Riddles):
        def draft(self, passage, number, random):
            return CellDraft(passage=passage, material={"place": (number, number)})


class TestMaxTurnsIsZero(Correct):
    caught_by = ("test_drafts_can_be_serialized",)

    class Mutant(Riddles):
        def draft(self, passage, number, random):
            return CellDraft(passage=passage, max_turns=0)


class TestEmptyInstruction(Correct):
    caught_by = ("test_instruction_has_text_or_messages",)

    class Mutant(Riddles):
        def instruct(self, cell, turns, random):
            return Instruction()


class TestMessagesWithoutQuestion(Correct):
    caught_by = ("test_instruction_has_text_or_messages",)

    class Mutant(Riddles):
        def instruct(self, cell, turns, random):
            return Instruction(ask=(Message.system("You ask riddles."),))


class TestKeepsStateBetweenInstructions(Correct):
    caught_by = ("test_instruction_depends_only_on_its_arguments",)

    class Mutant(Riddles):
        count = 0

        def instruct(self, cell, turns, random):
            self.count += 1
            return Instruction(text=f"Riddle {self.count}.")


class TestReadsFiles(Correct):
    caught_by = ("test_planning_does_no_io",)

    class Mutant(Riddles):
        def prepare(self, passages, count, seed):
            try:
                Path("/riddles").read_text("utf-8")
            except OSError:
                return super().prepare(passages, count, seed)
            return []


class TestFailsForBlankTexts(Correct):
    caught_by = ("test_any_passage_is_handled",)

    class Mutant(Riddles):
        def draft(self, passage, number, random):
            return CellDraft(passage=passage, material={"first": passage.text.split()[0]})


class TestOmitsPassageFromPrompt(Correct):
    caught_by = ("test_question_prompt_contains_the_passage",)

    class Mutant(Riddles):
        def instruct(self, cell, turns, random):
            return Instruction(ask=(Message.user("Make a riddle!"),))


class TestOmitsPassageFromLaterPrompts(Correct):
    caught_by = ("test_question_prompt_contains_the_passage",)

    class Mutant(Riddles):
        def instruct(self, cell, turns, random):
            earlier = [turn.question + turn.answer for turn in turns]
            about = "" if turns else cell.passage.text
            return Instruction(ask=(Message.user("\n".join(["Make a riddle!", about, *earlier])),))


class TestOmitsEarlierTurns(Correct):
    caught_by = ("test_question_prompt_contains_earlier_turns",)

    class Mutant(Riddles):
        def instruct(self, cell, turns, random):
            return Instruction(ask=(Message.user(f"Make a riddle of this: {cell.passage.text}!"),))


class TestIncludesOnlyLastTurn(Correct):
    caught_by = ("test_question_prompt_contains_earlier_turns",)

    class Mutant(Riddles):
        def instruct(self, cell, turns, random):
            earlier = [turn.question + turn.answer for turn in turns[-1:]]
            return Instruction(ask=(Message.user("\n".join(["Go on!", cell.passage.text, *earlier])),))
