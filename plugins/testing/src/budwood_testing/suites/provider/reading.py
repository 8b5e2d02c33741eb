"""What a provider reads in a whole reply."""

from __future__ import annotations

import copy
from typing import Any, Final

import pytest

from budwood.errors import BadResponseError, BudwoodError, ProviderError
from budwood.types import Capability, Usage
from budwood_testing.examples.wire import WireBody, WireReply
from budwood_testing.suites.isolation import forbidden
from budwood_testing.suites.properties import HOSTILE_TEXTS, check_error, for_all, json_values, texts
from budwood_testing.suites.provider.bench import Bench, as_bytes
from budwood_testing.suites.provider.comparing import counts, refusal_of, without_receipts
from budwood_testing.suites.provider.tested import ProviderUnderTest

USAGE: Final = Usage(input_tokens=11, output_tokens=7)

HTML: Final = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome</body></html>"
MALFORMED: Final = (b'{"half": "an obj', b"", b"\xff\xfe\x00", b"Service restarting", b"{}}", b"NaN of the above")
NOT_A_REPLY: Final = (b"{}", b"[]", b"null", b"5", b'"text"', b"[1, 2]", b'{"choices": 5}')

_STRANGE: Final = {"of_a_later_version": [1, None, {"x": "y"}]}


class Reading(ProviderUnderTest):
    """A reply becomes a response, whole and honest; what is none becomes an error."""

    def test_reply_is_read(self, bench: Bench) -> None:
        """Text, usage and the reason of its end; who answered is noted by the client."""
        response = bench.ask(_reply(bench, "Hello there.", USAGE))

        assert response.text == "Hello there."
        assert response.finish_reason == "stop"
        assert (response.usage.input_tokens, response.usage.output_tokens) == (11, 7)
        assert (response.provider, response.message.role) == (bench.instance.name, "assistant")
        assert response.model

    def test_both_clients_read_alike(self, bench: Bench) -> None:
        """With blocking and with async I/O the response is the same."""
        reply = _reply(bench, "Hello there.", USAGE)

        assert without_receipts(bench.ask(reply)) == without_receipts(bench.ask_async(reply))

    def test_any_text_is_read_as_it_was_written(self, bench: Bench) -> None:
        """Nothing is stripped, joined, unescaped or lost."""
        _reply(bench, "Hello.", None)

        def check(text: str) -> None:
            assert bench.decode(_reply(bench, text, None)).text == text

        for_all(texts(), check, always=HOSTILE_TEXTS)

    def test_end_at_the_limit_is_told(self, bench: Bench) -> None:
        """A reply that was cut off at ``max_tokens`` says so."""
        bench.claims(Capability.CHAT)
        body = bench.body(bench.examples.reply("Hello", None, "length"), "reply", Capability.CHAT)

        assert bench.decode(body).finish_reason == "length"

    def test_unknown_usage_is_none(self, bench: Bench) -> None:
        """A reply that says nothing of tokens has no counts, rather than counts of 0."""
        usage = bench.decode(_reply(bench, "Hello.", None)).usage

        assert {name: count for name, count in counts(usage).items() if count is not None} == {}

    def test_reading_does_no_io_and_keeps_nothing(self, bench: Bench) -> None:
        """The same reply is read alike after another one."""
        reply = _reply(bench, "Hello.", USAGE)
        with forbidden():
            first = bench.decode(reply)
            bench.decode(_reply(bench, "Something else.", None))

            assert bench.decode(reply) == first

    def test_unknown_fields_do_no_harm(self, bench: Bench) -> None:
        """A later version of the API may say more, at any place."""
        reply = _reply(bench, "Hello.", USAGE)
        response = bench.decode(reply if isinstance(reply, bytes | str) else stranger(reply))

        assert (response.text, response.finish_reason) == ("Hello.", "stop")
        assert response.usage.output_tokens == 7

    def test_refusal_is_told(self, bench: Bench) -> None:
        """The model's words for refusing are there, and it can be told that they are no answer."""
        bench.claims(Capability.CHAT)
        response = bench.ask(bench.optional_body(bench.examples.refusal("I will not."), "refusal"))
        words = refusal_of(response.message)

        assert words or response.finish_reason == "refusal", "nothing tells the refusal from an answer"
        assert "I will not." in (words or response.text)

    def test_request_id_is_kept(self, bench: Bench) -> None:
        """The vendor's support asks for it."""
        header = bench.examples.request_id_header
        if header is None:
            pytest.skip("the examples name no request_id_header: the vendor has none")
        reply = WireReply(body=_reply(bench, "Hello.", None), headers={header: "req-77"})

        assert bench.ask(reply).request_id == "req-77"

    def test_rate_limits_are_read(self, bench: Bench) -> None:
        """The remaining limits are in the headers."""
        bench.needs("rate_limit_headers")
        headers = bench.examples.rate_limit_headers
        limits = bench.ask(WireReply(body=_reply(bench, "Hello.", None), headers=headers)).rate_limits

        assert limits is not None
        assert limits.remaining_requests == 9

    def test_page_in_place_of_a_reply_is_an_error(self, bench: Bench) -> None:
        """A login page that comes with 200 is no answer."""
        _reply(bench, "Hello.", None)
        with pytest.raises(BadResponseError):
            bench.ask(WireReply(body=HTML, headers={"content-type": "text/html"}))

    @pytest.mark.parametrize("body", MALFORMED)
    def test_malformed_reply_is_an_error(self, bench: Bench, body: bytes) -> None:
        """What is no JSON, or half of one, is no answer."""
        _reply(bench, "Hello.", None)
        with pytest.raises(BadResponseError):
            bench.ask(body)

    @pytest.mark.parametrize("body", NOT_A_REPLY)
    def test_json_that_is_no_reply_is_an_error(self, bench: Bench, body: bytes) -> None:
        """It is never read as an empty answer."""
        _reply(bench, "Hello.", None)
        with pytest.raises(ProviderError):
            bench.ask(body)

    def test_error_inside_a_200_is_an_error(self, bench: Bench) -> None:
        """It says what the vendor says."""
        bench.claims(Capability.CHAT)
        body = bench.optional_body(bench.examples.error_in_reply("The engine is on fire."), "error_in_reply")
        with pytest.raises(ProviderError, match="The engine is on fire"):
            bench.ask(body)

    def test_any_json_is_an_answer_or_an_error(self, bench: Bench) -> None:
        """Whatever a server sends, a program sees a response or an error of Budwood."""
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


def stranger(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Add an unknown field to each object."""
    if isinstance(value, dict):
        return {**{name: stranger(inner) for name, inner in value.items()}, "x_conformance": _STRANGE}
    return [stranger(inner) for inner in value] if isinstance(value, list | tuple) else value


def _replaced(body: object, value: object) -> list[Any]:
    """Put a value in the place of each field of a reply, one at a time."""
    places = list(_places(body))
    made = []
    for place in places:
        changed: Any = copy.deepcopy(body)
        *way, last = place
        holder = changed
        for step in way:
            holder = holder[step]
        holder[last] = value
        made.append(changed)
    return made


def _places(value: object, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        steps: list[tuple[Any, Any]] = list(value.items())
    elif isinstance(value, list):
        steps = list(enumerate(value))
    else:
        return []
    return [place for step, inner in steps for place in ((*way, step), *_places(inner, (*way, step)))]
