"""A sound model inside the process, and models that are broken in one place each."""

import random
import socket
import threading
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from budwood.errors import NotFoundError
from budwood.hooks import PROVIDER, ProviderSpec
from budwood.types import (
    Capability,
    Finished,
    ModelInfo,
    ResponseStarted,
    TextDelta,
    Usage,
    UsageReported,
)
from budwood_testing import LocalProviderSuite
from tests.plugins.testing.mutants.registering import registry_of

CAPABILITIES = frozenset({Capability.CHAT, Capability.STREAM, Capability.JSON_SCHEMA})


class ParrotSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    words: Annotated[int, Field(ge=1)] = 20


class Parrot:
    """
    It repeats words of the prompt, in an order that the seed decides.
    """

    capabilities = CAPABILITIES

    def __init__(self, settings, context):
        self.settings = settings
        self.closed = 0

    def models(self):
        return (ModelInfo(id="grey"),)

    def stream(self, request):
        if request.model != "grey":
            raise NotFoundError(f"There is no {request.model}.")
        return self.events(request)

    def events(self, request):
        words, reason = self.cut(self.words(request), request)
        yield ResponseStarted(model="grey")
        for word in words:
            yield TextDelta(word)
        yield Finished(reason)
        yield UsageReported(Usage(input_tokens=self.read(request), output_tokens=len(words)))

    def words(self, request):
        if request.output_schema is not None:
            return ['{"title": "parrot"', ', "count": 1}']
        said = request.messages[-1].text.split() or ["..."]
        random.Random(request.seed).shuffle(said)
        return [f"{word} " for word in said[: self.settings.words]]

    def cut(self, words, request):
        text = "".join(words)
        places = [text.index(stop) for stop in request.stop if stop in text]
        if places:
            words = list(text[: min(places)])
        limit = request.max_tokens or len(words)
        return words[:limit], "length" if len(words) > limit and not places else "stop"

    def read(self, request):
        return sum(len(message.text.split()) + 1 for message in request.messages)

    def close(self):
        self.closed += 1


class Sound(LocalProviderSuite):
    """
    All that a mutant states is what is broken, and by which tests it must be caught.
    """

    plugin = "parrot"
    model = "grey"
    prompt = "Polly wants another cracker, and says so"
    max_tokens = 200
    caught_by: ClassVar = ()
    Mutant: ClassVar = Parrot

    def __init_subclass__(cls):
        spec = ProviderSpec(
            name="parrot",
            settings=lambda: ParrotSettings,
            build=cls.Mutant,
            requires_api=(2, 0),
            summary="It repeats.",
            capabilities=CAPABILITIES,
        )
        cls.registry = registry_of(PROVIDER, spec)


class TestSound(Sound):
    pass


class TestClaimsMoreThanItsSpec(Sound):
    caught_by = ("test_it_is_a_local_provider",)

    class Mutant(Parrot):
        capabilities = CAPABILITIES | {Capability.TOOLS}


class TestListsNothing(Sound):
    caught_by = ("test_models_are_listed",)

    class Mutant(Parrot):
        def models(self):
            return ()


class TestNeverEnds(Sound):
    caught_by = ("test_answer_is_streamed_to_its_end", "test_any_prompt_is_answered_or_an_error")

    class Mutant(Parrot):
        def events(self, request):
            return (event for event in super().events(request) if not isinstance(event, Finished))


class TestTalksOn(Sound):
    caught_by = ("test_answer_is_streamed_to_its_end",)

    class Mutant(Parrot):
        def events(self, request):
            yield from super().events(request)
            yield TextDelta("And another thing.")


class TestCountsZero(Sound):
    caught_by = ("test_usage_is_true_or_unknown",)

    class Mutant(Parrot):
        def read(self, request):
            return 0


class TestCountsTheSame(Sound):
    caught_by = ("test_longer_prompt_is_counted_longer",)

    class Mutant(Parrot):
        def read(self, request):
            return 5


