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
    lambda made: made[1].join(made[0]) + (made[1] if made[2] else b"")
)


def events_of(*pieces: bytes) -> list[ServerSentEvent]:
    """Decode pieces to their end."""
    decoder = SSEDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()


def data_of(*pieces: bytes) -> list[bytes]:
    """Decode pieces to their end, and return the data alone."""
    return [event.data for event in events_of(*pieces)]


@given(STREAMS, st.integers(1, 7), st.booleans())
@example(b"data: a\r\n\r\ndata: b\r\n\r\n", 8, True)
def test_any_cut_gives_the_same_events(stream, size, marked):
    """
    Events depend on the bytes alone, not on where they were cut: in ends of lines, characters or the byte order mark.
    """
    stream = BOM + stream if marked else stream
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]

    assert events_of(*pieces) == events_of(stream)


@given(STREAMS)
def test_ends_of_lines_are_alike(stream):
    """
    LF, CR LF and CR give the same events.
    """
    lines = b"\n".join(stream.splitlines())

    assert events_of(lines.replace(b"\n", b"\r\n")) == events_of(lines.replace(b"\n", b"\r")) == events_of(lines)


@given(st.binary())
def test_no_bytes_crash_the_decoder(data):
    """
    Whatever comes is read as events or as nothing.
    """
    assert all(isinstance(event, ServerSentEvent) for event in events_of(data))


def test_lines_of_data_are_joined_by_newlines():
    """
    Several data lines are one event, with LF between them.
    """
    assert data_of(b"data: one\ndata\ndata: two\n\n") == [b"one\n\ntwo"]


def test_one_space_after_the_colon_is_taken_off():
    """
    The first space belongs to the format, the second to the data.
    """
    assert data_of(b"data:none\n\ndata: one\n\ndata:  two\n\n") == [b"none", b"one", b" two"]


def test_comments_and_unknown_fields_are_passed_over():
    """
    Keep-alive comments, retry and fields of the server's own make no event and disturb none.
    """
    assert data_of(b": ping\n\n:\nretry: 10\nx: y\ndata: a\n: in between\n\n") == [b"a"]


def test_an_event_without_data_is_none():
    """
    A name alone makes no event, and is forgotten by the next.
    """
    assert events_of(b"event: lost\n\ndata: a\n\n") == [ServerSentEvent(b"a")]


def test_names_are_those_of_one_event():
    """
    An event's name is its own; the next without one is a message.
    """
    assert [event.event for event in events_of(b"event: ping\ndata: a\n\ndata: b\n\n")] == ["ping", "message"]


def test_the_last_id_stays():
    """
    An id holds until another comes; one with NUL in it is none.
    """
    stream = b"data: a\n\nid: 7\ndata: b\n\ndata: c\n\nid: \0\ndata: d\n\n"

    assert [event.id for event in events_of(stream)] == [None, "7", "7", "7"]


def test_a_byte_order_mark_at_the_start_is_taken_off():
    """
    The mark is no part of the first field's name; later ones are data.
    """
    assert data_of(BOM + b"data: a\n\ndata: " + BOM + b"\n\n") == [b"a", BOM]


def test_a_missing_last_newline_loses_nothing():
    """
    Servers that forget the empty line after the last event, or even its end of line, are read all the same.
    """
    assert data_of(b"data: a\n\ndata: b\n") == [b"a", b"b"]
    assert data_of(b"data: a\n\ndata: b") == [b"a", b"b"]


def test_done_is_data_like_any_other():
    """
    `[DONE]` is a word of those who send it, and no part of the format.
    """
    assert data_of(b"data: {}\n\ndata: [DONE]\n\n") == [b"{}", b"[DONE]"]


def test_an_event_is_given_with_its_empty_line():
    """
    Nobody waits for the next event to see the one before.
    """
    decoder = SSEDecoder()

    assert decoder.feed(b"data: a\r\n") == []
    assert decoder.feed(b"\r") == [ServerSentEvent(b"a")]
    assert decoder.feed(b"\n") == []


def test_a_line_beyond_the_limit_is_refused():
    """
    A line without end is an error, not a reason to fill the memory.
    """
    decoder = SSEDecoder(16)

    with pytest.raises(ResponseTooLargeError, match="a line of more than 16 bytes"):
        decoder.feed(b"data: " + b"x" * 20)


def test_an_event_beyond_the_limit_is_refused():
    """
    Many short lines of one event are bound by the same number.
    """
    decoder = SSEDecoder(16)

    with pytest.raises(ResponseTooLargeError, match="an event of more than 16 bytes"):
        decoder.feed(b"data: 123456\n" * 3)


def test_the_limit_is_for_each_event():
    """
    Any number of events of the allowed size passes.
    """
    assert len(SSEDecoder(16).feed(b"data: 1234567890\n\n" * 10)) == 10


def test_endless_empty_data_lines_are_refused():
    """
    Lines without content fill the memory too, and count.
    """
    decoder = SSEDecoder(16)

    with pytest.raises(ResponseTooLargeError):
        list(map(decoder.feed, [b"data:\n"] * 100))
