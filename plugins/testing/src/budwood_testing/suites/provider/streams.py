"""Tests of streamed replies."""

from __future__ import annotations

from typing import Any, Final

import pytest
from pydantic_core import from_json, to_json

from budwood.errors import BudwoodError, ProviderError, StreamInterruptedError
from budwood.types import Capability, Finished, ReplyHead, StreamEvent, TextDelta, Usage
from budwood_testing.examples.wire import Frames
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.properties import HOSTILE_TEXTS, check_error, for_all, split_at, splits, texts
from budwood_testing.suites.provider.bench import Bench, build_response
from budwood_testing.suites.provider.comparison import comparable_content, counts, without_attempts
from budwood_testing.suites.provider.replies import HTML, USAGE, with_unknown_fields
from budwood_testing.suites.provider.under_test import ProviderUnderTest

CHUNKS: Final = ("Hel", "lo, ", "w\u00f6rld \U0001f600", "\u2028.")
TEXT: Final = "".join(CHUNKS)


class StreamTests(ProviderUnderTest):
    """A stream gives the same response as a complete reply, wherever it is split; an interrupted stream is an error."""

    def test_stream_is_decoded(self, bench: Bench) -> None:
        """The response of a stream has text, finish reason and usage."""
        response = bench.stream(_frames(bench)).response

        assert response.text == TEXT
        assert response.finish_reason == "stop"
        assert (response.usage.input_tokens, response.usage.output_tokens) == (11, 7)

    def test_text_arrives_incrementally(self, bench: Bench) -> None:
        """The decoder returns each text as soon as its event is complete."""
        decoder = bench.provider.decoder(bench.request(), ReplyHead(200, {}))
        count = 0
        for frame in _frames(bench):
            count += any(isinstance(event, TextDelta) and event.text for event in decoder.feed(frame))

        assert count == len(CHUNKS), "feed() delays text until later events: return it when its event is complete"

    def test_both_clients_give_the_same_stream(self, bench: Bench) -> None:
        """`Client` and `AsyncClient` give the same events and response."""
        frames = _frames(bench)
        blocking, asynchronous = bench.stream(frames), bench.stream_async(frames)

        assert blocking.events == asynchronous.events
        assert without_attempts(blocking.response) == without_attempts(asynchronous.response)

    def test_streamed_and_complete_replies_are_equal(self, bench: Bench) -> None:
        """A streamed reply gives the same response as a complete one."""
        frames = _frames(bench)
        reply = bench.body(bench.examples.reply(TEXT, USAGE), "reply", Capability.CHAT)

        assert comparable_content(bench.stream(frames).response) == comparable_content(bench.ask(reply))

    def test_truncated_stream_has_finish_reason_length(self, bench: Bench) -> None:
        """A stream that reached ``max_tokens`` has the finish reason ``length``."""
        _frames(bench)
        frames = bench.required(bench.examples.stream(("Hello",), None, "length"), "stream", Capability.STREAM)

        assert bench.read(frames).response.finish_reason == "length"

    def test_missing_usage_of_a_stream_is_none(self, bench: Bench) -> None:
        """Without usage in the stream, all counts are None, not 0."""
        usage = bench.read(_frames(bench, usage=None)).response.usage

        assert {name: count for name, count in counts(usage).items() if count is not None} == {}

    def test_any_split_of_the_bytes_gives_the_same_events(self, bench: Bench) -> None:
        """The events do not depend on where the network splits the bytes, including inside characters."""
        frames = _frames(bench)
        body = b"".join(frames)
        complete = bench.read([body])

        def check(chunks: list[bytes]) -> None:
            assert bench.read(chunks).events == complete.events

        one_by_one = split_at(body, range(1, len(body)))
        for_all(splits(body), check, always=[list(frames), one_by_one, [b"", body, b""]])

    def test_any_streamed_text_is_preserved(self, bench: Bench) -> None:
        """Any streamed text is preserved: nothing is stripped, joined or unescaped."""
        _frames(bench)

        def check(text: str) -> None:
            frames = bench.required(bench.examples.stream((text, "|", text), None), "stream", Capability.STREAM)
            assert bench.read(frames).response.text == f"{text}|{text}"

        for_all(texts(), check, always=HOSTILE_TEXTS)

    def test_stream_has_one_finished_event(self, bench: Bench) -> None:
        """A stream has exactly one `Finished` event."""
        events = bench.read(_frames(bench)).events

        assert len([event for event in events if isinstance(event, Finished)]) == 1

    def test_concurrent_streams_do_not_mix(self, bench: Bench) -> None:
        """Decoders do not share state, and do no I/O."""
        frames, other = _frames(bench), _frames(bench, ("Something ", "else."))
        alone = bench.read(frames).events
        decoders = [bench.provider.decoder(bench.request(), ReplyHead(200, {})) for _ in range(2)]
        found: list[StreamEvent] = []
        with no_io():
            for place in range(max(len(frames), len(other))):
                found.extend(decoders[0].feed(frames[place]) if place < len(frames) else ())
                decoders[1].feed(other[place] if place < len(other) else b"")
            found.extend(decoders[0].close())

        assert found == alone

    def test_interrupted_stream_is_an_error(self, bench: Bench) -> None:
        """A stream that ends between two events, before its finish reason, raises StreamInterruptedError."""
        frames = _frames(bench)
        interrupted = 0
        for end in range(len(frames)):
            if _is_finished(bench, frames[:end]):
                continue
            interrupted += 1
            with pytest.raises(StreamInterruptedError):
                bench.read(frames[:end])

        assert interrupted, "the example stream has its finish reason in the first event: send it at the end"

    def test_stream_cut_at_any_byte_is_handled(self, bench: Bench) -> None:
        """A stream that is cut at any byte raises an error, unless the reply was already complete."""
        body = b"".join(_frames(bench))
        complete = bench.read([body]).response.text
        for end in range(len(body)):
            try:
                read = bench.read([body[:end]])
            except ProviderError:
                continue
            assert read.response.text == complete, (
                f"a stream cut after {end} bytes is decoded as complete: raise StreamInterruptedError in close()"
            )

    def test_interrupted_stream_error_has_the_partial_text(self, bench: Bench) -> None:
        """StreamInterruptedError contains the text that has arrived."""
        frames = _frames(bench)
        last = max(place for place, frame in enumerate(frames) if _adds_text(bench, frames[:place], frame))
        with pytest.raises(StreamInterruptedError) as caught:
            bench.stream(frames[: last + 1])

        assert caught.value.response is not None
        assert caught.value.response.text == TEXT

    def test_error_event_in_a_stream_is_raised(self, bench: Bench) -> None:
        """An error event in a stream is raised, with the vendor's message and the text that has arrived."""
        _frames(bench)
        frames = bench.optional(bench.examples.stream_error(CHUNKS, "The engine is on fire."), "stream_error")
        with pytest.raises(StreamInterruptedError, match="The engine is on fire") as caught:
            bench.stream(frames)

        assert caught.value.response is not None
        assert caught.value.response.text == TEXT
        with pytest.raises(ProviderError, match="The engine is on fire"):
            bench.read([b"".join(frames)])

    def test_pings_and_unknown_events_are_ignored(self, bench: Bench) -> None:
        """Pings, comments and unknown events may occur between any two events."""
        frames = _frames(bench)
        noise = bench.optional(bench.examples.ignored_events() or None, "ignored_events")
        noisy = [piece for frame in frames for piece in (*noise, frame)]

        assert comparable_content(bench.read(noisy).response) == comparable_content(bench.read(frames).response)

    def test_unknown_event_fields_are_ignored(self, bench: Bench) -> None:
        """Unknown fields in events are ignored: later versions of the API may add some."""
        frames = _frames(bench)
        response = bench.read([_with_unknown_fields(frame) for frame in frames]).response

        assert (response.text, response.finish_reason) == (TEXT, "stop")
        assert response.usage.output_tokens == 7

    def test_malformed_event_is_an_error(self, bench: Bench) -> None:
        """An event with incomplete JSON is an error."""
        frames = _frames(bench)
        broken = [_cut_json(frame) for frame in frames]
        if broken == list(frames):
            pytest.skip("the events of this stream contain no JSON")
        with pytest.raises(ProviderError):
            bench.stream(broken)

    def test_html_page_instead_of_a_stream_is_an_error(self, bench: Bench) -> None:
        """An HTML page with status 200, such as a login page, is an error."""
        _frames(bench)
        with pytest.raises(ProviderError):
            bench.stream([HTML])

    def test_any_bytes_give_events_or_a_budwood_error(self, bench: Bench) -> None:
        """Any bytes give events, or an error that derives from BudwoodError."""
        frames = _frames(bench)

        def check(text: str) -> None:
            for place in range(len(frames)):
                changed = [*frames[:place], text.encode() + b"\n", *frames[place:]]
                try:
                    bench.stream(changed)
                except BudwoodError as error:
                    check_error(error)

        for_all(texts(), check, always=HOSTILE_TEXTS, examples=8)


