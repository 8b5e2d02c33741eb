"""Tests of complete replies."""

from __future__ import annotations

import copy
from typing import Any, Final

import pytest

from budwood.errors import BadResponseError, BudwoodError, ProviderError
from budwood.types import Capability, Usage
from budwood_testing.examples.wire import WireBody, WireReply
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.properties import HOSTILE_TEXTS, check_error, for_all, json_values, texts
from budwood_testing.suites.provider.bench import Bench, as_bytes
from budwood_testing.suites.provider.comparison import counts, refusal_of, without_attempts
from budwood_testing.suites.provider.under_test import ProviderUnderTest

USAGE: Final = Usage(input_tokens=11, output_tokens=7)

HTML: Final = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome</body></html>"
MALFORMED: Final = (b'{"half": "an obj', b"", b"\xff\xfe\x00", b"Service restarting", b"{}}", b"NaN of the above")
NOT_A_REPLY: Final = (b"{}", b"[]", b"null", b"5", b'"text"', b"[1, 2]", b'{"choices": 5}')

_UNKNOWN_VALUE: Final = {"of_a_later_version": [1, None, {"x": "y"}]}


class ReplyTests(ProviderUnderTest):
    """A reply becomes a complete response; anything else becomes an error."""

    def test_reply_is_decoded(self, bench: Bench) -> None:
        """A response has text, finish reason, usage, provider and model."""
        response = bench.ask(_reply(bench, "Hello there.", USAGE))

        assert response.text == "Hello there."
        assert response.finish_reason == "stop"
        assert (response.usage.input_tokens, response.usage.output_tokens) == (11, 7)
        assert (response.provider, response.message.role) == (bench.instance.name, "assistant")
        assert response.model

    def test_both_clients_give_the_same_response(self, bench: Bench) -> None:
        """`Client` and `AsyncClient` give the same response."""
        reply = _reply(bench, "Hello there.", USAGE)

        assert without_attempts(bench.ask(reply)) == without_attempts(bench.ask_async(reply))

    def test_any_reply_text_is_preserved(self, bench: Bench) -> None:
        """Any text of a reply is preserved: nothing is stripped or unescaped."""
        _reply(bench, "Hello.", None)

        def check(text: str) -> None:
            assert bench.decode(_reply(bench, text, None)).text == text

        for_all(texts(), check, always=HOSTILE_TEXTS)

    def test_truncated_reply_has_finish_reason_length(self, bench: Bench) -> None:
        """A reply that reached ``max_tokens`` has the finish reason ``length``."""
        bench.claims(Capability.CHAT)
        body = bench.body(bench.examples.reply("Hello", None, "length"), "reply", Capability.CHAT)

        assert bench.decode(body).finish_reason == "length"

    def test_missing_usage_is_none(self, bench: Bench) -> None:
        """Without usage in the reply, all counts are None, not 0."""
        usage = bench.decode(_reply(bench, "Hello.", None)).usage

        assert {name: count for name, count in counts(usage).items() if count is not None} == {}

    def test_decode_does_no_io_and_has_no_state(self, bench: Bench) -> None:
        """`decode` does no I/O, and earlier replies do not affect the result."""
        reply = _reply(bench, "Hello.", USAGE)
        with no_io():
            first = bench.decode(reply)
            bench.decode(_reply(bench, "Something else.", None))

            assert bench.decode(reply) == first

    def test_unknown_fields_are_ignored(self, bench: Bench) -> None:
        """Unknown fields anywhere in a reply are ignored: later versions of the API may add some."""
        reply = _reply(bench, "Hello.", USAGE)
        response = bench.decode(reply if isinstance(reply, bytes | str) else with_unknown_fields(reply))

        assert (response.text, response.finish_reason) == ("Hello.", "stop")
        assert response.usage.output_tokens == 7

    def test_refusal_is_recognizable(self, bench: Bench) -> None:
        """A refusal can be distinguished from an answer, and its text is preserved."""
        bench.claims(Capability.CHAT)
        response = bench.ask(bench.optional_body(bench.examples.refusal("I will not."), "refusal"))
        text = refusal_of(response.message)

        assert text or response.finish_reason == "refusal", (
            "a refusal looks like an answer: return a RefusalPart, or the finish reason 'refusal'"
        )
        assert "I will not." in (text or response.text)

    def test_request_id_is_read(self, bench: Bench) -> None:
        """A response has the vendor's request id, which support asks for."""
        header = bench.examples.request_id_header
        if header is None:
            pytest.skip("the examples set request_id_header to None")
        reply = WireReply(body=_reply(bench, "Hello.", None), headers={header: "req-77"})

        assert bench.ask(reply).request_id == "req-77"

    def test_rate_limits_are_read(self, bench: Bench) -> None:
        """Rate limits are read from the headers."""
        bench.needs("rate_limit_headers")
        headers = bench.examples.rate_limit_headers
        limits = bench.ask(WireReply(body=_reply(bench, "Hello.", None), headers=headers)).rate_limits

        assert limits is not None
        assert limits.remaining_requests == 9

    def test_html_page_with_status_200_is_an_error(self, bench: Bench) -> None:
        """An HTML page with status 200, such as a login page, is an error."""
        _reply(bench, "Hello.", None)
        with pytest.raises(BadResponseError):
            bench.ask(WireReply(body=HTML, headers={"content-type": "text/html"}))

    @pytest.mark.parametrize("body", MALFORMED)
    def test_malformed_reply_is_an_error(self, bench: Bench, body: bytes) -> None:
        """Invalid or incomplete JSON is an error."""
        _reply(bench, "Hello.", None)
        with pytest.raises(BadResponseError):
            bench.ask(body)

    @pytest.mark.parametrize("body", NOT_A_REPLY)
    def test_unexpected_json_is_an_error(self, bench: Bench, body: bytes) -> None:
        """JSON of an unexpected structure is an error, not an empty answer."""
        _reply(bench, "Hello.", None)
        with pytest.raises(ProviderError):
            bench.ask(body)

    def test_error_with_status_200_is_raised(self, bench: Bench) -> None:
        """An error with status 200 is raised, with the vendor's message."""
        bench.claims(Capability.CHAT)
        body = bench.optional_body(
            bench.examples.error_with_status_200("The engine is on fire."), "error_with_status_200"
        )
        with pytest.raises(ProviderError, match="The engine is on fire"):
            bench.ask(body)

    def test_any_json_gives_a_response_or_a_budwood_error(self, bench: Bench) -> None:
        """Any JSON gives a response, or an error that derives from BudwoodError."""
        reply = _reply(bench, "Hello.", USAGE)

        def check(value: object) -> None:
            for body in (value, *_replaced(reply, value)):
                try:
                    bench.ask(as_bytes(body))
                except BudwoodError as error:
                    check_error(error)

        for_all(json_values(), check, examples=8)


def _reply(bench: Bench, text: str, usage: Usage | None) -> WireBody:
    bench.claims(Capability.CHAT)
    return bench.body(bench.examples.reply(text, usage), "reply", Capability.CHAT)


def with_unknown_fields(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Add an unknown field to each object."""
    if isinstance(value, dict):
        return {**{name: with_unknown_fields(inner) for name, inner in value.items()}, "x_conformance": _UNKNOWN_VALUE}
    return [with_unknown_fields(inner) for inner in value] if isinstance(value, list | tuple) else value


def _replaced(body: object, value: object) -> list[Any]:
    """Return copies of a reply in which one field each has another value."""
    copies = []
    for path in _paths(body):
        changed: Any = copy.deepcopy(body)
        *parents, last = path
        container = changed
        for step in parents:
            container = container[step]
        container[last] = value
        copies.append(changed)
    return copies


def _paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        steps: list[tuple[Any, Any]] = list(value.items())
    elif isinstance(value, list):
        steps = list(enumerate(value))
    else:
        return []
    return [found for step, inner in steps for found in ((*path, step), *_paths(inner, (*path, step)))]
