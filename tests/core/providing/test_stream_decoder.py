"""The base class for stream decoders."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import BadResponseError, ServerError, StreamInterruptedError
from budwood.providing import BaseStreamDecoder, parse_chunk
from budwood.types import ReplyHead, TextDelta
from budwood.wire import NDJSONDecoder, SSEDecoder

HEAD = ReplyHead(200, {})


class Lines(BaseStreamDecoder[bytes]):
    """Decodes one text a line; ``{"stop": true}`` is the end, ``{"oops": …}`` an error."""

    def __init__(self, **options):
        super().__init__(HEAD, NDJSONDecoder(), **options)
        self.ended = False

    def _decode(self, frame):
        payload = parse_chunk(frame)
        if "oops" in payload:
            raise ServerError(payload["oops"])
        self.ended = self.ended or "stop" in payload
        if "text" in payload:
            yield TextDelta(payload["text"])

    def _end(self):
        if not self.ended:
            raise StreamInterruptedError("no end")
        return [TextDelta("(the end)")]


class Events(Lines):
    """Decodes server-sent events, or a complete reply in place of a stream."""

    def __init__(self):
        BaseStreamDecoder.__init__(self, HEAD, SSEDecoder(), decode_body=lambda reply: [TextDelta(reply.body.decode())])
        self.ended = False

    def _decode(self, frame):
        return super()._decode(frame.data)


def encode_line(**fields):
    """
    Encode one line.
    """
    return json.dumps(fields).encode() + b"\n"


def get_texts(events):
    """
    Return the texts of events.
    """
    return [event.text for event in events]


@given(st.lists(st.text(min_size=1), max_size=5), st.lists(st.integers(0, 60), max_size=8))
def test_any_split_gives_the_same_events(payload, splits):
    """
    However the bytes are split, the texts and the final events are the same.
    """
    encoded = b"".join(encode_line(text=text) for text in payload) + encode_line(stop=True)
    positions = sorted({0, *(min(split, len(encoded)) for split in splits), len(encoded)})
    decoder = Lines()

    events = [event for a, b in pairwise(positions) for event in decoder.feed(encoded[a:b])]

    assert get_texts([*events, *decoder.close()]) == [*payload, "(the end)"]


def test_events_before_an_error_come_first():
    """
    An error in the same read is raised by the next call, and by each later one.
    """
    decoder = Lines()

    assert get_texts(decoder.feed(encode_line(text="a") + encode_line(oops="broken") + encode_line(text="b"))) == ["a"]
    for call in (lambda: decoder.feed(encode_line(text="c")), decoder.close):
        with pytest.raises(ServerError, match="broken"):
            call()


def test_an_error_alone_is_raised_immediately():
    """
    Without events before it, the error is not delayed.
    """
    with pytest.raises(ServerError):
        Lines().feed(encode_line(oops="broken"))


def test_an_error_in_the_last_line_is_raised():
    """
    The last line may have no newline.
    """
    decoder = Lines()
    decoder.feed(encode_line(text="a") + b'{"oops": "late"}')

    with pytest.raises(ServerError, match="late"):
        decoder.close()


def test_a_stream_without_its_end_is_interrupted():
    """
    The decoder's `_end` is called after the last byte.
    """
    decoder = Lines()
    decoder.feed(encode_line(text="a"))

    with pytest.raises(StreamInterruptedError):
        decoder.close()


@pytest.mark.parametrize("body", [b'{"answer": 1}', b"[1, 2]", b"<html></html>", b'  \n {"answer": 1}'])
def test_a_complete_reply_in_place_of_a_stream(body):
    """
    JSON or HTML in place of events is decoded as a complete reply, however it is split.
    """
    decoder = Events()
    for number in range(len(body)):
        assert decoder.feed(body[number : number + 1]) == []

    assert get_texts(decoder.close()) == [body.decode().strip()]


def test_events_are_not_a_complete_reply():
    """
    A stream of events is decoded as a stream, also after empty lines.
    """
    decoder = Events()

    assert get_texts(decoder.feed(b'\n\ndata: {"text": "a"}\n\ndata: {"stop": true}\n\n')) == ["a"]
    assert get_texts(decoder.close()) == ["(the end)"]


@given(st.binary())
def test_a_chunk_is_an_object_or_an_error(data):
    """
    No bytes raise another exception.
    """
    try:
        parsed = parse_chunk(data)
    except BadResponseError:
        return
    assert isinstance(parsed, dict)
