"""Broken local providers: chat."""

import socket
import threading

from budwood.types import Capability, Finished, TextDelta
from tests.plugins.testing.mutants.local.correct import CAPABILITIES, Correct, Parrot


class TestClaimsMoreThanItsSpec(Correct):
    caught_by = ("test_implements_local_provider",)

    class Mutant(Parrot):
        capabilities = CAPABILITIES | {Capability.TOOLS}


class TestListsNothing(Correct):
    caught_by = ("test_models_are_listed",)

    class Mutant(Parrot):
        def models(self):
            return ()


class TestNeverFinishes(Correct):
    caught_by = ("test_stream_ends_with_finished", "test_any_prompt_gives_an_answer_or_a_budwood_error")

    class Mutant(Parrot):
        def events(self, request):
            return (event for event in super().events(request) if not isinstance(event, Finished))


class TestContinuesAfterFinished(Correct):
    caught_by = ("test_stream_ends_with_finished",)

    class Mutant(Parrot):
        def events(self, request):
            yield from super().events(request)
            yield TextDelta("And another thing.")


class TestCountsZero(Correct):
    caught_by = ("test_usage_is_counted_or_none",)

    class Mutant(Parrot):
        def read(self, request):
            return 0


class TestCountIsConstant(Correct):
    caught_by = ("test_longer_prompt_has_more_input_tokens",)

    class Mutant(Parrot):
        def read(self, request):
            return 5


class TestIgnoresSeed(Correct):
    caught_by = ("test_same_request_gives_the_same_answer", "test_all_clients_give_the_same_answer")

    class Mutant(Parrot):
        turns = 0

        def words(self, request):
            self.turns += 1
            return [f"{self.turns} and {id(self)} ", *super().words(request)]


class TestIgnoresMaxTokens(Correct):
    caught_by = ("test_max_tokens_limits_the_answer",)

    class Mutant(Parrot):
        def cut(self, words, request):
            return super().cut(words, request.model_copy(update={"max_tokens": None}))


class TestReportsStopAtMaxTokens(Correct):
    caught_by = ("test_max_tokens_limits_the_answer",)

    class Mutant(Parrot):
        def cut(self, words, request):
            return super().cut(words, request)[0], "stop"


class TestIgnoresStops(Correct):
    caught_by = ("test_stop_sequence_ends_the_answer",)

    class Mutant(Parrot):
        def cut(self, words, request):
            return super().cut(words, request.model_copy(update={"stop": ()}))


class TestIncludesStopSequence(Correct):
    caught_by = ("test_stop_sequence_ends_the_answer",)

    class Mutant(Parrot):
        def cut(self, words, request):
            words, reason = super().cut(words, request)
            return [*words, *request.stop], reason


class TestKeepsLockAfterClose(Correct):
    caught_by = ("test_closed_stream_yields_nothing_more", "test_caller_can_break_out_of_a_stream")

    class Mutant(Parrot):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self.lock = threading.Lock()

        def events(self, request):
            if not self.lock.acquire(blocking=False):
                raise RuntimeError("a request is active")
            yield from super().events(request)
            self.lock.release()


class TestCannotBeClosed(Correct):
    caught_by = ("test_closed_stream_yields_nothing_more",)

    class Mutant(Parrot):
        def events(self, request):
            return iter(list(super().events(request)))


class TestSharesRequestsBetweenThreads(Correct):
    caught_by = ("test_concurrent_requests_do_not_mix",)

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


class TestModifiesRequest(Correct):
    caught_by = ("test_request_is_not_modified",)

    class Mutant(Parrot):
        def events(self, request):
            request.extra["seen"] = True
            return super().events(request)


class TestUsesNetwork(Correct):
    caught_by = ("test_answering_uses_no_network",)

    class Mutant(Parrot):
        def events(self, request):
            socket.getaddrinfo("127.0.0.1", 80)
            return super().events(request)


class TestAnswersForAnyModel(Correct):
    caught_by = ("test_unknown_model_is_an_error",)

    class Mutant(Parrot):
        def stream(self, request):
            return self.events(request)


class TestFailsForUnusualPrompts(Correct):
    caught_by = ("test_any_prompt_gives_an_answer_or_a_budwood_error",)

    class Mutant(Parrot):
        def words(self, request):
            request.messages[-1].text.encode("ascii")
            return super().words(request)


class TestRejectsConversations(Correct):
    caught_by = ("test_system_messages_and_earlier_turns_are_accepted",)

    class Mutant(Parrot):
        def words(self, request):
            (message,) = request.messages
            return super().words(request.model_copy(update={"messages": (message,)}))


class TestIgnoresTheSchema(Correct):
    caught_by = ("test_output_satisfies_the_schema",)

    class Mutant(Parrot):
        def words(self, request):
            return super().words(request.model_copy(update={"output_schema": None}))


class TestClosingTwiceFails(Correct):
    caught_by = ("test_closing_twice_is_no_error",)

    class Mutant(Parrot):
        def close(self):
            super().close()
            if self.closed == 2:
                raise RuntimeError("already closed")
