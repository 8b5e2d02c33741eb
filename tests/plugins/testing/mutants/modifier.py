"""A sound prompt modifier, and modifiers that are broken in one place each."""

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
    It has the model speak like a pirate.
    """

    def words(self, cell):
        return "Speak like a pirate."

    def modify(self, messages, cell):
        if messages[0].role == "system":
            first = messages[0].model_copy(update={"parts": (*messages[0].parts, TextPart(text=self.words(cell)))})
            return (first, *messages[1:])
        return (Message.system(self.words(cell)), *messages)


class Sound(PromptModifierSuite):
    """
    All that a mutant states is what is broken, and by which tests it must be caught.
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
            summary="It changes.",
        )
        cls.registry = registry_of(PROMPT_MODIFIER, spec)


class TestSound(Sound):
    pass


class TestTakesTheLastWord(Sound):
    caught_by = ("test_conversation_can_be_answered",)

    class Mutant(Pirate):
        def modify(self, messages, cell):
            return (*super().modify(messages, cell), Message.assistant("Arr."))


class TestForgetsHistory(Sound):
    caught_by = ("test_turns_are_kept",)

    class Mutant(Pirate):
        def modify(self, messages, cell):
            return super().modify(messages[-1:], cell)


class TestTwoSystemMessages(Sound):
    caught_by = ("test_there_is_one_system_message_and_it_comes_first",)

    class Mutant(Pirate):
        def modify(self, messages, cell):
            return (Message.system(self.words(cell)), *messages)


class TestReplacesTheSystem(Sound):
    caught_by = ("test_there_is_one_system_message_and_it_comes_first",)

    class Mutant(Pirate):
        def modify(self, messages, cell):
            asked = tuple(message for message in messages if message.role != "system")
            return (Message.system(self.words(cell)), *asked)


class TestSpeaksByChance(Sound):
    caught_by = ("test_change_depends_on_what_is_given_alone",)

    class Mutant(Pirate):
        def words(self, cell):
            return f"Say arr {random.random()} times."


class TestDoesNothing(Sound):
    caught_by = ("test_it_does_something",)

    class Mutant(Pirate):
        def modify(self, messages, cell):
            return messages


class TestReadsFiles(Sound):
    caught_by = ("test_modifying_does_no_io",)

    class Mutant(Pirate):
        def words(self, cell):
            try:
                return Path("/pirate").read_text("utf-8")
            except OSError:
                return super().words(cell)


class TestNeedsAPassage(Sound):
    caught_by = ("test_conversation_can_be_answered",)

    class Mutant(Pirate):
        def words(self, cell):
            return cell.passage.text


class TestCrashesAtStrangeTexts(Sound):
    caught_by = ("test_any_text_is_borne",)

    class Mutant(Pirate):
        def words(self, cell):
            return cell.passage.text.split()[0] if cell.passage else super().words(cell)
