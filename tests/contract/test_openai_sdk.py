"""OpenAI's SDK and Budwood decode the same recorded replies of a local server equally."""

from __future__ import annotations

from pathlib import Path

import pytest

from budwood.errors import ProviderError
from tests.contract import naive_responses, recorded, sdk, sdk_chat
from tests.contract.test_chat_completions import FIXTURES, FOLDERS, is_answered, is_refused
from tests.contract.test_responses import is_answered as is_response
from tests.contract.test_responses import is_refused as is_refused_response

openai = sdk.installed("openai", "openai")

USAGE = ("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens")

CHATS = [
    *recorded.files(is_answered, "azure", *FOLDERS),
    *recorded.fixtures(*FIXTURES, suffix=".json"),
    *recorded.fixtures(*FIXTURES, suffix=".chunks.txt"),
]
RESPONSES = [
    *recorded.files(is_response, "openai-responses", "azure"),
    *recorded.fixtures("openai-responses", "azure", suffix=".json"),
    *recorded.fixtures("openai-responses", "azure", suffix=".chunks.txt"),
]

NO_ORACLE = {}
"""What OpenAI's own SDK cannot read, by a part of the name, and why."""

OF_AZURE = {"api_version": "2024-10-21", "api_key": "test"}


@pytest.fixture(scope="module")
def theirs(served):
    """
    The vendor's clients, of OpenAI and of Azure.
    """
    with (
        openai.OpenAI(api_key="sk-test", base_url=served.url, max_retries=0) as of_openai,
        openai.AzureOpenAI(azure_endpoint=served.url, max_retries=0, **OF_AZURE) as of_azure,
    ):
        yield {"openai": of_openai, "azure": of_azure, "openai-compatible": of_openai}


@pytest.fixture(scope="module")
def asked(served):
    """
    Budwood's clients, by vendor and API.
    """
    with (
        sdk.client("openai/recorded", base_url=served.url, api_key="sk-test", api="chat") as chat,
        sdk.client("openai/recorded", base_url=served.url, api_key="sk-test", api="responses") as responses,
        sdk.client("openai-compatible/recorded", base_url=served.url) as compatible,
        sdk.client("azure/recorded", base_url=served.url, **OF_AZURE, api="chat") as azure_chat,
        sdk.client("azure/recorded", base_url=served.url, **OF_AZURE, api="responses") as azure_responses,
    ):
        yield {
            ("openai", "chat"): chat,
            ("openai", "responses"): responses,
            ("openai-compatible", "chat"): compatible,
            ("azure", "chat"): azure_chat,
            ("azure", "responses"): azure_responses,
        }


def vendor_of(case):
    """
    Return the plugin for a recorded server: the one of its vendor, or the one for compatible servers.
    """
    folder, name = Path(case).parts[-2:]
    if "azure" in (folder, name.partition("-")[0]):
        return "azure"
    return "openai" if folder in ("openai-chat", "openai-responses") else "openai-compatible"


@pytest.mark.parametrize("case", CHATS)
def test_chats_are_decoded_equally(ledger, served, theirs, asked, case):
    """
    Text, reasoning, calls, usage and finish reason are equal, complete and streamed.
    """
    vendor = vendor_of(case)
    for recorded_reply in sdk.replies(case, is_answered):
        if reason := sdk.first(NO_ORACLE, recorded_reply.source):
            ledger.has_no_oracle(recorded_reply.source, reason)
            continue
        sdk.play(served, recorded_reply)
        expected = sdk_chat.ask(theirs[vendor], streamed=recorded_reply.streamed)
        options = {"extra": {"n": 2}} if sdk_chat.has_several_choices(recorded_reply) else {}
        response = sdk.reading_of(sdk.ours(asked[vendor, "chat"], recorded_reply, **options), sdk_chat.USAGE)
        assert sdk.nameless(response, expected) == expected
        ledger.agrees(recorded_reply.source)