def _frames(bench: Bench, texts: tuple[str, ...] = CHUNKS, usage: Usage | None = USAGE) -> Frames:
    bench.claims(Capability.CHAT, Capability.STREAM)
    return bench.required(bench.examples.stream(texts, usage), "stream", Capability.STREAM)


def _is_finished(bench: Bench, frames: Frames) -> bool:
    """Return whether the finish reason has arrived; after it, the stream may end."""
    decoder = bench.provider.decoder(bench.request(), ReplyHead(200, {}))
    return any(isinstance(event, Finished) for frame in frames for event in decoder.feed(frame))


def _adds_text(bench: Bench, before: Frames, frame: bytes) -> bool:
    decoder = bench.provider.decoder(bench.request(), ReplyHead(200, {}))
    for piece in before:
        decoder.feed(piece)
    return bool(build_response(decoder.feed(frame)).text)


def _with_unknown_fields(frame: bytes) -> bytes:
    """Add unknown fields to the JSON object of an event, if it has one."""
    start, end, value = _object_in(frame)
    return frame if value is None else frame[:start] + to_json(with_unknown_fields(value)) + frame[end:]


def _cut_json(frame: bytes) -> bytes:
    start, end, value = _object_in(frame)
    return frame if value is None else frame[: start + (end - start) // 2] + frame[end:]


def _object_in(frame: bytes) -> tuple[int, int, Any]:
    start, end = frame.find(b"{"), frame.rfind(b"}") + 1
    try:
        return start, end, from_json(frame[start:end])
    except ValueError:
        return start, end, None
