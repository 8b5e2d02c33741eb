"""A sound tokenizer, and tokenizers that are broken in one place each."""

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
    It counts each letter, and one for each message.
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


class Sound(TokenizerSuite):
    """
    All that a mutant states is what is broken, and by which tests it must be caught.
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
            summary="It counts letters.",
        )
        cls.registry = registry_of(TOKENIZER, spec)


class TestSound(Sound):
    pass


class TestStatesOtherModels(Sound):
    caught_by = ("test_its_model_is_among_those_it_states",)
    models = ("other/*",)


class TestClaimsToBeExact(Sound):
    caught_by = ("test_requests_are_counted",)

    class Mutant(Letters):
        def counted(self, tokens):
            return super().counted(tokens).model_copy(update={"high": tokens + 1})


class TestBoundsMissTheCount(Sound):
    caught_by = ("test_requests_are_counted",)

    class Mutant(Letters):
        def counted(self, tokens):
            return super().counted(tokens).model_copy(update={"exact": False, "low": tokens + 1})


class TestSpeaksForTheVendor(Sound):
    caught_by = ("test_requests_are_counted",)

    class Mutant(Letters):
        def counted(self, tokens):
            return super().counted(tokens).model_copy(update={"source": "vendor"})


class TestCountsForAnyModel(Sound):
    caught_by = ("test_other_models_are_left_to_others",)

    class Mutant(Letters):
        def count(self, request):
            return super().count(request.model_copy(update={"model": "large"}))


class TestLooksAtNoText(Sound):
    caught_by = ("test_longer_requests_have_more_tokens",)

    class Mutant(Letters):
        def of_text(self, text):
            return 1


class TestLooksAtOneMessage(Sound):
    caught_by = ("test_longer_requests_have_more_tokens",)

    class Mutant(Letters):
        def count(self, request):
            return super().count(request.model_copy(update={"messages": request.messages[:1]}))


class TestRemembers(Sound):
    caught_by = ("test_count_depends_on_the_request_alone",)

    class Mutant(Letters):
        seen = 0

        def of_text(self, text):
            self.seen += 1
            return super().of_text(text) + self.seen


class TestReadsEachTime(Sound):
    caught_by = ("test_counting_again_does_no_io",)

    class Mutant(Letters):
        def of_text(self, text):
            try:
                return len(Path("/letters").read_text("utf-8"))
            except OSError:
                return super().of_text(text)


class TestStumblesOverMarks(Sound):
    caught_by = ("test_any_text_is_counted",)

    class Mutant(Letters):
        def of_text(self, text):
            if "<|" in text:
                raise ValueError("a mark of the vocabulary")
            return super().of_text(text)


class TestCountsOthersTexts(Sound):
    caught_by = ("test_threads_count_alike",)

    class Mutant(Letters):
        def __init__(self):
            self.first = threading.get_ident()

        def of_text(self, text):
            return super().of_text(text) + threading.get_ident() % 1_000_003 * (threading.get_ident() != self.first)
