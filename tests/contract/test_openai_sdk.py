"""OpenAI's SDK and Budwood decode the same recorded replies of a local server equally."""

from __future__ import annotations

from pathlib import Path

import pytest

from budwood.errors import ProviderError
from tests.contract import naive_responses, recorded, sdk, sdk_chat
from tests.contract.test_chat_completions import FIXTURES, FOLDERS, is_answered, is_error
from tests.contract.test_responses import is_answered as is_response
from tests.contract.test_responses import is_error as is_response_error

openai = sdk.import_sdk("openai", "openai")

USAGE = ("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens")

CHATS = [
    *recorded.list_files(is_answered, "azure", *FOLDERS),
    *recorded.list_fixtures(*FIXTURES, suffix=".json"),
    *recorded.list_fixtures(*FIXTURES, suffix=".chunks.txt"),
]
RESPONSES = [
    *recorded.list_files(is_response, "openai-responses", "azure"),
    *recorded.list_fixtures("openai-responses", "azure", suffix=".json"),
    *recorded.list_fixtures("openai-responses", "azure", suffix=".chunks.txt"),
]

SDK_FAILURES = {}
"""Replies that OpenAI's SDK cannot decode, by a part of the name, with reasons."""

OF_AZURE = {"api_version": "2024-10-21", "api_key": "test"}


@pytest.fixture(scope="module")
def sdk_clients(shared_server):
    """
    The clients of the SDK, for OpenAI and Azure.
    """
    with (
        openai.OpenAI(api_key="sk-test", base_url=shared_server.url, max_retries=0) as openai_client,
        openai.AzureOpenAI(azure_endpoint=shared_server.url, max_retries=0, **OF_AZURE) as azure_client,
    ):
        yield {"openai": openai_client, "azure": azure_client, "openai-compatible": openai_client}


@pytest.fixture(scope="module")
def budwood_clients(shared_server):
    """
    Budwood's clients, by vendor and API.
    """
    with (
        sdk.make_client("openai/recorded", base_url=shared_server.url, api_key="sk-test", api="chat") as chat,
        sdk.make_client("openai/recorded", base_url=shared_server.url, api_key="sk-test", api="responses") as responses,
        sdk.make_client("openai-compatible/recorded", base_url=shared_server.url) as compatible,
        sdk.make_client("azure/recorded", base_url=shared_server.url, **OF_AZURE, api="chat") as azure_chat,
        sdk.make_client("azure/recorded", base_url=shared_server.url, **OF_AZURE, api="responses") as azure_responses,
    ):
        yield {
            ("openai", "chat"): chat,
            ("openai", "responses"): responses,
            ("openai-compatible", "chat"): compatible,
            ("azure", "chat"): azure_chat,
            ("azure", "responses"): azure_responses,
        }


def find_vendor(case):
    """
    Return the plugin for a recorded server: the one of its vendor, or the one for compatible servers.
    """
    folder, name = Path(case).parts[-2:]
    if "azure" in (folder, name.partition("-")[0]):
        return "azure"
    return "openai" if folder in ("openai-chat", "openai-responses") else "openai-compatible"


@pytest.mark.parametrize("case", CHATS)
def test_chats_are_decoded_equally(ledger, shared_server, sdk_clients, budwood_clients, case):
    """
    Text, reasoning, calls, usage and finish reason are equal, complete and streamed.
    """
    vendor = find_vendor(case)
    for recorded_reply in sdk.list_replies(case, is_answered):
        if reason := sdk.find_reason(SDK_FAILURES, recorded_reply.source):
            ledger.record_sdk_failure(recorded_reply.source, reason)
            continue
        sdk.serve(shared_server, recorded_reply)
        expected = sdk_chat.ask(sdk_clients[vendor], streamed=recorded_reply.streamed)
        options = {"extra": {"n": 2}} if sdk_chat.has_several_choices(recorded_reply) else {}
        response = sdk.ask_budwood(budwood_clients[vendor, "chat"], recorded_reply, **options)
        reading = sdk.make_reading(response, sdk_chat.USAGE)
        assert sdk.remove_generated_ids(reading, expected) == expected
        ledger.record_agreement(recorded_reply.source)


