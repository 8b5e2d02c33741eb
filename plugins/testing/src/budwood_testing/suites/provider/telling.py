"""What a reply tells besides its content: who wrote it, why it ended, what it consumed, and what is left."""

from __future__ import annotations

from typing import Final

import pytest
from pydantic_core import from_json

from budwood.errors import ProviderError
from budwood.types import Capability, Usage
from budwood_testing.examples.wire import Frames, WireBody
from budwood_testing.suites.provider.bench import Bench, as_bytes, scripted
from budwood_testing.suites.provider.comparing import counts
from budwood_testing.suites.provider.tested import ProviderUnderTest

COUNTS: Final = {
    "input_tokens": 31,
    "output_tokens": 17,
    "cache_read_tokens": 5,
    "cache_write_tokens": 3,
    "reasoning_tokens": 7,
}
"""Counts that differ from each other; cached and reasoning tokens are part of the totals."""

_UNKNOWN: Final = "of_a_later_version"


class Telling(ProviderUnderTest):
    """Nothing that the vendor tells of a reply is lost, whether it is streamed or not."""

    def test_reply_tells_its_id_and_model(self, bench: Bench) -> None:
        """As the vendor names them."""
        reply = _reply(bench)
        bench.needs("reply_model")
        response = bench.ask(reply)

        assert response.model == bench.examples.reply_model
        assert response.id == bench.examples.reply_id

    def test_stream_tells_its_id_and_model(self, bench: Bench) -> None:
        """As a whole reply does."""
        frames = _frames(bench)
        bench.needs("reply_model")
        response = bench.stream(frames).response

        assert response.model == bench.examples.reply_model
        assert response.id == bench.examples.reply_id

    def test_whole_reply_is_kept(self, bench: Bench) -> None:
        """``raw`` is what the vendor sent, for what Budwood does not model."""
        body = as_bytes(_reply(bench))

        assert bench.ask(body).raw == from_json(body)

    def test_request_id_of_a_stream_is_kept(self, bench: Bench) -> None:
        """The vendor's support asks for it."""
        frames = _frames(bench)
        header = bench.examples.request_id_header
        if header is None:
            pytest.skip("the examples say that the vendor has no request_id_header")
        response = bench.stream(frames, headers={header: "req-77"}).response

        assert response.request_id == "req-77"

    def test_rate_limits_of_a_stream_are_read(self, bench: Bench) -> None:
        """They are in the headers, before any event."""
        frames = _frames(bench)
        bench.needs("rate_limit_headers")
        limits = bench.stream(frames, headers=bench.examples.rate_limit_headers).response.rate_limits

        assert limits is not None
        assert limits.remaining_requests == 9

    def test_each_count_is_read(self, bench: Bench) -> None:
        """All that the vendor counts, in its place."""
        usage = _usage(bench)
        response = bench.ask(_reply(bench, usage))

        assert _told(bench, response.usage) == _told(bench, usage)
        assert response.usage.raw, "usage.raw holds what the vendor sent"

    def test_each_count_of_a_stream_is_read(self, bench: Bench) -> None:
        """As in a whole reply."""
        usage = _usage(bench)

        assert _told(bench, bench.stream(_frames(bench, usage)).response.usage) == _told(bench, usage)

    def test_count_of_zero_is_zero(self, bench: Bench) -> None:
        """A vendor that says that nothing was cached has said so; it is not unknown."""
        zeros = {name: 0 for name in bench.examples.counts if name not in ("input_tokens", "output_tokens")}
        usage = Usage(input_tokens=31, output_tokens=17).model_copy(update=zeros)

        assert _told(bench, bench.ask(_reply(bench, usage)).usage) == _told(bench, usage)

    def test_each_finish_reason_is_known(self, bench: Bench) -> None:
        """Each word of the vendor's has its meaning, and is kept."""
        _reply(bench)
        bench.needs("finish_reasons")
        for word, meaning in bench.examples.finish_reasons.items():
            response = bench.decode(bench.optional_body(bench.examples.ended(word), "ended"))

            assert (response.finish_reason, response.raw_finish_reason) == (meaning, word)

    def test_each_finish_reason_of_a_stream_is_known(self, bench: Bench) -> None:
        """As in a whole reply."""
        _frames(bench)
        bench.needs("finish_reasons")
        for word, meaning in bench.examples.finish_reasons.items():
            response = bench.read(bench.optional(bench.examples.ended_stream(word), "ended_stream")).response

            assert (response.finish_reason, response.raw_finish_reason) == (meaning, word)

    def test_unknown_finish_reason_is_kept(self, bench: Bench) -> None:
        """A word of a later version is ``other``: no error, and no end that was not told."""
        _reply(bench)
        responses = [bench.decode(bench.optional_body(bench.examples.ended(_UNKNOWN), "ended"))]
        if Capability.STREAM in bench.provider.capabilities:
            frames = bench.optional(bench.examples.ended_stream(_UNKNOWN), "ended_stream")
            responses.append(bench.read(frames).response)

        assert [(one.finish_reason, one.raw_finish_reason) for one in responses] == [("other", _UNKNOWN)] * len(
            responses
        )

    def test_each_form_of_an_error_in_a_stream_is_an_error(self, bench: Bench) -> None:
        """It says what the vendor says; never is half a reply taken for a whole one."""
        _frames(bench)
        message = "The engine is on fire."
        forms = bench.examples.other_errors_in_stream(("Hel", "lo"), message)
        for frames in bench.optional(forms or None, "other_errors_in_stream"):
            with pytest.raises(ProviderError, match=message):
                bench.stream(frames)

    def test_error_in_place_of_a_stream_is_an_error(self, bench: Bench) -> None:
        """The body of an error that comes with 200, without any event, says what the vendor says."""
        _frames(bench)
        body = bench.optional_body(bench.examples.error_in_reply("The engine is on fire."), "error_in_reply")
        with pytest.raises(ProviderError, match="The engine is on fire"):
            bench.stream([as_bytes(body)], headers={"content-type": "application/json"})

    def test_refused_parameter_is_learnt(self, bench: Bench) -> None:
        """A parameter that the vendor refuses by name is left out at once, and an adaptation says so."""
        reply = _reply(bench)
        refusal = bench.optional(bench.examples.refused_parameter("temperature"), "refused_parameter")
        script = scripted(refusal, reply, reply)
        with bench.client(script) as client:
            first = client.ask("Hello.", temperature=0.37)
            second = client.ask("Hello.", temperature=0.37)

        assert [attempt.status for attempt in first.attempts] == [refusal.status, 200]
        assert [b"0.37" in call.body for call in script.calls] == [True, False, False]
        for response in (first, second):
            assert "temperature" in {adaptation.parameter for adaptation in response.adaptations}


def _reply(bench: Bench, usage: Usage | None = None) -> WireBody:
    bench.claims(Capability.CHAT)
    return bench.body(bench.examples.reply("Hello.", usage), "reply", Capability.CHAT)


def _frames(bench: Bench, usage: Usage | None = None) -> Frames:
    bench.claims(Capability.CHAT, Capability.STREAM)
    return bench.frames(bench.examples.stream(("Hel", "lo."), usage), "stream", Capability.STREAM)


def _usage(bench: Bench) -> Usage:
    return Usage.model_validate({name: COUNTS[name] for name in bench.examples.counts})


def _told(bench: Bench, usage: Usage) -> dict[str, int | None]:
    """Return the counts that the vendor makes."""
    return {name: count for name, count in counts(usage).items() if name in bench.examples.counts}
