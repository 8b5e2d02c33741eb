"""Tests of the metadata of replies: id, model, usage, finish reason, rate limits, errors inside streams."""

from __future__ import annotations

from typing import Final

import pytest
from pydantic_core import from_json

from budwood.contracts import LimitTokensProvider
from budwood.errors import ProviderError
from budwood.types import Capability, Usage
from budwood_testing.examples.wire import Frames, WireBody
from budwood_testing.suites.provider.bench import Bench, as_bytes, script_of
from budwood_testing.suites.provider.comparison import counts
from budwood_testing.suites.provider.under_test import ProviderUnderTest

COUNTS: Final = {
    "input_tokens": 31,
    "output_tokens": 17,
    "cache_read_tokens": 5,
    "cache_write_tokens": 3,
    "reasoning_tokens": 7,
}
"""Distinct counts; cached and reasoning tokens are included in the totals."""

_UNKNOWN: Final = "of_a_later_version"


class MetadataTests(ProviderUnderTest):
    """The metadata of a reply is preserved, with and without streaming."""

    def test_reply_has_id_and_model(self, bench: Bench) -> None:
        """A response has the id and the model that the vendor sent."""
        reply = _reply(bench)
        bench.needs("reply_model")
        response = bench.ask(reply)

        assert response.model == bench.examples.reply_model
        assert response.id == bench.examples.reply_id

    def test_stream_has_id_and_model(self, bench: Bench) -> None:
        """The response of a stream has the id and the model that the vendor sent."""
        frames = _frames(bench)
        bench.needs("reply_model")
        response = bench.stream(frames).response

        assert response.model == bench.examples.reply_model
        assert response.id == bench.examples.reply_id

    def test_raw_is_the_full_reply(self, bench: Bench) -> None:
        """``raw`` is the vendor's JSON, including fields that Budwood does not model."""
        body = as_bytes(_reply(bench))

        assert bench.ask(body).raw == from_json(body)

    def test_stream_has_the_request_id(self, bench: Bench) -> None:
        """The response of a stream has the vendor's request id, which support asks for."""
        frames = _frames(bench)
        header = bench.examples.request_id_header
        if header is None:
            pytest.skip("the examples set request_id_header to None")
        response = bench.stream(frames, headers={header: "req-77"}).response

        assert response.request_id == "req-77"

    def test_rate_limits_of_a_stream_are_read(self, bench: Bench) -> None:
        """Rate limits of a stream are read from the headers."""
        frames = _frames(bench)
        bench.needs("rate_limit_headers")
        limits = bench.stream(frames, headers=bench.examples.rate_limit_headers).response.rate_limits

        assert limits is not None
        assert limits.remaining_requests == 9

    def test_tokens_that_count_against_limits_are_numbers(self, bench: Bench) -> None:
        """The tokens that count against limits are known before and after a request, whatever its usage."""
        bench.claims(Capability.CHAT)
        provider = bench.provider
        if not isinstance(provider, LimitTokensProvider):
            pytest.skip("all tokens count against the limits")

        for expected in (Usage(input_tokens=31, output_tokens=17), Usage(input_tokens=0, output_tokens=0)):
            for used in (None, Usage(), Usage.model_validate(COUNTS), Usage(input_tokens=0, output_tokens=0)):
                for limit in (None, 5):
                    tokens = provider.limit_tokens(bench.request(max_tokens=limit), expected, used)
                    assert tokens is None or (type(tokens) is int and tokens >= 0)

    def test_each_usage_count_is_read(self, bench: Bench) -> None:
        """Each usage count of the vendor is in its field."""
        usage = _usage(bench)
        response = bench.ask(_reply(bench, usage))

        assert _reported_counts(bench, response.usage) == _reported_counts(bench, usage)
        assert response.usage.raw, "usage.raw is empty: set it to the vendor's usage"

    def test_each_usage_count_of_a_stream_is_read(self, bench: Bench) -> None:
        """Each usage count of a stream is in its field."""
        usage = _usage(bench)

        assert _reported_counts(bench, bench.stream(_frames(bench, usage)).response.usage) == _reported_counts(
            bench, usage
        )

    def test_usage_count_of_zero_is_not_unknown(self, bench: Bench) -> None:
        """A count of 0 in the reply is 0, not None."""
        zeros = {name: 0 for name in bench.examples.counts if name not in ("input_tokens", "output_tokens")}
        usage = Usage(input_tokens=31, output_tokens=17).model_copy(update=zeros)

        assert _reported_counts(bench, bench.ask(_reply(bench, usage)).usage) == _reported_counts(bench, usage)

    def test_each_finish_reason_is_mapped(self, bench: Bench) -> None:
        """Each finish reason of the vendor is mapped, and preserved as `raw_finish_reason`."""
        _reply(bench)
        bench.needs("finish_reasons")
        for word, meaning in bench.examples.finish_reasons.items():
            response = bench.decode(
                bench.optional_body(bench.examples.reply_with_finish_reason(word), "reply_with_finish_reason")
            )

            assert (response.finish_reason, response.raw_finish_reason) == (meaning, word)

    def test_each_finish_reason_of_a_stream_is_mapped(self, bench: Bench) -> None:
        """Each finish reason of a stream is mapped, and preserved as `raw_finish_reason`."""
        _frames(bench)
        bench.needs("finish_reasons")
        for word, meaning in bench.examples.finish_reasons.items():
            response = bench.read(
                bench.optional(bench.examples.stream_with_finish_reason(word), "stream_with_finish_reason")
            ).response

            assert (response.finish_reason, response.raw_finish_reason) == (meaning, word)

    def test_unknown_finish_reason_is_other(self, bench: Bench) -> None:
        """An unknown finish reason is ``other``, without an error."""
        _reply(bench)
        responses = [
            bench.decode(
                bench.optional_body(bench.examples.reply_with_finish_reason(_UNKNOWN), "reply_with_finish_reason")
            )
        ]
        if Capability.STREAM in bench.provider.capabilities:
            frames = bench.optional(bench.examples.stream_with_finish_reason(_UNKNOWN), "stream_with_finish_reason")
            responses.append(bench.read(frames).response)

        assert [(one.finish_reason, one.raw_finish_reason) for one in responses] == [("other", _UNKNOWN)] * len(
            responses
        )

    def test_each_error_format_in_a_stream_is_raised(self, bench: Bench) -> None:
        """Each format of an error in a stream is raised, with the vendor's message."""
        _frames(bench)
        message = "The engine is on fire."
        streams = bench.examples.other_stream_errors(("Hel", "lo"), message)
        for frames in bench.optional(streams or None, "other_stream_errors"):
            with pytest.raises(ProviderError, match=message):
                bench.stream(frames)

    def test_error_body_instead_of_a_stream_is_raised(self, bench: Bench) -> None:
        """An error body with status 200 instead of a stream is raised, with the vendor's message."""
        _frames(bench)
        body = bench.optional_body(
            bench.examples.error_with_status_200("The engine is on fire."), "error_with_status_200"
        )
        with pytest.raises(ProviderError, match="The engine is on fire"):
            bench.stream([as_bytes(body)], headers={"content-type": "application/json"})

    def test_rejected_parameter_is_dropped_and_remembered(self, bench: Bench) -> None:
        """A parameter that the vendor rejects by name is dropped and the call retried; an adaptation reports it."""
        reply = _reply(bench)
        error_reply = bench.optional(bench.examples.unsupported_parameter("temperature"), "unsupported_parameter")
        script = script_of(error_reply, reply, reply)
        with bench.client(script) as client:
            first = client.ask("Hello.", temperature=0.37)
            second = client.ask("Hello.", temperature=0.37)

        assert [attempt.status for attempt in first.attempts] == [error_reply.status, 200]
        assert [b"0.37" in call.body for call in script.calls] == [True, False, False]
        for response in (first, second):
            assert "temperature" in {adaptation.parameter for adaptation in response.adaptations}


def _reply(bench: Bench, usage: Usage | None = None) -> WireBody:
    bench.claims(Capability.CHAT)
    return bench.body(bench.examples.reply("Hello.", usage), "reply", Capability.CHAT)


def _frames(bench: Bench, usage: Usage | None = None) -> Frames:
    bench.claims(Capability.CHAT, Capability.STREAM)
    return bench.required(bench.examples.stream(("Hel", "lo."), usage), "stream", Capability.STREAM)


def _usage(bench: Bench) -> Usage:
    return Usage.model_validate({name: COUNTS[name] for name in bench.examples.counts})


def _reported_counts(bench: Bench, usage: Usage) -> dict[str, int | None]:
    """Return the counts that the vendor reports."""
    return {name: count for name, count in counts(usage).items() if name in bench.examples.counts}
