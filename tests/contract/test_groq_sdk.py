"""Groq's SDK and Budwood decode the same recorded replies of a local server equally."""

from __future__ import annotations

import pytest

from budwood.errors import ProviderError
from tests.contract import naive, recorded, sdk, sdk_chat
from tests.contract.test_groq_chat import is_answered, is_error

groq = sdk.import_sdk("groq", "groq")

CASES = [
    *recorded.list_files(is_answered, "groq"),
    *recorded.list_fixtures("groq", suffix=".json"),
    *recorded.list_fixtures("groq", suffix=".chunks.txt"),
]

SDK_FAILURES = {}
"""Replies that Groq's SDK cannot decode, by a part of the name, with reasons."""


def open_sdk(url):
    """
    Open the client of the SDK.
    """
    return groq.Groq(api_key="gsk-test", base_url=url, max_retries=0)


def open_budwood(url):
    """
    Open Budwood's client.
    """
    return sdk.make_client("groq/recorded", base_url=url, api_key="gsk-test")


@pytest.mark.parametrize("case", CASES)
def test_replies_are_decoded_equally(ledger, shared_server, sdk_client, budwood_client, case):
    """
    Text, reasoning, calls, usage and finish reason are equal, complete and streamed.
    """
    for recorded_reply in sdk.list_replies(case, is_answered):
        if reason := sdk.find_reason(SDK_FAILURES, recorded_reply.source):
            ledger.record_sdk_failure(recorded_reply.source, reason)
            continue
        sdk.serve(shared_server, recorded_reply)
        if naive.find_error(recorded_reply.body):
            assert_both_fail(sdk_client, budwood_client, recorded_reply)
        else:
            expected = sdk_chat.ask(sdk_client, streamed=recorded_reply.streamed)
            assert sdk.make_reading(sdk.ask_budwood(budwood_client, recorded_reply), sdk_chat.USAGE) == expected
        ledger.record_agreement(recorded_reply.source)


def assert_both_fail(sdk_client, budwood_client, recorded_reply):
    """
    Check that both raise an error inside a stream, with the same message.
    """
    with pytest.raises(groq.APIError) as sdk_error:
        sdk_chat.ask(sdk_client, streamed=True)
    with pytest.raises(ProviderError) as error:
        sdk.ask_budwood(budwood_client, recorded_reply)
    assert sdk_error.value.message in str(error.value)


@pytest.mark.parametrize("file", recorded.list_files(is_error, "groq"))
def test_errors_are_equal(shared_folder, shared_server, sdk_client, budwood_client, file):
    """
    An error has the same status and message with both.
    """
    for recorded_reply in sdk.list_replies(file, is_error):
        sdk.serve(shared_server, recorded_reply)
        with pytest.raises(groq.APIStatusError) as sdk_error:
            sdk_chat.ask(sdk_client, streamed=False)
        with pytest.raises(ProviderError) as error:
            budwood_client.ask("Hello")

        assert error.value.status == sdk_error.value.status_code
        assert sdk_error.value.body["error"]["message"][:200] in str(error.value)
