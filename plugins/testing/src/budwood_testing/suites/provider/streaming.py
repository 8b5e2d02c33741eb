"""What a provider reads in a stream."""

from __future__ import annotations

from typing import Any, Final

import pytest
from pydantic_core import from_json, to_json

from budwood.errors import BudwoodError, ProviderError, StreamInterruptedError
from budwood.types import Capability, Finished, ReplyHead, StreamEvent, TextDelta, Usage
from budwood_testing.examples.wire import Frames
from budwood_testing.suites.isolation import forbidden
from budwood_testing.suites.properties import HOSTILE_TEXTS, check_error, cut, for_all, splits, texts
from budwood_testing.suites.provider.bench import Bench, built
from budwood_testing.suites.provider.comparing import counts, essence, without_receipts
from budwood_testing.suites.provider.reading import HTML, USAGE, stranger
from budwood_testing.suites.provider.tested import ProviderUnderTest

PIECES: Final = ("Hel", "lo, ", "w\u00f6rld \U0001f600", "\u2028.")
TEXT: Final = "".join(PIECES)


class Streaming(ProviderUnderTest):
    """A stream becomes the same response as a whole reply, however it is cut; one that breaks off is an error."""

    def test_stream_is_read(self, bench: Bench) -> None:
        """Text, usage and the reason of its end."""
        response = bench.stream(_frames(bench)).response

        assert response.text == TEXT
        assert response.finish_reason == "stop"
        assert (response.usage.input_tokens, response.usage.output_tokens) == (11, 7)

    def test_text_comes_piece_by_piece(self, bench: Bench) -> None:
        """Each piece is handed on as soon as its event is complete."""
        decoder = bench.provider.decoder(bench.request(), ReplyHead(200, {}))
        come = 0
        for frame in _frames(bench):
            come += any(isinstance(event, TextDelta) and event.text for event in decoder.feed(frame))

        assert come == len(PIECES), "text is held back until later events, or until the end"

    def test_both_clients_read_streams_alike(self, bench: Bench) -> None:
        """With blocking and with async I/O events and response are the same."""
        frames = _frames(bench)
        blocking, asynchronous = bench.stream(frames), bench.stream_async(frames)

        assert blocking.events == asynchronous.events
        assert without_receipts(blocking.response) == without_receipts(asynchronous.response)

    def test_streamed_and_whole_reply_agree(self, bench: Bench) -> None:
        """The caller chooses how to wait, not what to get."""
        frames = _frames(bench)
        reply = bench.body(bench.examples.reply(TEXT, USAGE), "reply", Capability.CHAT)

        assert essence(bench.stream(frames).response) == essence(bench.ask(reply))

    def test_end_at_the_limit_is_told_in_streams(self, bench: Bench) -> None:
        """A stream that was cut off at ``max_tokens`` says so."""
        _frames(bench)
        frames = bench.frames(bench.examples.stream(("Hello",), None, "length"), "stream", Capability.STREAM)

        assert bench.read(frames).response.finish_reason == "length"

    def test_unknown_usage_of_a_stream_is_none(self, bench: Bench) -> None:
        """A stream that says nothing of tokens has no counts, rather than counts of 0."""
        usage = bench.read(_frames(bench, usage=None)).response.usage

        assert {name: count for name, count in counts(usage).items() if count is not None} == {}

    def test_any_split_of_the_bytes_gives_the_same_events(self, bench: Bench) -> None:
        """A network cuts where it likes, in the middle of characters too."""
        frames = _frames(bench)
        body = b"".join(frames)
        whole = bench.read([body])

        def check(chunks: list[bytes]) -> None:
            assert bench.read(chunks).events == whole.events

        one_by_one = cut(body, range(1, len(body)))
        for_all(splits(body), check, always=[list(frames), one_by_one, [b"", body, b""]])

    def test_any_text_is_streamed_as_it_was_written(self, bench: Bench) -> None:
        """Nothing is stripped, joined, unescaped or lost, be it in one piece or between two."""
        _frames(bench)

        def check(text: str) -> None:
            frames = bench.frames(bench.examples.stream((text, "|", text), None), "stream", Capability.STREAM)
            assert bench.read(frames).response.text == f"{text}|{text}"

        for_all(texts(), check, always=HOSTILE_TEXTS)

    def test_reply_ends_once(self, bench: Bench) -> None:
        """There is one `Finished`."""
        events = bench.read(_frames(bench)).events

        assert len([event for event in events if isinstance(event, Finished)]) == 1

    def test_streams_at_the_same_time_do_not_mix(self, bench: Bench) -> None:
        """What is known of one reply belongs to its decoder; it is read without I/O."""
        frames, other = _frames(bench), _frames(bench, ("Something ", "else."))
        alone = bench.read(frames).events
        decoders = [bench.provider.decoder(bench.request(), ReplyHead(200, {})) for _ in range(2)]
        found: list[StreamEvent] = []
        with forbidden():
            for place in range(max(len(frames), len(other))):
                found.extend(decoders[0].feed(frames[place]) if place < len(frames) else ())
                decoders[1].feed(other[place] if place < len(other) else b"")
            found.extend(decoders[0].close())

        assert found == alone

    def test_stream_that_breaks_off_is_an_error(self, bench: Bench) -> None:
        """Wherever it breaks off between two events, before it has said that it is finished."""
        frames = _frames(bench)
        interrupted = 0
        for end in range(len(frames)):
            if _is_finished(bench, frames[:end]):
                continue
            interrupted += 1
            with pytest.raises(StreamInterruptedError):
                bench.read(frames[:end])

        assert interrupted, "the stream is finished before it has begun"

    def test_stream_that_breaks_off_anywhere_is_never_a_crash(self, bench: Bench) -> None:
        """In the middle of an event it is an error of Budwood too, unless the reply was complete before."""
        body = b"".join(_frames(bench))
        whole = bench.read([body]).response.text
        for end in range(len(body)):
            try:
                read = bench.read([body[:end]])
            except ProviderError:
                continue
            assert read.response.text == whole, f"cut off after {end} bytes it passes for complete"

    def test_caller_gets_what_had_arrived(self, bench: Bench) -> None:
        """The error of a stream that broke off holds the text so far."""
        frames = _frames(bench)
        last = max(place for place, frame in enumerate(frames) if _adds_text(bench, frames[:place], frame))
        with pytest.raises(StreamInterruptedError) as caught:
            bench.stream(frames[: last + 1])

        assert caught.value.response is not None
        assert caught.value.response.text == TEXT

    def test_error_inside_a_stream_is_an_error(self, bench: Bench) -> None:
        """It says what the vendor says, and what had arrived before it is not lost."""
        _frames(bench)
        frames = bench.optional(bench.examples.error_in_stream(PIECES, "The engine is on fire."), "error_in_stream")
        with pytest.raises(StreamInterruptedError, match="The engine is on fire") as caught:
            bench.stream(frames)

        assert caught.value.response is not None
        assert caught.value.response.text == TEXT
        with pytest.raises(ProviderError, match="The engine is on fire"):
            bench.read([b"".join(frames)])

    def test_events_that_say_nothing_do_no_harm(self, bench: Bench) -> None:
        """Pings, comments, and events of a later version may come between any two."""
        frames = _frames(bench)
        noise = bench.optional(bench.examples.noise() or None, "noise")
        noisy = [piece for frame in frames for piece in (*noise, frame)]

        assert essence(bench.read(noisy).response) == essence(bench.read(frames).response)

    def test_unknown_fields_of_events_do_no_harm(self, bench: Bench) -> None:
        """A later version of the API may say more in each event."""
        frames = _frames(bench)
        response = bench.read([_with_unknown_fields(frame) for frame in frames]).response

        assert (response.text, response.finish_reason) == (TEXT, "stop")
        assert response.usage.output_tokens == 7

    def test_malformed_event_is_an_error(self, bench: Bench) -> None:
        """Half of an event's JSON is no event."""
        frames = _frames(bench)
        broken = [_halved(frame) for frame in frames]
        if broken == list(frames):
            pytest.skip("the events of this stream hold no JSON")
        with pytest.raises(ProviderError):
            bench.stream(broken)

    def test_page_in_place_of_a_stream_is_an_error(self, bench: Bench) -> None:
        """A login page that comes with 200 is no answer."""
        _frames(bench)
        with pytest.raises(ProviderError):
            bench.stream([HTML])

    def test_any_bytes_are_a_stream_or_an_error(self, bench: Bench) -> None:
        """Whatever a server sends, a program sees events or an error of Budwood."""
        frames = _frames(bench)

        def check(text: str) -> None:
            for place in range(len(frames)):
                changed = [*frames[:place], text.encode() + b"\n", *frames[place:]]
                try:
                    bench.stream(changed)
                except BudwoodError as error:
                    check_error(error)

        for_all(texts(), check, always=HOSTILE_TEXTS, examples=8)


