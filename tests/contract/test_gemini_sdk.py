"""Google's own SDK and our plugin, reading the same recorded replies of Gemini from a server on loopback, agree."""

from __future__ import annotations

import pytest

from budwood.errors import ProviderError
from tests.contract import recorded, sdk
from tests.contract.test_gemini import is_answered, is_generation

genai = sdk.installed("google.genai", "google-genai")

CASES = [
    *recorded.files(is_answered),
    *recorded.fixtures("gemini", suffix=".json"),
    *recorded.fixtures("gemini", suffix=".chunks.txt"),
]

USAGE = ("input_tokens", "total_tokens", "cache_read_tokens", "reasoning_tokens")

A_LIST = "reads only event streams, not the list that the API sends if no event stream is requested"
IN_PARTS = "does not join streamed parts of arguments"

NO_ORACLE = {
    "google-stream-no-args-tool-call": IN_PARTS,
    "google-stream-tool-call-arguments": IN_PARTS,
    "google-vertex-stream-tool-call-arguments-nested": IN_PARTS,
}
"""What Google's own SDK cannot read, by a part of the name, and why."""


def is_refused(entry):
    """
    Whether a chat was refused.
    """
    return is_generation(entry) and entry["status"] >= 400


def streams_of(path):
    """
    List the streams of a file of chunks: one, whose end nothing marks.
    """
    return [recorded.sse_of(path, end=b"")]


@pytest.fixture(scope="module")
def theirs(served):
    """
    The vendor's own client.
    """
    with genai.Client(api_key="test", http_options={"base_url": served.url}) as client:
        yield client


@pytest.fixture(scope="module")
def asked(served):
    """
    A client of ours.
    """
    with sdk.client("gemini/recorded", base_url=served.url, api_key="test") as client:
        yield client


def read_by(client, *, streamed):
    """
    Ask with the vendor's own client, and return what is compared.
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
def test_both_clients_read_the_same(ledger, served, theirs, asked, case):
    """
    Text, thinking, calls, usage and finish reason are equal, streamed or not.
    """
    for recorded_reply in sdk.replies(case, is_answered, streams_of=streams_of):
        reason = A_LIST if recorded_reply.body.startswith(b"[") else sdk.first(NO_ORACLE, recorded_reply.source)
        if reason:
            ledger.has_no_oracle(recorded_reply.source, reason)
            continue
        sdk.play(served, recorded_reply)
        expected = read_by(theirs, streamed=recorded_reply.streamed)
        assert sdk.nameless(sdk.reading_of(sdk.ours(asked, recorded_reply), USAGE), expected) == expected
        ledger.agrees(recorded_reply.source)


@pytest.mark.parametrize("file", recorded.files(is_refused))
def test_both_clients_raise_an_error(shared_folder, served, theirs, asked, file):
    """
    Status and message are equal.
    """
    for recorded_reply in sdk.replies(file, is_refused):
        sdk.play(served, recorded_reply)
        with pytest.raises(genai.errors.APIError) as their:
            theirs.models.generate_content(model="recorded", contents="Hello")
        with pytest.raises(ProviderError) as our:
            asked.ask("Hello")

        assert our.value.status == their.value.code
        assert " ".join(their.value.message.split())[:400] in str(our.value)
