"""Recorded chats, through the gateway: what leaves it for the vendor, and what it answers."""

from __future__ import annotations

import json
from urllib.parse import unquote, urlsplit

import pytest

from budwood_server.access.file_ids import find_file_ids
from tests.contract import naive, recorded
from tests.contract.naive_requests import canonicalize
from tests.contract.replay import is_stream
from tests.plugins.server.in_process import Gateway
from tests.servers import head

FOLDERS = ("openai-chat", "azure", "groq")
NOT_COMPARED = ("object", "created", "role", "type", "index", "obfuscation", "id", "finish_reason")
"""Fields that are not compared here: types, times and indexes, and ids of chunks."""

OF_VENDORS = ("service_tier",)
"""Fields whose values are the vendor's own, also those that OpenAI does not have."""

ADDED = {"n": 1, "reasoning_format": "parsed"}
"""What settings of vendors add: Groq separates reasoning from the text only if it is told to."""


def is_answered(entry):
    """
    Return whether an exchange is a chat with a reply.
    """
    path = urlsplit(entry["url"]).path
    return entry["method"] == "POST" and path.endswith("/chat/completions") and entry["status"] == 200


@pytest.fixture(scope="module")
def relayed(shared_server):
    """
    A gateway to a server in place of OpenAI, Azure and Groq.
    """
    url = shared_server.url
    azure = {"base_url": url, "api_key": "k", "api_version": "2024-10-21", "form": "deployments"}
    providers = {
        "openai-chat": {"plugin": "openai", "base_url": f"{url}/v1", "api_key": "k", "api": "chat"},
        "groq": {"base_url": f"{url}/v1", "api_key": "k"},
        "azure": azure,
    }
    with Gateway({"providers": providers, "options": {"retries": 0}}) as gateway:
        yield gateway


def find_model(one):
    """
    Return the model of a request; Azure has it in the path.
    """
    path = urlsplit(one.request.url).path
    deployment = unquote(path.partition("/deployments/")[2].partition("/")[0])
    return deployment or one.request.json()["model"]


@pytest.mark.parametrize("file", recorded.list_files(is_answered, *FOLDERS))
def test_recorded_chats(shared_folder, shared_server, relayed, openai_schemas, file):
    """
    The vendor gets what the client sent, and the client gets what the vendor said, in OpenAI's form.
    """
    for one in recorded.select_exchanges(file, is_answered):
        if not one.request.body:  # of a recording that was edited
            continue
        sent, provider = one.request.json(), file.partition("/")[0]
        if any(find_file_ids(sent)):  # the gateway refuses a vendor's own ids, which have no owner here
            continue
        is_streamed, body = is_stream(one.response), one.response.body
        kind = "text/event-stream" if is_streamed else "application/json"
        shared_server.clear_replies().play(head(200, length=len(body), content_type=kind) + body)

        received = relayed.post("/v1/chat/completions", {**sent, "model": f"{provider}/{find_model(one)}"})

        assert_sent(shared_server.requests[-1].json, sent)
        if is_streamed and received.status != 200:
            assert naive.find_error(body)
        elif is_streamed:
            assert_stream(received, body, openai_schemas)
        else:
            assert received.status == 200, received.body
            assert_reply(received, json.loads(body), openai_schemas)


def assert_sent(sent, recorded_body):
    """
    Compare the request of the gateway with the recorded one, except for what the settings of a vendor add.

    Azure has the model in its path, and a temperature of 1 is the default of models that reject the parameter.
    """
    found, expected = canonicalize(sent), canonicalize(recorded_body)
    added = {name: value for name, value in ADDED.items() if name not in expected and found.get(name) == value}
    if expected.get("temperature") == 1 and "temperature" not in found:
        del expected["temperature"]
    expected |= added
    expected["model"] = found["model"] = "any"
    assert found == expected


def assert_reply(received, recorded_body, schemas):
    """
    Compare a reply: nothing is lost, and it has OpenAI's form.
    """
    found = naive.read_reply(received.json)
    assert found == list(map(complete_finish, naive.read_reply(recorded_body)))
    lost = naive.list_leaves(naive.remove_fields(recorded_body, *NOT_COMPARED)) - naive.list_leaves(received.json)
    assert lost == set()
    checked = naive.remove_fields(received.json, *OF_VENDORS)
    assert schemas.problems("CreateChatCompletionResponse", checked) == []


def assert_stream(received, body, schemas):
    """
    Compare the chunks of a stream. A vendor's error within it is the last event.
    """
    if naive.find_error(body):
        assert "[DONE]" not in received.events
        return
    *chunks, done = received.events
    assert done == "[DONE]"
    for chunk in chunks:
        assert schemas.problems("CreateChatCompletionStreamResponse", naive.remove_fields(chunk, *OF_VENDORS)) == []
    expected = list(map(complete_finish, naive.read_stream(naive.split_chunks(body))))
    assert naive.read_stream(chunks) == expected


def complete_finish(reading):
    """
    Return a reading with the finish reason that OpenAI documents: some vendors send ``stop`` after calls, or nothing.
    """
    reading.finish = "tool_calls" if reading.calls and reading.finish == "stop" else reading.finish or "stop"
    return reading
