"""Streams that move to another endpoint, or start again."""

import pytest

from budwood import (
    ConnectionFailedError,
    Restarted,
    StreamInterruptedError,
    TextDelta,
)
from budwood_testing import ScriptedReply, chat_chunks, sse
from tests.core.engine.scripted_endpoints import EVENT_STREAM, ledger

pytestmark = pytest.mark.filterwarnings("error")


def test_stream_moves_before_its_first_content(make_asker, endpoints):
    """
    The reader does not notice.
    """
    endpoints.script("one", ScriptedReply(200, EVENT_STREAM, (sse(*chat_chunks(["lost"]))[0][:20],)))

    events, response = make_asker().stream()

    assert response.text == "from two"
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "from two"
    assert [endpoint for endpoint, _ in ledger(response)] == ["one", "one#2"]


def cut_stream(text):
    """
    Return a stream that breaks after a text.
    """
    first = sse(*chat_chunks([text]))[:2]
    return ScriptedReply(200, EVENT_STREAM, tuple(first), failure=ConnectionFailedError("The connection broke."))


def test_stream_that_has_shown_content_is_not_moved(make_asker, endpoints):
    """
    The error has what arrived.
    """
    endpoints.script("one", cut_stream("Once upon"))

    _, error = make_asker().stream()

    assert isinstance(error, StreamInterruptedError)
    assert error.response.text == "Once upon"
    assert endpoints.hosts == ["one"]


@pytest.mark.parametrize("model", ["one/m", "three/m"])
def test_stream_can_be_restarted(make_asker, endpoints, model):
    """
    An event says that what was shown is void; without another endpoint, the same one is asked again.
    """
    endpoints.script(model[:-2], cut_stream("Once upon"))

    events, response = make_asker(model=model, on_stream_failure="restart").stream()

    texts = [event.text if isinstance(event, TextDelta) else "restart" for event in events if is_shown(event)]
    host = {"one/m": "two", "three/m": "three"}[model]
    assert (texts[0], texts.count("restart"), response.text) == ("Once upon", 1, f"from {host}")
    assert len(response.attempts) == 2


def is_shown(event):
    """
    Tell whether an event changes the text that a reader sees.
    """
    return isinstance(event, TextDelta | Restarted)


def test_restarts_are_bounded(make_asker, endpoints):
    """
    A stream restarts at most ``retries`` times.
    """
    endpoints.script("three", *[cut_stream("x")] * 3)

    events, error = make_asker(model="three/m", on_stream_failure="restart", retries=2).stream()

    assert isinstance(error, StreamInterruptedError)
    assert sum(isinstance(event, Restarted) for event in events) == 2
