"""Anthropic's SDK and Budwood decode the same recorded replies of a local server equally."""

from __future__ import annotations

from typing import get_args

import pytest

from budwood.errors import ProviderError
from budwood_anthropic.errors import ERROR_CODES, STATUSES
from tests.contract import naive_anthropic, recorded, sdk
from tests.contract.test_anthropic_messages import is_answered, is_message

anthropic = sdk.import_sdk("anthropic", "anthropic")
ErrorType = anthropic.types.shared.error_type.ErrorType
ErrorDetails = anthropic.types.shared.error_details.ErrorDetails

USAGE = ("uncached_input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
QUESTION = {"model": "recorded", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}

CASES = [
    *recorded.list_files(is_answered),
    *recorded.list_fixtures("anthropic", suffix=".json"),
    *recorded.list_fixtures("anthropic", suffix=".chunks.txt"),
]

SDK_FAILURES = {
    "spliced-message-start": "joins the content before and after a second start; see vercel/ai#18331",
}
"""Replies that Anthropic's SDK cannot decode, by a part of the name, with reasons."""


def is_error(entry):
    """
    Return whether an exchange is a message with an error.
    """
    return is_message(entry) and entry["status"] >= 400


def open_sdk(url):
    """
    Open the client of the SDK.
    """
    return anthropic.Anthropic(api_key="sk-test", base_url=url, max_retries=0)


def open_budwood(url):
    """
    Open Budwood's client.
    """
    return sdk.make_client("anthropic/recorded", base_url=url, api_key="sk-test")


def ask_sdk(client, *, streamed):
    """
    Ask with the SDK, and return the content of the reply.
    """
    if streamed:
        with client.messages.stream(**QUESTION) as stream:
            message = stream.get_final_message()
    else:
        message = client.messages.create(**QUESTION)
    counted = message.usage
    return sdk.Reading(
        text="".join(block.text for block in message.content if block.type == "text"),
        reasoning="".join(block.thinking for block in message.content if block.type == "thinking"),
        calls=[(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"],
        finish=message.stop_reason,
        usage=(
            counted.input_tokens,
            counted.cache_read_input_tokens,
            counted.cache_creation_input_tokens,
            counted.output_tokens,
        ),
        id=message.id,
        model=message.model,
    )


@pytest.mark.parametrize("case", CASES)
def test_replies_are_decoded_equally(ledger, shared_server, sdk_client, budwood_client, case):
    """
    Text, thinking, calls, usage and finish reason are equal, complete and streamed.
    """
    for recorded_reply in sdk.list_replies(case, is_answered, read_streams=naive_anthropic.read_streams):
        if reason := sdk.find_reason(SDK_FAILURES, recorded_reply.source):
            ledger.record_sdk_failure(recorded_reply.source, reason)
            continue
        sdk.serve(shared_server, recorded_reply)
        expected = ask_sdk(sdk_client, streamed=recorded_reply.streamed)
        assert sdk.make_reading(sdk.ask_budwood(budwood_client, recorded_reply), USAGE) == expected
        ledger.record_agreement(recorded_reply.source)


@pytest.mark.parametrize("file", recorded.list_files(is_error))
def test_errors_are_equal(shared_folder, shared_server, sdk_client, budwood_client, file):
    """
    An error has the same status, message and request id with both.
    """
    for recorded_reply in sdk.list_replies(file, is_error):
        sdk.serve(shared_server, recorded_reply)
        with pytest.raises(anthropic.APIStatusError) as sdk_error:
            sdk_client.messages.create(**QUESTION)
        with pytest.raises(ProviderError) as error:
            budwood_client.ask("Hello")

        assert error.value.status == sdk_error.value.status_code
        assert error.value.request_id == (sdk_error.value.request_id or sdk_error.value.body["request_id"])
        assert sdk_error.value.body["error"]["message"] in str(error.value)


def test_every_error_type_of_the_sdk_has_a_status():
    """
    All error types except those of memory stores have a status, for errors inside a 200.
    """
    named = set(get_args(ErrorType))

    assert {name for name in named - set(STATUSES) if not name.startswith("memory_")} == set()


def test_every_spend_limit_of_the_sdk_is_a_quota():
    """
    None of the SDK's codes for spend limits is treated as a rate limit.
    """
    named = {
        get_args(details.model_fields["error_code"].annotation)[0] for details in get_args(get_args(ErrorDetails)[0])
    }

    assert len(named) > 10
    assert {
        name for name in named if name.endswith(("spend_limit_reached", "billing_unavailable"))
    } <= ERROR_CODES.quota
