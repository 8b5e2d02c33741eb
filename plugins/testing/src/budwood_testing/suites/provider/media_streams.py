"""Tests of streamed images, speech and transcripts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pytest

from budwood.errors import BudwoodError, ProviderError, StreamInterruptedError
from budwood.types import AudioDelta, ImageArrived, MediaCompleted, MediaEvent, ReplyHead, TranscriptDelta
from budwood_testing.examples.wire import Frames
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.properties import HOSTILE_TEXTS, check_error, for_all, split_at, splits, texts
from budwood_testing.suites.provider.bench import JSON_HEADERS, Bench, as_bytes, as_reply
from budwood_testing.suites.provider.features import PIXEL
from budwood_testing.suites.provider.media_services import MEDIA_SERVICES, SAMPLES, MediaService
from budwood_testing.suites.provider.replies import HTML
from budwood_testing.suites.provider.under_test import ProviderUnderTest

_MESSAGE: Final = "The tape is torn."
_EVENTS: Final = {"content-type": "text/event-stream"}

every_stream = pytest.mark.parametrize("name", MEDIA_SERVICES)


class MediaStreamTests(ProviderUnderTest):
    """A stream of media gives the same response wherever it is split; an interrupted one is an error."""

    @every_stream
    def test_media_stream_is_decoded(self, bench: Bench, name: str) -> None:
        """The events have the content as it arrives, and the last event is the complete response."""
        service = MEDIA_SERVICES[name]
        events = _read(bench, service, service.frames(bench))

        _check_events(service, events)
        match service.name:
            case "image":
                shown = [(event.partial, event.image.read()) for event in events if isinstance(event, ImageArrived)]
                assert shown == [(True, PIXEL[::-1]), (False, PIXEL)]
            case "speech":
                audio = b"".join(event.data for event in events if isinstance(event, AudioDelta))
                assert audio[-len(SAMPLES) :] == SAMPLES
            case _:
                deltas = [event.text for event in events if isinstance(event, TranscriptDelta)]
                assert deltas == list(service.chunks), "the deltas are not those of the stream"

    @every_stream
    def test_media_arrive_incrementally(self, bench: Bench, name: str) -> None:
        """The decoder returns content as soon as its event is complete, not at the end."""
        service = MEDIA_SERVICES[name]
        frames = service.frames(bench)
        decoder = service.decoder(bench, ReplyHead(200, _EVENTS))

        assert decoder.feed(frames[0]), "feed() returns no event for the first one of the stream"

    @every_stream
    def test_complete_reply_in_place_of_a_media_stream_is_decoded(self, bench: Bench, name: str) -> None:
        """A vendor that answers a streaming request with a complete reply gives its content and the response."""
        service = MEDIA_SERVICES[name]
        reply = as_reply(service.reply(bench))
        if not isinstance(bench.provider, service.stream_protocol):
            pytest.skip(f"{bench.instance.name} is no {service.stream_protocol.__name__}")
        body = as_bytes(reply.body)
        head = ReplyHead(200, {**JSON_HEADERS, **reply.headers})
        for chunks in ([body], split_at(body, range(1, len(body)))):
            events = _read(bench, service, chunks, head)

            _check_events(service, events)
            assert len(events) > 1, "the decoder shows no content before MediaCompleted"

    @every_stream
    def test_any_split_of_a_media_stream_gives_the_same_events(self, bench: Bench, name: str) -> None:
        """The events do not depend on where the network splits the bytes, including inside characters."""
        service = MEDIA_SERVICES[name]
        body = b"".join(service.frames(bench))
        complete = _read(bench, service, [body])

        def check(chunks: list[bytes]) -> None:
            assert _read(bench, service, chunks) == complete

        for_all(splits(body), check, always=[split_at(body, range(1, len(body))), [b"", body, b""]], examples=15)

    @every_stream
    def test_interrupted_media_stream_is_an_error(self, bench: Bench, name: str) -> None:
        """A stream that ends between two events, before the last content, raises StreamInterruptedError."""
        service = MEDIA_SERVICES[name]
        frames = service.frames(bench)
        for end in range(len(frames)):
            if end and _is_complete(bench, service, frames[:end]):
                continue
            with pytest.raises(StreamInterruptedError):
                _read(bench, service, frames[:end])

    @every_stream
    def test_media_stream_cut_at_any_byte_is_handled(self, bench: Bench, name: str) -> None:
        """A stream that is cut at any byte raises an error, unless the content was already complete."""
        service = MEDIA_SERVICES[name]
        body = b"".join(service.frames(bench))
        for end in range(len(body)):
            try:
                events = _read(bench, service, [body[:end]])
            except ProviderError:
                continue
            assert _content(service, events) == service.content, (
                f"a stream cut after {end} bytes is decoded as complete: raise StreamInterruptedError in close()"
            )

    @every_stream
    def test_error_event_in_a_media_stream_is_raised(self, bench: Bench, name: str) -> None:
        """An error event is raised with the vendor's message, at the start of a stream and after content."""
        service = MEDIA_SERVICES[name]
        frames = service.frames(bench)
        error = bench.optional(bench.examples.stream_error(("Hello",), _MESSAGE), "stream_error")[-1]
        for chunks in ([error], [frames[0], error]):
            with pytest.raises(ProviderError, match=_MESSAGE):
                _read(bench, service, chunks)

    @every_stream
    def test_pings_in_a_media_stream_are_ignored(self, bench: Bench, name: str) -> None:
        """Pings, comments and unknown events may occur between any two events."""
        service = MEDIA_SERVICES[name]
        frames = service.frames(bench)
        noise = bench.optional(bench.examples.ignored_events() or None, "ignored_events")
        noisy = [piece for frame in frames for piece in (*noise, frame)]

        assert _content(service, _read(bench, service, noisy)) == service.content

    @every_stream
    def test_html_page_instead_of_a_media_stream_is_an_error(self, bench: Bench, name: str) -> None:
        """An HTML page with status 200, such as a login page, is an error."""
        service = MEDIA_SERVICES[name]
        service.frames(bench)
        with pytest.raises(ProviderError):
            _read(bench, service, [HTML], ReplyHead(200, {"content-type": "text/html"}))

    @every_stream
    def test_media_decoders_do_not_mix(self, bench: Bench, name: str) -> None:
        """Decoders do not share state, and do no I/O."""
        service = MEDIA_SERVICES[name]
        frames = service.frames(bench)
        alone = _read(bench, service, frames)
        decoders = [service.decoder(bench, ReplyHead(200, _EVENTS)) for _ in range(2)]
        found: list[list[MediaEvent]] = [[], []]
        with no_io():
            for frame in frames:
                for decoder, events in zip(decoders, found, strict=True):
                    events.extend(decoder.feed(frame))
            for decoder, events in zip(decoders, found, strict=True):
                events.extend(decoder.close())

        assert found == [alone, alone]

    @every_stream
    def test_any_bytes_in_a_media_stream_give_events_or_a_budwood_error(self, bench: Bench, name: str) -> None:
        """Any bytes give events, or an error that derives from BudwoodError."""
        service = MEDIA_SERVICES[name]
        frames = service.frames(bench)

        def check(text: str) -> None:
            for place in range(len(frames)):
                try:
                    _read(bench, service, [*frames[:place], text.encode() + b"\n", *frames[place:]])
                except BudwoodError as error:
                    check_error(error)

        for_all(texts(), check, always=HOSTILE_TEXTS, examples=5)


def _read(
    bench: Bench, service: MediaService, chunks: Iterable[bytes], head: ReplyHead | None = None
) -> list[MediaEvent]:
    """Decode a stream that arrives in these chunks with the provider, within the engine's boundary."""
    decoder = service.decoder(bench, head or ReplyHead(200, _EVENTS))
    with bench.decoding(f"{service.name}_decoder"):
        return [event for chunk in chunks for event in decoder.feed(chunk)] + list(decoder.close())


def _check_events(service: MediaService, events: list[MediaEvent]) -> None:
    kinds = [type(event) for event in events]

    assert kinds[-1:] == [MediaCompleted], "the last event of a decoder is MediaCompleted"
    assert kinds.count(MediaCompleted) == 1
    assert _content(service, events) == service.content


def _content(service: MediaService, events: list[MediaEvent]) -> object:
    last = events[-1]
    assert isinstance(last, MediaCompleted), "the last event of a decoder is MediaCompleted"
    return service.content_of(last.response)


def _is_complete(bench: Bench, service: MediaService, frames: Frames) -> bool:
    """Return whether all content has arrived; after it, the stream may end."""
    try:
        return bool(_content(service, _read(bench, service, frames)) == service.content)
    except ProviderError:
        return False
