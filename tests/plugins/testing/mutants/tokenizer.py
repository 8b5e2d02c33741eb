"""A correct tokenizer, and broken ones."""

import threading
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from budwood.hooks import TOKENIZER, TokenizerSpec
from budwood.types import TokenCount
from budwood_testing import TokenizerSuite
from tests.plugins.testing.mutants.registering import registry_of


class NoSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Letters:
    """
    Counts each character, and one for each message.
    """

    def count(self, request):
        if request.model != "large":
            return None
        return self.counted(sum(map(self.of_message, request.messages)))

    def of_message(self, message):
        return 1 + self.of_text(message.text)

    def of_text(self, text):
        return len(text)

    def counted(self, tokens):
        return TokenCount(input_tokens=tokens, exact=True, low=tokens, high=tokens, source="tokenizer")


class Correct(TokenizerSuite):
    """
    The suite with the correct plugin; mutants replace `Mutant` and list the tests that must fail in `caught_by`.
    """

    plugin = "letters"
    model = "acme/large"
    caught_by: ClassVar = ()
    Mutant: ClassVar = Letters
    models: ClassVar = ("acme/*",)

    def __init_subclass__(cls):
        spec = TokenizerSpec(
            name="letters",
            settings=lambda: NoSettings,
            build=lambda _settings, _context: cls.Mutant(),
            requires_api=(2, 0),
            models=cls.models,
            summary="Counts characters.",
        )
        cls.registry = registry_of(TOKENIZER, spec)


class TestCorrect(Correct):
    pass


class TestDeclaresOtherModels(Correct):
    caught_by = ("test_spec_matches_the_model",)
    models = ("other/*",)


class TestExactWithWrongBounds(Correct):
    caught_by = ("test_requests_are_counted",)

    class Mutant(Letters):
        def counted(self, tokens):
            return super().counted(tokens).model_copy(update={"high": tokens + 1})


class TestBoundsExcludeCount(Correct):
    caught_by = ("test_requests_are_counted",)

    class Mutant(Letters):
        def counted(self, tokens):
            return super().counted(tokens).model_copy(update={"exact": False, "low": tokens + 1})


class TestReportsVendorAsSource(Correct):
    caught_by = ("test_requests_are_counted",)

    class Mutant(Letters):
        def counted(self, tokens):
            return super().counted(tokens).model_copy(update={"source": "vendor"})


class TestCountsForAnyModel(Correct):
    caught_by = ("test_unknown_model_is_not_counted",)

    class Mutant(Letters):
        def count(self, request):
            return super().count(request.model_copy(update={"model": "large"}))


class TestIgnoresText(Correct):
    caught_by = ("test_longer_requests_have_more_tokens",)

    class Mutant(Letters):
        def of_text(self, text):
            return 1


class TestCountsOnlyFirstMessage(Correct):
    caught_by = ("test_longer_requests_have_more_tokens",)

    class Mutant(Letters):
        def count(self, request):
            return super().count(request.model_copy(update={"messages": request.messages[:1]}))


class TestKeepsState(Correct):
    caught_by = ("test_count_depends_only_on_the_request",)

    class Mutant(Letters):
        seen = 0

        def of_text(self, text):
            self.seen += 1
            return super().of_text(text) + self.seen


class TestReadsFileEachTime(Correct):
    caught_by = ("test_counting_again_does_no_io",)

    class Mutant(Letters):
        def of_text(self, text):
            try:
                return len(Path("/letters").read_text("utf-8"))
            except OSError:
                return super().of_text(text)


class TestFailsForSpecialTokens(Correct):
    caught_by = ("test_any_text_is_counted",)

    class Mutant(Letters):
        def of_text(self, text):
            if "<|" in text:
                raise ValueError("a special token")
            return super().of_text(text)


class TestDependsOnThread(Correct):
    caught_by = ("test_threads_get_the_same_count",)

    class Mutant(Letters):
        def __init__(self):
            self.first = threading.get_ident()

        def of_text(self, text):
            return super().of_text(text) + threading.get_ident() % 1_000_003 * (threading.get_ident() != self.first)
