"""Replies with faults, and checks of the resulting errors."""

from __future__ import annotations

import traceback

import pytest

from budwood.errors import BudwoodError
from budwood_testing import chat_chunks, chat_reply, sse
from tests.servers import EVENT_STREAM, head, reply

HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
GOOD = reply(200, chat_reply("good"))


def catch_error(ask, expected: type[BudwoodError], **options) -> BudwoodError:
    """Call, and return the error. It must have a hint, provider and model, and must not contain the key."""
    with pytest.raises(expected) as caught:
        ask(**options)
    error = caught.value
    assert type(error) is expected
    assert error.hint
    assert str(error).isprintable()
    assert error.provider == "openai"
    assert error.model == "gpt-4o"
    assert "sk-test-secret" not in "".join(traceback.format_exception(error))
    assert all(attempt.error for attempt in error.attempts)
    return error


def create_stream(*chunks: bytes) -> bytes:
    """Return a streamed reply that ends with its connection."""
    return head(**EVENT_STREAM) + b"".join(chunks)


def create_stream_start(*texts: str) -> bytes:
    """Return the first events of a streamed reply."""
    return b"".join(sse(*chat_chunks(texts, finish_reason=None), done=False))