class TestIgnoresItsSeed(Sound):
    caught_by = ("test_same_request_gives_the_same_answer", "test_clients_agree")

    class Mutant(Parrot):
        turns = 0

        def words(self, request):
            self.turns += 1
            return [f"{self.turns} and {id(self)} ", *super().words(request)]


class TestIgnoresItsBound(Sound):
    caught_by = ("test_answer_ends_at_its_bound",)

    class Mutant(Parrot):
        def cut(self, words, request):
            return super().cut(words, request.model_copy(update={"max_tokens": None}))


class TestSaysStopAtItsBound(Sound):
    caught_by = ("test_answer_ends_at_its_bound",)

    class Mutant(Parrot):
        def cut(self, words, request):
            return super().cut(words, request)[0], "stop"


class TestIgnoresStops(Sound):
    caught_by = ("test_answer_ends_before_a_stop_sequence",)

    class Mutant(Parrot):
        def cut(self, words, request):
            return super().cut(words, request.model_copy(update={"stop": ()}))


class TestSaysTheStop(Sound):
    caught_by = ("test_answer_ends_before_a_stop_sequence",)

    class Mutant(Parrot):
        def cut(self, words, request):
            kept, reason = super().cut(words, request)
            return [*kept, *request.stop], reason


class TestHoldsItsLock(Sound):
    caught_by = ("test_abandoned_answer_ends", "test_caller_may_leave_a_stream")

    class Mutant(Parrot):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self.lock = threading.Lock()

        def events(self, request):
            if not self.lock.acquire(blocking=False):
                raise RuntimeError("still answering")
            yield from super().events(request)
            self.lock.release()


class TestCannotBeClosed(Sound):
    caught_by = ("test_abandoned_answer_ends",)

    class Mutant(Parrot):
        def events(self, request):
            return iter(list(super().events(request)))


class TestMixesThreads(Sound):
    caught_by = ("test_threads_do_not_mix",)

    class Mutant(Parrot):
        both = None

        def __init__(self, settings, context):
            super().__init__(settings, context)
            self.both = threading.Barrier(2)

        def events(self, request):
            self.request = request
            if threading.current_thread() is not threading.main_thread():
                self.both.wait(10)
            return super().events(self.request)


class TestChangesTheRequest(Sound):
    caught_by = ("test_request_is_left_as_it_is",)

    class Mutant(Parrot):
        def events(self, request):
            request.extra["seen"] = True
            return super().events(request)


class TestAsksTheNetwork(Sound):
    caught_by = ("test_answering_talks_to_nobody",)

    class Mutant(Parrot):
        def events(self, request):
            socket.getaddrinfo("127.0.0.1", 80)
            return super().events(request)


class TestAnswersForAnyModel(Sound):
    caught_by = ("test_unknown_model_is_an_error",)

    class Mutant(Parrot):
        def stream(self, request):
            return self.events(request)


class TestCrashesAtStrangePrompts(Sound):
    caught_by = ("test_any_prompt_is_answered_or_an_error",)

    class Mutant(Parrot):
        def words(self, request):
            request.messages[-1].text.encode("ascii")
            return super().words(request)


class TestKnowsOnlyQuestions(Sound):
    caught_by = ("test_conversation_is_understood",)

    class Mutant(Parrot):
        def words(self, request):
            (asked,) = request.messages
            return super().words(request.model_copy(update={"messages": (asked,)}))


class TestIgnoresTheSchema(Sound):
    caught_by = ("test_schema_is_satisfied",)

    class Mutant(Parrot):
        def words(self, request):
            return super().words(request.model_copy(update={"output_schema": None}))


class TestClosesOnce(Sound):
    caught_by = ("test_closing_twice_is_no_error",)

    class Mutant(Parrot):
        def close(self):
            super().close()
            if self.closed == 2:
                raise RuntimeError("closed already")
