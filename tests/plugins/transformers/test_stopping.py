from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood import Client
from budwood_transformers.stopping import StopStrings

few_letters = st.text("ab<|", max_size=12)
pieces = st.lists(few_letters, max_size=8)
stops = st.lists(st.text("ab<|", min_size=1, max_size=4), max_size=3)


@given(pieces, stops)
def test_text_before_the_first_stop_string_is_shown_however_it_is_cut(pieces, stops):
    """
    What is shown is the text up to the place where the first stop string is complete, and nothing of that string.
    """
    text = "".join(pieces)
    filtered = StopStrings(stops)

    shown = "".join(filtered.add(piece) for piece in pieces) + filtered.close()

    assert text.startswith(shown)
    assert not any(stop in shown for stop in stops)
    if filtered.found is None:
        assert shown == text
    else:
        assert text[len(shown) :].startswith(filtered.found)


@given(pieces, stops)
def test_nothing_is_held_back_that_can_begin_no_stop_string(pieces, stops):
    """
    After each piece all is shown but an end of the text with which a stop string begins.
    """
    filtered = StopStrings(stops)
    shown = text = ""
    for piece in pieces:
        text += piece
        shown += filtered.add(piece)
        if filtered.found is not None:
            return
        held = text[len(shown) :]
        assert not held or any(stop.startswith(held) for stop in stops)


def test_no_stop_strings_hold_nothing_back():
    """
    An empty one stops nothing.
    """
    filtered = StopStrings([""])

    assert filtered.add("abc") == "abc"
    assert filtered.found is None


@pytest.mark.parametrize("stop", ["lo wor", "wor", "o"])
def test_reply_ends_at_a_stop_string_across_tokens(parrot, stop):
    """
    The model stops at the token that completes it; the text holds nothing of it.
    """
    with Client(f"transformers/{parrot('Hel', 'lo ', 'wor', 'ld.')}") as client:
        reply = client.ask("greet", temperature=0, stop=["never", stop])

    assert reply.text == "Hello world."[: "Hello world.".index(stop)]
    assert (reply.finish_reason, reply.raw_finish_reason) == ("stop", "stop_string")
    assert reply.usage.output_tokens == {"lo wor": 3, "wor": 3, "o": 2}[stop]


def test_beginning_of_a_stop_string_is_shown_where_the_reply_ends_with_it(parrot):
    """
    What was held back in case is not lost.
    """
    with Client(f"transformers/{parrot('Hello', ' wor')}") as client:
        assert client.ask("greet", temperature=0, stop=["world"]).text == "Hello wor"
