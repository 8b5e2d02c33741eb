from __future__ import annotations

import pytest

from budwood.types import HTTPReply, ReplyHead
from tests.contract import recorded
from tests.contract.chat_replies import assert_stream, assert_whole_reply
from tests.contract.replay import assert_says, is_stream, parse_head

FOLDERS = ("openai-chat", "ollama", "anthropic")
"""Where chats lie that OpenAI answered, or others in its form; those of Azure and Groq have tests of their own."""

FIXTURES = ("openai-chat", "openai-compatible")
"""The same of replies without their requests."""


def is_chat(entry):
    """
    Whether an exchange is a chat.
    """
    return entry["method"] == "POST" and recorded.ends_with(entry["url"], "/chat/completions")


def is_answered(entry):
    """
    Whether a chat was answered.
    """
    return is_chat(entry) and entry["status"] == 200


def is_refused(entry):
    """
    Whether a chat was refused.
    """
    return is_chat(entry) and entry["status"] >= 400


@pytest.mark.parametrize("file", recorded.files(is_answered, *FOLDERS))
def test_recorded_replies_lose_nothing(ledger, provider, file):
    """
    A recorded reply, whole or streamed and however cut, decodes into what a naive reading finds, and no value is lost.
    """
    for one in recorded.of(file, is_answered):
        check = assert_stream if is_stream(one.response) else assert_whole_reply
        check(provider(file), parse_head(one.response), one.response.body)
        ledger.has_decoded(one)


@pytest.mark.parametrize("path", recorded.fixtures(*FIXTURES, prefix=("openai-", "xai-"), suffix=".chunks.txt"))
def test_recorded_chunks_lose_nothing(ledger, provider, path):
    """
    Chunks that were recorded one a line decode as the stream that they were.
    """
    assert_stream(provider(path.parent.name), ReplyHead(200, {}), recorded.sse_of(path))
    ledger.has_decoded(path)


@pytest.mark.parametrize("path", recorded.fixtures(*FIXTURES, suffix=".json"))
def test_recorded_bodies_lose_nothing(ledger, provider, path):
    """
    Bodies that were recorded without their requests decode like all others.
    """
    assert_whole_reply(provider(path.parent.name), ReplyHead(200, {}), path.read_bytes())
    ledger.has_decoded(path)


@pytest.mark.parametrize("file", recorded.files(is_refused, *FOLDERS))
def test_recorded_errors_say_what_the_vendor_said(ledger, provider, file):
    """
    A recorded error has the vendor's words, code and parameter; asking again would not help.
    """
    for one in recorded.of(file, is_refused):
        error = provider(file).error(HTTPReply(parse_head(one.response), one.response.body))
        assert (error.status, error.retryable) == (one.response.status, False)
        assert_says(error, one.response)
        ledger.has_decoded(one)
