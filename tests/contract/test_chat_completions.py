from __future__ import annotations

import pytest

from budwood.types import HTTPReply, ReplyHead
from tests.contract import recorded
from tests.contract.chat_replies import assert_complete_reply, assert_stream
from tests.contract.replay import assert_quotes, is_stream, parse_head

FOLDERS = ("openai-chat", "ollama", "anthropic")
"""Folders of chats with OpenAI and compatible servers; Azure and Groq have separate tests."""

FIXTURES = ("openai-chat", "openai-compatible")
"""Folders of replies that were recorded without their requests."""


def is_chat(entry):
    """
    Return whether an exchange is a chat.
    """
    return entry["method"] == "POST" and recorded.ends_with(entry["url"], "/chat/completions")


def is_answered(entry):
    """
    Return whether an exchange is a chat with a reply.
    """
    return is_chat(entry) and entry["status"] == 200


def is_error(entry):
    """
    Return whether an exchange is a chat with an error.
    """
    return is_chat(entry) and entry["status"] >= 400


@pytest.mark.parametrize("file", recorded.list_files(is_answered, *FOLDERS))
def test_recorded_replies(ledger, provider, file):
    """
    A decoded reply equals the naive reading, loses no value, and does not depend on how a stream is split.
    """
    for one in recorded.select_exchanges(file, is_answered):
        check = assert_stream if is_stream(one.response) else assert_complete_reply
        check(provider(file), parse_head(one.response), one.response.body)
        ledger.record_decoded(one)


@pytest.mark.parametrize("path", recorded.list_fixtures(*FIXTURES, prefix=("openai-", "xai-"), suffix=".chunks.txt"))
def test_recorded_chunks(ledger, provider, path):
    """
    Chunks that were recorded one in each line are decoded as a stream.
    """
    assert_stream(provider(path.parent.name), ReplyHead(200, {}), recorded.to_sse(path))
    ledger.record_decoded(path)


@pytest.mark.parametrize("path", recorded.list_fixtures(*FIXTURES, suffix=".json"))
def test_recorded_bodies(ledger, provider, path):
    """
    Bodies that were recorded without their requests are decoded.
    """
    assert_complete_reply(provider(path.parent.name), ReplyHead(200, {}), path.read_bytes())
    ledger.record_decoded(path)


@pytest.mark.parametrize("file", recorded.list_files(is_error, *FOLDERS))
def test_recorded_errors(ledger, provider, file):
    """
    A recorded error has the vendor's message, code and parameter, and is not retryable.
    """
    for one in recorded.select_exchanges(file, is_error):
        error = provider(file).error(HTTPReply(parse_head(one.response), one.response.body))
        assert (error.status, error.retryable) == (one.response.status, False)
        assert_quotes(error, one.response)
        ledger.record_decoded(one)