def _frames(bench: Bench, pieces: tuple[str, ...] = PIECES, usage: Usage | None = USAGE) -> Frames:
    bench.claims(Capability.CHAT, Capability.STREAM)
    return bench.frames(bench.examples.stream(pieces, usage), "stream", Capability.STREAM)


def _is_finished(bench: Bench, frames: Frames) -> bool:
    """Whether the reply has said why it ended; then what follows may be missing."""
    decoder = bench.provider.decoder(bench.request(), ReplyHead(200, {}))
    return any(isinstance(event, Finished) for frame in frames for event in decoder.feed(frame))


def _adds_text(bench: Bench, before: Frames, frame: bytes) -> bool:
    decoder = bench.provider.decoder(bench.request(), ReplyHead(200, {}))
    for piece in before:
        decoder.feed(piece)
    return bool(built(decoder.feed(frame)).text)


def _with_unknown_fields(frame: bytes) -> bytes:
    """Add unknown fields to the JSON object that an event holds, where it holds one."""
    start, end, value = _object_in(frame)
    return frame if value is None else frame[:start] + to_json(stranger(value)) + frame[end:]


def _halved(frame: bytes) -> bytes:
    start, end, value = _object_in(frame)
    return frame if value is None else frame[: start + (end - start) // 2] + frame[end:]


def _object_in(frame: bytes) -> tuple[int, int, Any]:
    start, end = frame.find(b"{"), frame.rfind(b"}") + 1
    try:
        return start, end, from_json(frame[start:end])
    except ValueError:
        return start, end, None