def streams_of(path):
    """
    Return events that were recorded one in each line as streams.
    """
    streams = naive_responses.streams_of(path.read_bytes().splitlines())
    return [b"".join(b"data: " + line + b"\n\n" for line in lines) for lines in streams]


def read_response(client, *, streamed):
    """
    Ask by Responses with the vendor's client, and return the content of the reply.
    """
    question = {"model": "recorded", "input": "Hello"}
    if streamed:
        first, *_, last = client.responses.create(**question, stream=True)
        response, named = last.response, first.response.id  # Copilot gives each event another id
    else:
        response = client.responses.create(**question)
        named = response.id
    counted = response.usage
    thoughts = [item for item in response.output if item.type == "reasoning"]
    return sdk.Reading(
        text=response.output_text,
        reasoning="".join("\n\n".join(part.text for part in item.summary or item.content or ()) for item in thoughts),
        calls=[_call(item) for item in response.output if item.type in ("function_call", "custom_tool_call")],
        finish=getattr(response.incomplete_details, "reason", None) or response.status,
        usage=_usage(counted),
        id=named,
        model=response.model,
    )


def _call(item):
    return item.call_id, item.name, sdk.parsed(item.input if item.type == "custom_tool_call" else item.arguments)


def _usage(usage):
    if usage is None:
        return None, None, None, None
    read, written = usage.input_tokens_details, usage.output_tokens_details
    return (
        usage.input_tokens,
        usage.output_tokens,
        getattr(read, "cached_tokens", None),
        getattr(written, "reasoning_tokens", None),
    )


@pytest.mark.parametrize("case", RESPONSES)
def test_responses_are_decoded_equally(ledger, served, theirs, asked, case):
    """
    Text, reasoning, calls, usage and finish reason of Responses are equal, complete and streamed.
    """
    vendor = vendor_of(case)
    for recorded_reply in sdk.replies(case, is_response, streams_of=streams_of):
        if reason := sdk.first(NO_ORACLE, recorded_reply.source):
            ledger.has_no_oracle(recorded_reply.source, reason)
            continue
        sdk.play(served, recorded_reply)
        expected = read_response(theirs[vendor], streamed=recorded_reply.streamed)
        assert sdk.reading_of(sdk.ours(asked[vendor, "responses"], recorded_reply), USAGE) == expected
        ledger.agrees(recorded_reply.source)


@pytest.mark.parametrize("file", recorded.files(is_refused, "azure", *FOLDERS))
def test_chat_errors_are_equal(shared_folder, served, theirs, asked, file):
    """
    An error has the same status, code, message and request id with both.
    """
    for recorded_reply in sdk.replies(file, is_refused):
        sdk.play(served, recorded_reply)
        with pytest.raises(openai.APIStatusError) as their:
            sdk_chat.ask(theirs[vendor_of(file)], streamed=False)
        with pytest.raises(ProviderError) as our:
            asked[vendor_of(file), "chat"].ask("Hello")
        assert_same_error(our.value, their.value)


@pytest.mark.parametrize("file", recorded.files(is_refused_response, "openai-responses"))
def test_response_errors_are_equal(shared_folder, served, theirs, asked, file):
    """
    An error of Responses is the same with both.
    """
    for recorded_reply in sdk.replies(file, is_refused_response):
        sdk.play(served, recorded_reply)
        with pytest.raises(openai.APIStatusError) as their:
            theirs["openai"].responses.create(model="recorded", input="Hello")
        with pytest.raises(ProviderError) as our:
            asked["openai", "responses"].ask("Hello")
        assert_same_error(our.value, their.value)


def assert_same_error(our, their):
    """
    Compare an error with that of the SDK. Without a code, ours has the type as its code.
    """
    assert our.status == their.status_code
    assert our.code == (their.code or their.type)
    assert our.request_id == their.request_id
    assert " ".join(their.body["message"].split())[:400] in str(our)
