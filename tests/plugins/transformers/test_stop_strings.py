from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood import Client
from budwood_transformers.stop_strings import StopStrings

few_letters = st.text("ab<|", max_size=12)
chunks = st.lists(few_letters, max_size=8)
stops = st.lists(st.text("ab<|", min_size=1, max_size=4), max_size=3)


@given(chunks, stops)
def test_text_before_the_first_stop_string_is_returned(chunks, stops):
    """
    The result is the text before the first complete stop string, wherever chunks are split.
    """
    text = "".join(chunks)
    filtered = StopStrings(stops)

    passed = "".join(filtered.add(chunk) for chunk in chunks) + filtered.close()

    assert text.startswith(passed)
    assert not any(stop in passed for stop in stops)
    if filtered.found is None:
        assert passed == text
    else:
        assert text[len(passed) :].startswith(filtered.found)


@given(chunks, stops)
def test_only_possible_starts_of_stop_strings_are_delayed(chunks, stops):
    """
    After each chunk, only a suffix that may start a stop string is delayed.
    """
    filtered = StopStrings(stops)
    passed = text = ""
    for chunk in chunks:
        text += chunk
        passed += filtered.add(chunk)
        if filtered.found is not None:
            return
        delayed = text[len(passed) :]
        assert not delayed or any(stop.startswith(delayed) for stop in stops)


def test_empty_stop_string_is_ignored():
    """
    An empty stop string neither stops nor delays text.
    """
    filtered = StopStrings([""])

    assert filtered.add("abc") == "abc"
    assert filtered.found is None


@pytest.mark.parametrize("stop", ["lo wor", "wor", "o"])
def test_reply_ends_at_a_stop_string_across_tokens(parrot, stop):
    """
    The model stops at the token that completes a stop string, and the text ends before it.
    """
    with Client(f"transformers/{parrot('Hel', 'lo ', 'wor', 'ld.')}") as client:
        reply = client.ask("greet", temperature=0, stop=["never", stop])

    assert reply.text == "Hello world."[: "Hello world.".index(stop)]
    assert (reply.finish_reason, reply.raw_finish_reason) == ("stop", "stop_string")
    assert reply.usage.output_tokens == {"lo wor": 3, "wor": 3, "o": 2}[stop]


def test_partial_stop_string_at_the_end_is_returned(parrot):
    """
    If a reply ends with the start of a stop string, that text is returned.
    """
    with Client(f"transformers/{parrot('Hello', ' wor')}") as client:
        assert client.ask("greet", temperature=0, stop=["world"]).text == "Hello wor"
