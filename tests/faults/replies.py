"""Faults of servers, and the errors that they become."""

from __future__ import annotations

import traceback

import pytest

from budwood.errors import BudwoodError
from budwood_testing import chat_chunks, chat_reply, sse
from tests.servers import EVENT_STREAM, head, reply

HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
GOOD = reply(200, chat_reply("good"))


def failure(ask, expected: type[BudwoodError], **options) -> BudwoodError:
    """Ask, and return the error; each says what to do, where it came from, and keeps the key to itself."""
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


def stream(*pieces: bytes) -> bytes:
    """Write a streamed reply that ends with its connection."""
    return head(**EVENT_STREAM) + b"".join(pieces)


def beginning(*texts: str) -> bytes:
    """Write the first chunks of a streamed reply."""
    return b"".join(sse(*chat_chunks(texts, finish_reason=None), done=False))
