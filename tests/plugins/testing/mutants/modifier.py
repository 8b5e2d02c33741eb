"""A correct prompt modifier, and broken ones."""

import random
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from budwood.hooks import PROMPT_MODIFIER, PromptModifierSpec
from budwood.types import Message, TextPart
from budwood_testing import PromptModifierSuite
from tests.plugins.testing.mutants.registering import registry_of


class NoSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Pirate:
    """
    Tells the model to speak like a pirate.
    """

    def words(self, cell):
        return "Speak like a pirate."

    def modify(self, messages, cell):
        if messages[0].role == "system":
            first = messages[0].model_copy(update={"parts": (*messages[0].parts, TextPart(text=self.words(cell)))})
            return (first, *messages[1:])
        return (Message.system(self.words(cell)), *messages)


class Correct(PromptModifierSuite):
    """
    The suite with the correct plugin; mutants replace `Mutant` and list the tests that must fail in `caught_by`.
    """

    plugin = "pirate"
    caught_by: ClassVar = ()
    Mutant: ClassVar = Pirate

    def __init_subclass__(cls):
        spec = PromptModifierSpec(
            name="pirate",
            settings=lambda: NoSettings,
            build=lambda _settings, _context: cls.Mutant(),
            requires_api=(2, 0),
            summary="Makes the model speak like a pirate.",
        )
        cls.registry = registry_of(PROMPT_MODIFIER, spec)


class TestCorrect(Correct):
    pass


class TestAppendsAssistantMessage(Correct):
    caught_by = ("test_result_ends_with_the_users_question",)

    class Mutant(Pirate):
        def modify(self, messages, cell):
            return (*super().modify(messages, cell), Message.assistant("Arr."))


class TestOmitsHistory(Correct):
    caught_by = ("test_turns_are_preserved",)

    class Mutant(Pirate):
        def modify(self, messages, cell):
            return super().modify(messages[-1:], cell)


class TestTwoSystemMessages(Correct):
    caught_by = ("test_only_the_first_message_may_be_a_system_message",)

    class Mutant(Pirate):
        def modify(self, messages, cell):
            return (Message.system(self.words(cell)), *messages)


class TestReplacesSystemMessage(Correct):
    caught_by = ("test_only_the_first_message_may_be_a_system_message",)

    class Mutant(Pirate):
        def modify(self, messages, cell):
            others = tuple(message for message in messages if message.role != "system")
            return (Message.system(self.words(cell)), *others)


class TestUsesRandomness(Correct):
    caught_by = ("test_result_depends_only_on_the_arguments",)

    class Mutant(Pirate):
        def words(self, cell):
            return f"Say arr {random.random()} times."


class TestDoesNothing(Correct):
    caught_by = ("test_at_least_one_cell_changes_the_messages",)

    class Mutant(Pirate):
        def modify(self, messages, cell):
            return messages


class TestReadsFiles(Correct):
    caught_by = ("test_modifying_does_no_io",)

    class Mutant(Pirate):
        def words(self, cell):
            try:
                return Path("/pirate").read_text("utf-8")
            except OSError:
                return super().words(cell)


class TestRequiresPassage(Correct):
    caught_by = ("test_result_ends_with_the_users_question",)

    class Mutant(Pirate):
        def words(self, cell):
            return cell.passage.text


class TestFailsForBlankTexts(Correct):
    caught_by = ("test_any_text_is_handled",)

    class Mutant(Pirate):
        def words(self, cell):
            return cell.passage.text.split()[0] if cell.passage else super().words(cell)