def read_streams(path):
    """
    Return events that were recorded one in each line as streams.
    """
    streams = naive_responses.read_streams(path.read_bytes().splitlines())
    return [b"".join(b"data: " + line + b"\n\n" for line in lines) for lines in streams]


def read_response(client, *, streamed):
    """
    Ask by Responses with the SDK, and return the content of the reply.
    """
    question = {"model": "recorded", "input": "Hello"}
    if streamed:
        first, *_, last = client.responses.create(**question, stream=True)
        response, response_id = last.response, first.response.id  # Copilot sends another id with each event
    else:
        response = client.responses.create(**question)
        response_id = response.id
    counted = response.usage
    thoughts = [item for item in response.output if item.type == "reasoning"]
    return sdk.Reading(
        text=response.output_text,
        reasoning="".join("\n\n".join(part.text for part in item.summary or item.content or ()) for item in thoughts),
        calls=[_read_call(item) for item in response.output if item.type in ("function_call", "custom_tool_call")],
        finish=getattr(response.incomplete_details, "reason", None) or response.status,
        usage=_read_usage(counted),
        id=response_id,
        model=response.model,
    )


def _read_call(item):
    return (
        item.call_id,
        item.name,
        sdk.parse_arguments(item.input if item.type == "custom_tool_call" else item.arguments),
    )


def _read_usage(usage):
    if usage is None:
        return None, None, None, None
    input_details, output_details = usage.input_tokens_details, usage.output_tokens_details
    return (
        usage.input_tokens,
        usage.output_tokens,
        getattr(input_details, "cached_tokens", None),
        getattr(output_details, "reasoning_tokens", None),
    )


@pytest.mark.parametrize("case", RESPONSES)
def test_responses_are_decoded_equally(ledger, shared_server, sdk_clients, budwood_clients, case):
    """
    Text, reasoning, calls, usage and finish reason of Responses are equal, complete and streamed.
    """
    vendor = find_vendor(case)
    for recorded_reply in sdk.list_replies(case, is_response, read_streams=read_streams):
        if reason := sdk.find_reason(SDK_FAILURES, recorded_reply.source):
            ledger.record_sdk_failure(recorded_reply.source, reason)
            continue
        sdk.serve(shared_server, recorded_reply)
        expected = read_response(sdk_clients[vendor], streamed=recorded_reply.streamed)
        response = sdk.ask_budwood(budwood_clients[vendor, "responses"], recorded_reply)
        assert sdk.make_reading(response, USAGE) == expected
        ledger.record_agreement(recorded_reply.source)


@pytest.mark.parametrize("file", recorded.list_files(is_error, "azure", *FOLDERS))
def test_chat_errors_are_equal(shared_folder, shared_server, sdk_clients, budwood_clients, file):
    """
    An error has the same status, code, message and request id with both.
    """
    for recorded_reply in sdk.list_replies(file, is_error):
        sdk.serve(shared_server, recorded_reply)
        with pytest.raises(openai.APIStatusError) as sdk_error:
            sdk_chat.ask(sdk_clients[find_vendor(file)], streamed=False)
        with pytest.raises(ProviderError) as error:
            budwood_clients[find_vendor(file), "chat"].ask("Hello")
        assert_same_error(error.value, sdk_error.value)


@pytest.mark.parametrize("file", recorded.list_files(is_response_error, "openai-responses"))
def test_response_errors_are_equal(shared_folder, shared_server, sdk_clients, budwood_clients, file):
    """
    An error of Responses is the same with both.
    """
    for recorded_reply in sdk.list_replies(file, is_response_error):
        sdk.serve(shared_server, recorded_reply)
        with pytest.raises(openai.APIStatusError) as sdk_error:
            sdk_clients["openai"].responses.create(model="recorded", input="Hello")
        with pytest.raises(ProviderError) as error:
            budwood_clients["openai", "responses"].ask("Hello")
        assert_same_error(error.value, sdk_error.value)


def assert_same_error(error, sdk_error):
    """
    Compare an error with that of the SDK. Without a code, the error of Budwood has the type as its code.
    """
    assert error.status == sdk_error.status_code
    assert error.code == (sdk_error.code or sdk_error.type)
    assert error.request_id == sdk_error.request_id
    assert " ".join(sdk_error.body["message"].split())[:400] in str(error)
