"""Groq's SDK and Budwood decode the same recorded replies of a local server equally."""

from __future__ import annotations

import pytest

from budwood.errors import ProviderError
from tests.contract import naive, recorded, sdk, sdk_chat
from tests.contract.test_groq_chat import is_answered, is_refused

groq = sdk.installed("groq", "groq")

CASES = [
    *recorded.files(is_answered, "groq"),
    *recorded.fixtures("groq", suffix=".json"),
    *recorded.fixtures("groq", suffix=".chunks.txt"),
]

NO_ORACLE = {}
"""What Groq's own SDK cannot read, by a part of the name, and why."""


@pytest.fixture(scope="module")
def theirs(served):
    """
    The vendor's client.
    """
    with groq.Groq(api_key="gsk-test", base_url=served.url, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def asked(served):
    """
    Budwood's client.
    """
    with sdk.client("groq/recorded", base_url=served.url, api_key="gsk-test") as client:
        yield client


@pytest.mark.parametrize("case", CASES)
def test_replies_are_decoded_equally(ledger, served, theirs, asked, case):
    """
    Text, reasoning, calls, usage and finish reason are equal, complete and streamed.
    """
    for recorded_reply in sdk.replies(case, is_answered):
        if reason := sdk.first(NO_ORACLE, recorded_reply.source):
            ledger.has_no_oracle(recorded_reply.source, reason)
            continue
        sdk.play(served, recorded_reply)
        if naive.error_of(recorded_reply.body):
            assert_both_fail(theirs, asked, recorded_reply)
        else:
            expected = sdk_chat.ask(theirs, streamed=recorded_reply.streamed)
            assert sdk.reading_of(sdk.ours(asked, recorded_reply), sdk_chat.USAGE) == expected
        ledger.agrees(recorded_reply.source)


def assert_both_fail(theirs, asked, recorded_reply):
    """
    Check that both raise an error inside a stream, with the same message.
    """
    with pytest.raises(groq.APIError) as their:
        sdk_chat.ask(theirs, streamed=True)
    with pytest.raises(ProviderError) as our:
        sdk.ours(asked, recorded_reply)
    assert their.value.message in str(our.value)


@pytest.mark.parametrize("file", recorded.files(is_refused, "groq"))
def test_errors_are_equal(shared_folder, served, theirs, asked, file):
    """
    An error has the same status and message with both.
    """
    for recorded_reply in sdk.replies(file, is_refused):
        sdk.play(served, recorded_reply)
        with pytest.raises(groq.APIStatusError) as their:
            sdk_chat.ask(theirs, streamed=False)
        with pytest.raises(ProviderError) as our:
            asked.ask("Hello")

        assert our.value.status == their.value.status_code
        assert their.value.body["error"]["message"][:200] in str(our.value)
