"""A correct source of prompts, and broken ones."""

import itertools
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from budwood.errors import PromptError
from budwood.hooks import PROMPT_SOURCE, PromptSourceSpec
from budwood.types import Message, RenderedPrompt
from budwood_testing import PromptSourceSuite
from tests.plugins.testing.mutants.registering import registry_of


class NoSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OnePrompt:
    """
    Has the prompt ``greeting``.
    """

    def render(self, reference, variables):
        if reference not in ("greeting", "greeting@1"):
            raise PromptError(f"There is no prompt {reference!r}.")
        text = self.text(self.name_in(variables))
        return RenderedPrompt(messages=(Message.user(text),), reference="greeting@1")

    def name_in(self, variables):
        if "name" not in variables:
            raise PromptError("The prompt needs a name.")
        return variables["name"]

    def text(self, name):
        return f"Greet {name}."


class Correct(PromptSourceSuite):
    """
    The suite with the correct plugin; mutants replace `Mutant` and list the tests that must fail in `caught_by`.
    """

    plugin = "one"
    prompt = "greeting"
    variables: ClassVar = {"name": "Ada"}
    caught_by: ClassVar = ()
    Mutant: ClassVar = OnePrompt

    def __init_subclass__(cls):
        spec = PromptSourceSpec(
            name="one",
            settings=lambda: NoSettings,
            build=lambda _settings, _context: cls.Mutant(),
            requires_api=(2, 0),
            summary="Has one prompt.",
        )
        cls.registry = registry_of(PROMPT_SOURCE, spec)


class TestCorrect(Correct):
    pass


class TestNamesAnotherPrompt(Correct):
    caught_by = ("test_prompt_is_rendered",)

    class Mutant(OnePrompt):
        def render(self, reference, variables):
            return super().render(reference, variables).model_copy(update={"reference": "farewell@1"})


class TestRendersValuesAgain(Correct):
    caught_by = ("test_values_are_in_the_messages",)

    class Mutant(OnePrompt):
        def text(self, name):
            return super().text(name).replace("{name}", "Eve")


class TestCounts(Correct):
    caught_by = ("test_rendering_is_repeatable",)

    class Mutant(OnePrompt):
        def __init__(self):
            self.numbers = itertools.count()

        def text(self, name):
            return f"{super().text(name)} {next(self.numbers)}"


class TestLeavesGaps(Correct):
    caught_by = ("test_missing_value_is_an_error",)

    class Mutant(OnePrompt):
        def name_in(self, variables):
            return variables.get("name", "")


class TestHasAnyPrompt(Correct):
    caught_by = ("test_unknown_prompt_is_an_error", "test_any_reference_is_handled")

    class Mutant(OnePrompt):
        def render(self, reference, variables):
            return super().render("greeting", variables)


class TestLooksUpReference(Correct):
    caught_by = ("test_unknown_prompt_is_an_error", "test_any_reference_is_handled")

    class Mutant(OnePrompt):
        def render(self, reference, variables):
            return super().render({"greeting": "greeting"}[reference], variables)
