"""Tests of batches: their limits, the lines of requests, and the lines of results."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from budwood.errors import BudwoodError
from budwood.types import BatchLimits, BodyFile, Capability, HTTPCall, ImagePart, Message
from budwood.wire.uploads import read_body
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.properties import HOSTILE_TEXTS, check_error, for_all, json_values
from budwood_testing.suites.provider.bench import Bench, as_bytes
from budwood_testing.suites.provider.features import PIXEL
from budwood_testing.suites.provider.request_content import everything_in
from budwood_testing.suites.provider.step_methods import join
from budwood_testing.suites.provider.under_test import SECRET, ProviderUnderTest

_LINE: Final = "line-77"
_TEXT: Final = "An answer w\u00efth \u2028 in it."


class BatchTests(ProviderUnderTest):
    """Lines of a batch contain the requests of live calls, and their results are matched by id."""

    def test_batch_limits_are_positive(self, bench: Bench) -> None:
        """A vendor takes at least one request, and the limits are numbers of requests and bytes."""
        limits = _limits(bench)

        assert isinstance(limits, BatchLimits)
        assert min(limits.requests, limits.bytes) > 0
        assert 0 <= limits.inline_bytes <= limits.bytes
        assert limits.separator.strip() in (b"", b",")

    def test_batch_line_contains_id_and_request(self, bench: Bench) -> None:
        """A line contains its id and the body of the live call, unchanged, and no line break."""
        call = _encode(bench)
        with no_io():
            line = join(bench.provider.encode_batch_line(_LINE, call))

        assert _LINE.encode() in line
        assert read_body(call.body) in line, "the line does not contain the body of the call, as encode() returned it"
        assert b"\n" not in line
        assert SECRET.encode() not in line

    def test_encoding_a_batch_line_is_deterministic(self, bench: Bench) -> None:
        """The same call gives the same line, and the call is not modified."""
        call = _encode(bench)
        before = everything_in(call)
        first = bench.provider.encode_batch_line(_LINE, call)

        assert bench.provider.encode_batch_line(_LINE, call) == first
        assert everything_in(call) == before

    def test_files_of_a_batch_line_are_not_read(self, bench: Bench, folder: Path) -> None:
        """A line of a request with a file refers to the file: it is read when the lines are written."""
        bench.claims(Capability.IMAGE_INPUT)
        path = folder / "photo.png"
        path.write_bytes(PIXEL)
        asked = Message.user("What is this?", ImagePart(path=path, media_type="image/png"))
        call = _encode(bench, asked)
        with no_io():
            line = bench.provider.encode_batch_line(_LINE, call)

        files = [part for part in call.body if isinstance(part, BodyFile)]
        assert files
        assert [part for part in line if isinstance(part, BodyFile)] == files

    def test_line_of_a_result_is_decoded(self, bench: Bench) -> None:
        """A line of a result has the id of its request, and its reply is decoded as that of a live call."""
        _limits(bench)
        body = bench.body(bench.examples.reply(_TEXT, None), "reply", Capability.CHAT)
        line = bench.required(bench.examples.batch_line(_LINE, body), "batch_line", Capability.BATCHES)
        with no_io():
            result = bench.provider.decode_batch_line(line)

        assert (result.id, result.status) == (_LINE, "answered")
        assert result.reply is not None
        assert bench.provider.decode(bench.request(), result.reply).text == _TEXT

    def test_line_of_an_expired_request_has_no_reply(self, bench: Bench) -> None:
        """The line of a request that was not answered has its id and the reason, and no reply."""
        _limits(bench)
        line = bench.optional(bench.examples.batch_line(_LINE, None), "batch_line")
        result = bench.provider.decode_batch_line(line)

        assert result.id == _LINE
        assert result.reply is None
        assert result.status == "expired"

    def test_any_line_of_a_result_is_handled(self, bench: Bench) -> None:
        """Any JSON gives a line, or is reported as unreadable."""
        _limits(bench)

        def check(value: object) -> None:
            for line in (value, {"custom_id": value, "key": value}, {"custom_id": _LINE, "response": value}):
                try:
                    with bench.decoding("decode_batch_line"):
                        bench.provider.decode_batch_line(as_bytes(line))  # type: ignore[arg-type]  # any JSON
                except BudwoodError as error:
                    check_error(error)

        for_all(json_values(), check, always=[*HOSTILE_TEXTS, None, [], {}], examples=15)

    def test_line_without_id_is_an_error(self, bench: Bench) -> None:
        """A line without an id is an error: its result cannot be matched."""
        _limits(bench)
        for line in (b"{}", b"", b"[]", b'{"response": {"status_code": 200, "body": {}}}', as_bytes("not JSON")):
            with pytest.raises(BudwoodError), bench.decoding("decode_batch_line"):
                bench.provider.decode_batch_line(line)


def _limits(bench: Bench) -> BatchLimits:
    bench.claims(Capability.CHAT, Capability.BATCHES)
    limits: BatchLimits = bench.provider.batch_limits(bench.model)
    return limits


def _encode(bench: Bench, *messages: Message) -> HTTPCall:
    _limits(bench)
    call: HTTPCall = bench.provider.encode(bench.request(*messages), stream=False)
    return call
