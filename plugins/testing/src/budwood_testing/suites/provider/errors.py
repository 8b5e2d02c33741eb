"""Tests of error replies."""

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
from budwood_testing.suites.provider.bench import Bench, as_bytes, script_of
from budwood_testing.suites.provider.replies import HTML
from budwood_testing.suites.provider.under_test import ProviderUnderTest

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
"""The error class for each status, if the vendor sends no more specific code."""

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


class ErrorTests(ProviderUnderTest):
    """An error reply becomes an error of the right class, with the vendor's message."""

    @every_status
    def test_status_maps_to_its_error_class(self, bench: Bench, status: int) -> None:
        """Both clients raise the error class of the status, with its status, provider and `retryable`."""
        reply = _error_reply(bench, status)
        for ask in (bench.ask, bench.ask_async):
            with pytest.raises(ERRORS[status]) as caught:
                ask(reply)

            assert caught.value.status == status
            assert caught.value.provider == bench.instance.name
            assert caught.value.retryable is (status in _RETRYABLE)

    @every_status
    def test_error_includes_the_vendors_message(self, bench: Bench, status: int) -> None:
        """The text of the error contains the vendor's message."""
        with pytest.raises(ProviderError, match=_MESSAGE):
            bench.ask(_error_reply(bench, status))

    @every_status
    def test_unreadable_error_body_falls_back_to_the_status(self, bench: Bench, status: int) -> None:
        """If the body is HTML, incomplete or empty, the status determines the error."""
        bench.claims(Capability.CHAT)
        for body in _UNREADABLE:
            error = bench.provider.error(HTTPReply(ReplyHead(status, {}), body))

            assert isinstance(error, ERRORS[status]), body
            assert error.status == status
            assert "<html" not in str(error).lower(), "the message contains HTML: leave it out"

    def test_any_error_body_gives_provider_error(self, bench: Bench) -> None:
        """Any JSON in an error body gives a `ProviderError`."""
        bench.claims(Capability.CHAT)

        def check(value: object) -> None:
            for body in (value, {"error": value}, {"error": {"message": value, "code": value, "type": value}}, [value]):
                reply = HTTPReply(ReplyHead(500, {}), as_bytes(body))  # type: ignore[arg-type]  # any JSON
                assert isinstance(bench.provider.error(reply), ProviderError)

        for_all(json_values(), check)

    def test_vendor_message_is_shortened_and_cleaned(self, bench: Bench) -> None:
        """A long vendor message is shortened, and control characters are removed."""
        _error_reply(bench, 400)

        def check(text: str) -> None:
            body = bench.body(bench.examples.error(400, text * 50), "error", Capability.CHAT)
            message = str(bench.provider.error(HTTPReply(ReplyHead(400, {}), as_bytes(body))))
            assert len(message) < 3000
            assert "\x1b" not in message

        for_all(texts(), check, always=HOSTILE_TEXTS)

    def test_rate_limit_without_retry_after(self, bench: Bench) -> None:
        """Without a ``Retry-After`` header, a 429 error has no `retry_after`."""
        with pytest.raises(RateLimitError) as caught:
            bench.ask(_error_reply(bench, 429))

        assert caught.value.retry_after is None

    def test_retry_after_sets_the_delay(self, bench: Bench) -> None:
        """A 429 reply with ``Retry-After`` is retried after exactly that time."""
        error_reply = _error_reply(bench, 429, {"retry-after": "7"})
        reply = bench.body(bench.examples.reply("Hello.", None), "reply", Capability.CHAT)
        with bench.client(script_of(error_reply, reply), retries=1) as client:
            response = client.ask("Hello.")

        assert response.text == "Hello."
        assert bench.clock.slept == [7.0]
        assert [attempt.status for attempt in response.attempts] == [429, 200]

    def test_error_has_the_request_id(self, bench: Bench) -> None:
        """An error has the vendor's request id, which support asks for."""
        header = bench.examples.request_id_header
        if header is None:
            pytest.skip("the examples set request_id_header to None")
        with pytest.raises(ServerError) as caught:
            bench.ask(_error_reply(bench, 500, {header: "req-77"}))

        assert caught.value.request_id == "req-77"

    @pytest.mark.parametrize("status", [200, 429, 500])
    def test_rate_limits_are_read_for_any_status(self, bench: Bench, status: int) -> None:
        """Rate limits are read from the headers of errors as well as of successes."""
        headers = bench.examples.rate_limit_headers
        if not headers:
            pytest.skip("the examples have no rate_limit_headers")
        assert isinstance(bench.provider, RateLimitProvider), (
            "the examples have rate_limit_headers, but the provider has no rate_limits(): add it"
        )
        limits = bench.provider.rate_limits(ReplyHead(status, headers))

        assert limits is not None
        assert limits.remaining_requests == 9

    def test_content_filter_has_its_own_error(self, bench: Bench) -> None:
        """A prompt that the content filter rejects raises ContentFilterError."""
        bench.claims(Capability.CHAT)
        reply = bench.optional(bench.examples.content_filter_error("Not this."), "content_filter_error")
        with pytest.raises(ContentFilterError):
            bench.ask(reply)

    @every_status
    def test_error_can_be_pickled(self, bench: Bench, status: int) -> None:
        """An error can be pickled and unpickled without loss."""
        with pytest.raises(ProviderError) as caught:
            bench.ask(_error_reply(bench, status, {"retry-after": "7"}))
        copied = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - pickled in this line

        assert type(copied) is type(caught.value)
        assert (str(copied), vars(copied)) == (str(caught.value), vars(caught.value))

    def test_stream_raises_the_same_error(self, bench: Bench) -> None:
        """A stream that is rejected raises the same error as a call without streaming."""
        bench.claims(Capability.CHAT, Capability.STREAM)
        error_reply = _error_reply(bench, 404)
        with bench.client(script_of(error_reply)) as client, pytest.raises(NotFoundError, match=_MESSAGE):
            list(client.stream("Hello."))


def _error_reply(bench: Bench, status: int, headers: dict[str, str] | None = None) -> WireReply:
    bench.claims(Capability.CHAT)
    body = bench.body(bench.examples.error(status, _MESSAGE), "error", Capability.CHAT)
    return WireReply(status=status, body=body, headers=headers or {})
