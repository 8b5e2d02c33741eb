"""A correct strategy, and broken ones."""

import random as python_random
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from budwood.errors import ConfigurationError
from budwood.hooks import INSTRUCTION_STRATEGY, InstructionStrategySpec
from budwood.types import CellDraft, Instruction, Message
from budwood_testing import InstructionStrategySuite
from tests.plugins.testing.mutants.registering import registry_of


class NoSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Riddles:
    """
    Asks for riddles about each passage in turn.
    """

    def plan(self, passages, count, random):
        if not passages:
            raise ConfigurationError("Riddles need documents.")
        order = random.sample(passages, len(passages))
        return [self.draft(order[number % len(order)], number) for number in range(count)]

    def draft(self, passage, number):
        return CellDraft(passage=passage, material={"number": number}, max_turns=2)

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


class TestPlansOneTooMany(Correct):
    caught_by = ("test_plan_has_the_requested_number_of_cells",)

    class Mutant(Riddles):
        def plan(self, passages, count, random):
            return super().plan(passages, count + 1, random)


class TestLimitsPlanToPassages(Correct):
    caught_by = ("test_plan_has_the_requested_number_of_cells",)

    class Mutant(Riddles):
        def plan(self, passages, count, random):
            return super().plan(passages, min(count, len(passages)), random)


class TestUsesOwnRandomness(Correct):
    caught_by = ("test_plan_depends_only_on_its_random_generator",)

    class Mutant(Riddles):
        def draft(self, passage, number):
            return CellDraft(passage=passage, material={"number": python_random.random()})


class TestKeepsStateBetweenPlans(Correct):
    caught_by = ("test_plans_are_independent", "test_plan_depends_only_on_its_random_generator")

    class Mutant(Riddles):
        plans = 0

        def plan(self, passages, count, random):
            self.plans += 1
            return super().plan(passages[self.plans % 3 :], count, random)


class TestUsesOnlyFirstPassage(Correct):
    caught_by = ("test_cells_are_spread_evenly_over_the_passages",)

    class Mutant(Riddles):
        def plan(self, passages, count, random):
            return super().plan(passages[:1], count, random)


class TestOmitsPassageFromDraft(Correct):
    caught_by = ("test_cells_are_spread_evenly_over_the_passages",)

    class Mutant(Riddles):
        def draft(self, passage, number):
            return CellDraft(material={"number": number})

        def instruct(self, cell, turns, random):
            return Instruction(text="Tell me a riddle.")


class TestReturnsNoCellsWithoutDocuments(Correct):
    caught_by = ("test_missing_documents_are_handled",)

    class Mutant(Riddles):
        def plan(self, passages, count, random):
            return super().plan(passages, count, random) if passages else []


class TestMaterialIsNotJSON(Correct):
    caught_by = ("test_drafts_can_be_serialized",)

    class Mutant(Riddles):
        def draft(self, passage, number):
            return CellDraft(passage=passage, material={"place": (number, number)})


class TestMaxTurnsIsZero(Correct):
    caught_by = ("test_drafts_can_be_serialized",)

    class Mutant(Riddles):
        def draft(self, passage, number):
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
        def plan(self, passages, count, random):
            try:
                Path("/riddles").read_text("utf-8")
            except OSError:
                return super().plan(passages, count, random)
            return []


class TestFailsForBlankTexts(Correct):
    caught_by = ("test_any_passage_is_handled",)

    class Mutant(Riddles):
        def draft(self, passage, number):
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
