"""Google's SDK and Budwood decode the same recorded replies of a local server equally."""

from __future__ import annotations

import pytest

from budwood.errors import ProviderError
from tests.contract import recorded, sdk
from tests.contract.test_gemini import is_answered, is_generation

genai = sdk.import_sdk("google.genai", "google-genai")

CASES = [
    *recorded.list_files(is_answered),
    *recorded.list_fixtures("gemini", suffix=".json"),
    *recorded.list_fixtures("gemini", suffix=".chunks.txt"),
]

USAGE = ("input_tokens", "total_tokens", "cache_read_tokens", "reasoning_tokens")

LIST_REPLY = "reads only event streams, not the list that the API sends if no event stream is requested"
PARTIAL_ARGUMENTS = "does not join streamed parts of arguments"

SDK_FAILURES = {
    "google-stream-no-args-tool-call": PARTIAL_ARGUMENTS,
    "google-stream-tool-call-arguments": PARTIAL_ARGUMENTS,
    "google-vertex-stream-tool-call-arguments-nested": PARTIAL_ARGUMENTS,
}
"""Replies that Google's SDK cannot decode, by a part of the name, with reasons."""


def is_error(entry):
    """
    Return whether an exchange is a chat with an error.
    """
    return is_generation(entry) and entry["status"] >= 400


def read_streams(path):
    """
    Return the streams of a file of chunks: one, without an end mark.
    """
    return [recorded.to_sse(path, end=b"")]


def open_sdk(url):
    """
    Open the client of the SDK.
    """
    return genai.Client(api_key="test", http_options={"base_url": url})


def open_budwood(url):
    """
    Open Budwood's client.
    """
    return sdk.make_client("gemini/recorded", base_url=url, api_key="test")


def ask_sdk(client, *, streamed):
    """
    Ask with the SDK, and return the content of the reply.
    """
    question = {"model": "recorded", "contents": "Hello"}
    if streamed:
        chunks = list(client.models.generate_content_stream(**question))
    else:
        chunks = [client.models.generate_content(**question)]
    candidates = [chunk.candidates[0] for chunk in chunks if chunk.candidates]
    parts = [part for one in candidates if one.content for part in one.content.parts or ()]
    calls = [part.function_call for part in parts if part.function_call]
    ends = [one.finish_reason for one in candidates if one.finish_reason]
    counted = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata][-1]
    return sdk.Reading(
        text="".join(part.text for part in parts if part.text and not part.thought),
        reasoning="".join(part.text for part in parts if part.text and part.thought),
        calls=[(call.id, call.name, call.args or {}) for call in calls],
        finish=ends[-1].value if ends else None,
        usage=(
            counted.prompt_token_count + (counted.tool_use_prompt_token_count or 0),
            counted.total_token_count,
            counted.cached_content_token_count,
            counted.thoughts_token_count,
        ),
        id=chunks[0].response_id,
        model=chunks[0].model_version,
    )


@pytest.mark.parametrize("case", CASES)
def test_replies_are_decoded_equally(ledger, shared_server, sdk_client, budwood_client, case):
    """
    Text, thinking, calls, usage and finish reason are equal, complete and streamed.
    """
    for recorded_reply in sdk.list_replies(case, is_answered, read_streams=read_streams):
        reason = (
            LIST_REPLY if recorded_reply.body.startswith(b"[") else sdk.find_reason(SDK_FAILURES, recorded_reply.source)
        )
        if reason:
            ledger.record_sdk_failure(recorded_reply.source, reason)
            continue
        sdk.serve(shared_server, recorded_reply)
        expected = ask_sdk(sdk_client, streamed=recorded_reply.streamed)
        reading = sdk.make_reading(sdk.ask_budwood(budwood_client, recorded_reply), USAGE)
        assert sdk.remove_generated_ids(reading, expected) == expected
        ledger.record_agreement(recorded_reply.source)


@pytest.mark.parametrize("file", recorded.list_files(is_error))
def test_errors_are_equal(shared_folder, shared_server, sdk_client, budwood_client, file):
    """
    An error has the same status and message with both.
    """
    for recorded_reply in sdk.list_replies(file, is_error):
        sdk.serve(shared_server, recorded_reply)
        with pytest.raises(genai.errors.APIError) as sdk_error:
            sdk_client.models.generate_content(model="recorded", contents="Hello")
        with pytest.raises(ProviderError) as error:
            budwood_client.ask("Hello")

        assert error.value.status == sdk_error.value.code
        assert " ".join(sdk_error.value.message.split())[:400] in str(error.value)
