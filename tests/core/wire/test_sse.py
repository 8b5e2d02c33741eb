"""Server-sent events, after WHATWG HTML, section 9.2.6."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from budwood.errors import ResponseTooLargeError
from budwood.wire import ServerSentEvent, SSEDecoder

BOM = b"\xef\xbb\xbf"

LINES = st.sampled_from(
    [
        b"",
        b"data: a",
        b"data:b",
        b"data",
        b"data:  c",
        b": note",
        b":",
        b"event: x",
        b"event",
        b"id: 1",
        b"id: \0",
        b"?: !",
        "data: é🌱".encode(),
        b"retry: 5",
        b"datum: no",
    ]
)
STREAMS = st.tuples(st.lists(LINES, max_size=12), st.sampled_from([b"\n", b"\r", b"\r\n"]), st.booleans()).map(
    lambda parts: parts[1].join(parts[0]) + (parts[1] if parts[2] else b"")
)


def decode_all(*chunks: bytes) -> list[ServerSentEvent]:
    """Decode parts to their end."""
    decoder = SSEDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)] + decoder.close()


def decode_data(*chunks: bytes) -> list[bytes]:
    """Decode parts to their end, and return the data of the events."""
    return [event.data for event in decode_all(*chunks)]


@given(STREAMS, st.integers(1, 7), st.booleans())
@example(b"data: a\r\n\r\ndata: b\r\n\r\n", 8, True)
def test_events_do_not_depend_on_how_bytes_are_split(stream, size, marked):
    """
    This includes splits within line ends, characters and the byte order mark.
    """
    stream = BOM + stream if marked else stream
    chunks = [stream[start : start + size] for start in range(0, len(stream), size)]

    assert decode_all(*chunks) == decode_all(stream)


@given(STREAMS)
def test_line_ends_are_equivalent(stream):
    """
    LF, CR LF and CR give the same events.
    """
    lines = b"\n".join(stream.splitlines())

    assert decode_all(lines.replace(b"\n", b"\r\n")) == decode_all(lines.replace(b"\n", b"\r")) == decode_all(lines)


@given(st.binary())
def test_no_bytes_crash_the_decoder(data):
    """
    Any bytes are decoded as events or ignored.
    """
    assert all(isinstance(event, ServerSentEvent) for event in decode_all(data))


def test_data_lines_are_joined_by_newlines():
    """
    Several data lines are one event, with LF between them.
    """
    assert decode_data(b"data: one\ndata\ndata: two\n\n") == [b"one\n\ntwo"]


def test_one_space_after_the_colon_is_removed():
    """
    The first space belongs to the format, the second to the data.
    """
    assert decode_data(b"data:none\n\ndata: one\n\ndata:  two\n\n") == [b"none", b"one", b" two"]


def test_comments_and_unknown_fields_are_skipped():
    """
    Keep-alive comments, retry and unknown fields create no event and change none.
    """
    assert decode_data(b": ping\n\n:\nretry: 10\nx: y\ndata: a\n: in between\n\n") == [b"a"]


def test_event_without_data_is_skipped():
    """
    A name without data is not an event, and does not apply to the next one.
    """
    assert decode_all(b"event: lost\n\ndata: a\n\n") == [ServerSentEvent(b"a")]


def test_name_applies_to_one_event():
    """
    The next event without a name is a message.
    """
    assert [event.event for event in decode_all(b"event: ping\ndata: a\n\ndata: b\n\n")] == ["ping", "message"]


def test_last_id_applies_to_later_events():
    """
    An id applies until another follows; one with NUL is ignored.
    """
    stream = b"data: a\n\nid: 7\ndata: b\n\ndata: c\n\nid: \0\ndata: d\n\n"

    assert [event.id for event in decode_all(stream)] == [None, "7", "7", "7"]


def test_byte_order_mark_at_the_start_is_removed():
    """
    The mark is not part of the first field; later marks are data.
    """
    assert decode_data(BOM + b"data: a\n\ndata: " + BOM + b"\n\n") == [b"a", BOM]


def test_missing_last_newline_loses_no_event():
    """
    Servers may omit the empty line after the last event, or even its line end.
    """
    assert decode_data(b"data: a\n\ndata: b\n") == [b"a", b"b"]
    assert decode_data(b"data: a\n\ndata: b") == [b"a", b"b"]


def test_done_is_data():
    """
    `[DONE]` is a convention of vendors, and not part of the format.
    """
    assert decode_data(b"data: {}\n\ndata: [DONE]\n\n") == [b"{}", b"[DONE]"]


def test_event_is_returned_at_its_empty_line():
    """
    The next event is not needed.
    """
    decoder = SSEDecoder()

    assert decoder.feed(b"data: a\r\n") == []
    assert decoder.feed(b"\r") == [ServerSentEvent(b"a")]
    assert decoder.feed(b"\n") == []


def test_line_above_the_limit_is_an_error():
    """
    An endless line cannot fill the memory.
    """
    decoder = SSEDecoder(16)

    with pytest.raises(ResponseTooLargeError, match="a line of more than 16 bytes"):
        decoder.feed(b"data: " + b"x" * 20)


def test_event_above_the_limit_is_an_error():
    """
    Many short lines of one event have the same limit together.
    """
    decoder = SSEDecoder(16)

    with pytest.raises(ResponseTooLargeError, match="an event of more than 16 bytes"):
        decoder.feed(b"data: 123456\n" * 3)


def test_limit_applies_to_each_event():
    """
    Any number of events within the limit is accepted.
    """
    assert len(SSEDecoder(16).feed(b"data: 1234567890\n\n" * 10)) == 10


def test_endless_empty_data_lines_are_an_error():
    """
    Lines without content use memory too, and count.
    """
    decoder = SSEDecoder(16)

    with pytest.raises(ResponseTooLargeError):
        list(map(decoder.feed, [b"data:\n"] * 100))
