"""Anthropic's own SDK and our plugin, reading the same recorded replies from a server on loopback, agree."""

from __future__ import annotations

from typing import get_args

import pytest

from budwood.errors import ProviderError
from budwood_anthropic.errors import ERROR_CODES, STATUSES
from tests.contract import naive_anthropic, recorded, sdk
from tests.contract.test_anthropic_messages import is_answered, is_message

anthropic = sdk.installed("anthropic", "anthropic")
ErrorType = anthropic.types.shared.error_type.ErrorType
ErrorDetails = anthropic.types.shared.error_details.ErrorDetails

USAGE = ("uncached_input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
QUESTION = {"model": "recorded", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}

CASES = [
    *recorded.files(is_answered),
    *recorded.fixtures("anthropic", suffix=".json"),
    *recorded.fixtures("anthropic", suffix=".chunks.txt"),
]

NO_ORACLE = {
    "spliced-message-start": "joins a reply that starts again with its first part; see vercel/ai#18331",
}
"""What Anthropic's own SDK cannot read, by a part of the name, and why."""


def is_refused(entry):
    """
    Whether a message was refused.
    """
    return is_message(entry) and entry["status"] >= 400


@pytest.fixture(scope="module")
def theirs(served):
    """
    The vendor's own client.
    """
    with anthropic.Anthropic(api_key="sk-test", base_url=served.url, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def asked(served):
    """
    A client of ours.
    """
    with sdk.client("anthropic/recorded", base_url=served.url, api_key="sk-test") as client:
        yield client


def read_by(client, *, streamed):
    """
    Ask with the vendor's own client, and return what is compared.
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
def test_both_clients_read_the_same(ledger, served, theirs, asked, case):
    """
    Text, thinking, calls, usage and finish reason are equal, streamed or not.
    """
    for recorded_reply in sdk.replies(case, is_answered, streams_of=naive_anthropic.streams_of):
        if reason := sdk.first(NO_ORACLE, recorded_reply.source):
            ledger.has_no_oracle(recorded_reply.source, reason)
            continue
        sdk.play(served, recorded_reply)
        expected = read_by(theirs, streamed=recorded_reply.streamed)
        assert sdk.reading_of(sdk.ours(asked, recorded_reply), USAGE) == expected
        ledger.agrees(recorded_reply.source)


@pytest.mark.parametrize("file", recorded.files(is_refused))
def test_both_clients_raise_an_error(shared_folder, served, theirs, asked, file):
    """
    Status, message and request id are equal.
    """
    for recorded_reply in sdk.replies(file, is_refused):
        sdk.play(served, recorded_reply)
        with pytest.raises(anthropic.APIStatusError) as their:
            theirs.messages.create(**QUESTION)
        with pytest.raises(ProviderError) as our:
            asked.ask("Hello")

        assert our.value.status == their.value.status_code
        assert our.value.request_id == (their.value.request_id or their.value.body["request_id"])
        assert their.value.body["error"]["message"] in str(our.value)


def test_every_error_type_of_the_sdk_has_a_status():
    """
    All types except those of memory stores are known for errors inside a 200.
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
