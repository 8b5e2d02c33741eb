"""What programs such as Claude Code send to the Messages API, for vendors of each form."""

from __future__ import annotations

import json

import anthropic
import pytest

from tests.plugins.server.gateway_server import GatewayServer
from tests.plugins.server.keys import TOKEN
from tests.plugins.server.test_messages_route import complete, stream
from tests.servers import LoopbackServer, reply

AGENT = {
    "max_tokens": 8000,
    "system": [
        {"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "Be short."},
    ],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Look.", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "EqQBCkYI"},
                {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"path": "a"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "no such file", "is_error": True},
                {"type": "text", "text": "Go on."},
            ],
        },
    ],
    "tools": [{"name": "Read", "description": "Reads.", "input_schema": {"type": "object", "properties": {}}}],
    "thinking": {"type": "adaptive"},
    "output_config": {"effort": "high"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "metadata": {"user_id": "user_1"},
}
BETAS = ["claude-code-20250219", "interleaved-thinking-2025-05-14"]
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "Done."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 2},
}


@pytest.fixture(scope="module")
def vendor():
    """
    Both vendors.
    """
    with LoopbackServer() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(vendor):
    """
    The gateway, with a model of each vendor, and one that knows no schemas.
    """
    address = f"{vendor.url}/v1"
    providers = {
        "local": {"plugin": "openai-compatible", "base_url": address},
        "small": {"plugin": "openai-compatible", "base_url": address, "lacks": ["json_schema", "tools"]},
        "anthropic": {"base_url": vendor.url, "api_key": "sk-vendor"},
    }
    models = {"gpt": "local/m", "small": "small/m", "claude": "anthropic/claude-opus-4-8"}
    server = {"models": models, "vendor_names": False}
    settings = {"providers": providers, "server": server, "cache": False, "options": {"retries": 0}}
    with GatewayServer(settings) as running:
        yield running


@pytest.fixture
def client(gateway, vendor):
    """
    Anthropic's SDK.
    """
    vendor.clear_replies()
    with anthropic.Anthropic(api_key=TOKEN, base_url=gateway.url, max_retries=0) as client:
        yield client


def test_agent_reaches_a_model_of_another_vendor(client, vendor):
    """
    Its fields are translated or left out, and the thinking of Anthropic stays with it.
    """
    vendor.play(complete({"content": "Done."}))

    answer = client.beta.messages.with_raw_response.create(model="gpt", betas=BETAS, **AGENT)

    assert answer.parse().content[0].text == "Done."
    sent = vendor.requests[-1].json
    assert [message["role"] for message in sent["messages"]] == ["system", "user", "assistant", "tool", "user"]
    assert sent["reasoning_effort"] == "high"
    assert "EqQBCkYI" not in json.dumps(sent)
    assert "anthropic-beta" not in vendor.requests[-1].headers
    assert "dropped context_management" in answer.headers["x-budwood-adaptations"]


def test_agent_reaches_anthropic_unchanged(client, vendor):
    """
    The body, the version and the beta features are those of the client.
    """
    vendor.play(reply(200, MESSAGE))

    answer = client.beta.messages.with_raw_response.create(model="claude", betas=BETAS, **AGENT)

    assert answer.parse().content[0].text == "Done."
    assert "x-budwood-adaptations" not in answer.headers
    received = vendor.requests[-1]
    assert received.headers["anthropic-version"] == "2026-10-21"
    assert received.headers["anthropic-beta"].split(",") == BETAS
    assert received.headers["x-api-key"] == "sk-vendor"
    assert {name: received.json[name] for name in AGENT if name != "messages"} == {
        name: value for name, value in AGENT.items() if name != "messages"
    }
    blocks = [block for message in received.json["messages"] for block in read_blocks(message["content"])]
    assert blocks == [block for message in AGENT["messages"] for block in message["content"]]


def read_blocks(content):
    """
    Return the blocks of a message, of which a single text may be a string.
    """
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


@pytest.mark.parametrize("streamed", [False, True])
def test_structured_output_of_a_model_without_schemas_is_json_alone(client, vendor, streamed):
    """
    What such a model writes around the JSON is removed, also from streams.
    """
    text = 'Here it is:\n```json\n{"n": 1}\n```'
    question = {"model": "small", "max_tokens": 9, "messages": [{"role": "user", "content": "Count."}]}
    output = {"format": {"type": "json_schema", "schema": SCHEMA}}
    if streamed:
        vendor.play(stream({"content": text[:20]}, {"content": text[20:]}))
        with client.messages.stream(**question, output_config=output) as events:
            message = events.get_final_message()
    else:
        vendor.play(complete({"content": text}))
        message = client.messages.create(**question, output_config=output)

    assert [json.loads(block.text) for block in message.content] == [{"n": 1}]


def test_models_are_listed_for_the_sdk(client):
    """
    In the form of Anthropic's API.
    """
    assert [model.id for model in client.models.list()] == ["gpt", "small", "claude"]


def test_tokens_are_counted_by_anthropic(client, vendor):
    """
    Its count is passed on, without the note for estimates.
    """
    vendor.play(reply(200, {"input_tokens": 42}))

    counted = {name: AGENT[name] for name in ("messages", "system", "tools", "thinking")}
    answer = client.messages.with_raw_response.count_tokens(model="claude", **counted)

    assert answer.parse().input_tokens == 42
    assert "x-budwood-adaptations" not in answer.headers
    assert vendor.requests[-1].line.startswith("POST /v1/messages/count_tokens ")
