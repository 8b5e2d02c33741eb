"""What a provider makes of replies that are not 2xx."""

from __future__ import annotations

import pickle
from typing import Final

import pytest

from budwood.contracts import RateLimitProvider
from budwood.errors import (
    AuthenticationError,
    CapacityError,
    ContentFilterError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
    RateLimitError,
    ServerError,
)
from budwood.types import Capability, HTTPReply, ReplyHead
from budwood_testing.examples.wire import WireReply
from budwood_testing.suites.properties import HOSTILE_TEXTS, for_all, json_values, texts
from budwood_testing.suites.provider.bench import Bench, as_bytes, scripted
from budwood_testing.suites.provider.reading import HTML
from budwood_testing.suites.provider.tested import ProviderUnderTest

ERRORS: Final[dict[int, type[ProviderError]]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    429: RateLimitError,
    500: ServerError,
    502: ServerError,
    503: CapacityError,
    529: CapacityError,
}
"""The class of each status, where the vendor says nothing more exact."""

_RETRYABLE: Final = frozenset({429, 500, 502, 503, 529})
_UNREADABLE: Final = (
    b"",
    HTML,
    b"\xff\xfe",
    b'{"half',
    b"[]",
    b"null",
    b'"gone"',
    b'{"error": null}',
    b'{"error": []}',
)
_MESSAGE: Final = "The moon is in the way."

every_status = pytest.mark.parametrize("status", ERRORS)


class Failing(ProviderUnderTest):
    """An error has the class of its cause, and says what the vendor said."""

    @every_status
    def test_status_becomes_its_error(self, bench: Bench, status: int) -> None:
        """Class, status, and whether another try may help; with both clients."""
        reply = _refused(bench, status)
        for ask in (bench.ask, bench.ask_async):
            with pytest.raises(ERRORS[status]) as caught:
                ask(reply)

            assert caught.value.status == status
            assert caught.value.provider == bench.instance.name
            assert caught.value.retryable is (status in _RETRYABLE)

    @every_status
    def test_error_says_what_the_vendor_said(self, bench: Bench, status: int) -> None:
        """The vendor's message is in the text."""
        with pytest.raises(ProviderError, match=_MESSAGE):
            bench.ask(_refused(bench, status))

    @every_status
    def test_status_counts_where_the_body_tells_nothing(self, bench: Bench, status: int) -> None:
        """A proxy answers with a page, with half a body, or with nothing: the error is made all the same."""
        bench.claims(Capability.CHAT)
        for body in _UNREADABLE:
            error = bench.provider.error(HTTPReply(ReplyHead(status, {}), body))

            assert isinstance(error, ERRORS[status]), body
            assert error.status == status
            assert "<html" not in str(error).lower(), "a page does not belong into a message"

    def test_any_body_makes_an_error(self, bench: Bench) -> None:
        """Whatever JSON an error's body holds, it becomes a `ProviderError`."""
        bench.claims(Capability.CHAT)

        def check(value: object) -> None:
            for body in (value, {"error": value}, {"error": {"message": value, "code": value, "type": value}}, [value]):
                reply = HTTPReply(ReplyHead(500, {}), as_bytes(body))  # type: ignore[arg-type]  # any JSON
                assert isinstance(bench.provider.error(reply), ProviderError)

        for_all(json_values(), check)

    def test_any_message_is_repeated_on_one_line(self, bench: Bench) -> None:
        """What a vendor says may be long and hostile; an error's text is neither."""
        _refused(bench, 400)

        def check(text: str) -> None:
            body = bench.body(bench.examples.error(400, text * 50), "error", Capability.CHAT)
            said = str(bench.provider.error(HTTPReply(ReplyHead(400, {}), as_bytes(body))))
            assert len(said) < 3000
            assert "\x1b" not in said

        for_all(texts(), check, always=HOSTILE_TEXTS)

    def test_limit_without_a_time_names_none(self, bench: Bench) -> None:
        """A 429 without ``Retry-After`` leaves the pause to us."""
        with pytest.raises(RateLimitError) as caught:
            bench.ask(_refused(bench, 429))

        assert caught.value.retry_after is None

    def test_limit_is_waited_for_as_long_as_the_vendor_asks(self, bench: Bench) -> None:
        """A 429 with ``Retry-After`` is tried again after exactly that time."""
        refused = _refused(bench, 429, {"retry-after": "7"})
        reply = bench.body(bench.examples.reply("Hello.", None), "reply", Capability.CHAT)
        with bench.client(scripted(refused, reply), retries=1) as client:
            response = client.ask("Hello.")

        assert response.text == "Hello."
        assert bench.clock.slept == [7.0]
        assert [attempt.status for attempt in response.attempts] == [429, 200]

    def test_request_id_of_an_error_is_kept(self, bench: Bench) -> None:
        """The vendor's support asks for it."""
        header = bench.examples.request_id_header
        if header is None:
            pytest.skip("the examples name no request_id_header: the vendor has none")
        with pytest.raises(ServerError) as caught:
            bench.ask(_refused(bench, 500, {header: "req-77"}))

        assert caught.value.request_id == "req-77"

    @pytest.mark.parametrize("status", [200, 429, 500])
    def test_rate_limits_of_any_head_are_read(self, bench: Bench, status: int) -> None:
        """A limiter learns from errors as well as from successes."""
        headers = bench.examples.rate_limit_headers
        if not headers:
            pytest.skip("the examples hold no rate_limit_headers: the vendor has none")
        assert isinstance(bench.provider, RateLimitProvider), "the provider has no method rate_limits"
        limits = bench.provider.rate_limits(ReplyHead(status, headers))

        assert limits is not None
        assert limits.remaining_requests == 9

    def test_filter_is_told_from_other_errors(self, bench: Bench) -> None:
        """A prompt that a filter refuses is neither a bad request nor an answer."""
        bench.claims(Capability.CHAT)
        reply = bench.optional(bench.examples.filtered("Not this."), "filtered")
        with pytest.raises(ContentFilterError):
            bench.ask(reply)

    @every_status
    def test_error_survives_pickling(self, bench: Bench, status: int) -> None:
        """It can cross to another process with all that it says."""
        with pytest.raises(ProviderError) as caught:
            bench.ask(_refused(bench, status, {"retry-after": "7"}))
        copied = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - what we pickled ourselves

        assert type(copied) is type(caught.value)
        assert (str(copied), vars(copied)) == (str(caught.value), vars(caught.value))

    def test_refused_stream_is_the_same_error(self, bench: Bench) -> None:
        """A status comes before any event."""
        bench.claims(Capability.CHAT, Capability.STREAM)
        refused = _refused(bench, 404)
        with bench.client(scripted(refused)) as client, pytest.raises(NotFoundError, match=_MESSAGE):
            list(client.stream("Hello."))


def _refused(bench: Bench, status: int, headers: dict[str, str] | None = None) -> WireReply:
    bench.claims(Capability.CHAT)
    body = bench.body(bench.examples.error(status, _MESSAGE), "error", Capability.CHAT)
    return WireReply(status=status, body=body, headers=headers or {})
