"""Calls of a client through the provider, the gateway on loopback, and a vendor behind it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from decimal import Decimal

import pytest

import budwood
from budwood.errors import AuthenticationError, InvalidRequestError
from budwood_server.gateway import plan
from budwood_server.gateway.request_options import read_request_options
from budwood_server.provider.reports import parse_adaptations
from budwood_server.provider.settings import make_headers
from tests.plugins.server.gateway_server import GatewayServer
from tests.plugins.server.keys import TOKEN
from tests.servers import EVENT_STREAM, reply

USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
COST = Decimal("0.0012")
PRICES = {"input": 1, "output": 2}


def chat(message="Hi", **fields):
    """
    Return a reply of the vendor.
    """
    content = {"role": "assistant", "content": message} if isinstance(message, str) else message
    choice = {"index": 0, "message": content, "finish_reason": "stop"}
    return reply(body=json.dumps({"id": "c1", "model": "m-1", "choices": [choice], "usage": USAGE, **fields}))


def stream(*deltas):
    """
    Return a stream of the vendor.
    """
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    chunks = [{"id": "c1", "model": "m-1", "choices": [each]} for each in choices]
    end = {"id": "c1", "model": "m-1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE}
    body = "".join(f"data: {json.dumps(each)}\n\n" for each in (*chunks, end))
    return reply(body=body + "data: [DONE]\n\n", **EVENT_STREAM)


@pytest.fixture
def server(vendor):
    """
    The gateway, whose vendor has prices. The names ``fast`` and ``claude`` are models of two APIs.
    """
    providers = {
        "vendor": {"plugin": "openai-compatible", "base_url": f"{vendor.url}/v1", "offers": ["moderation"]},
        "other": {"plugin": "anthropic", "base_url": vendor.url, "api_key": "k"},
    }
    settings = {
        "providers": providers,
        "models": {"vendor/m": {"prices": PRICES}, "vendor/e": {"prices": PRICES}},
        "server": {"models": {"fast": "vendor/m", "vectors": "vendor/e", "claude": "other/claude-haiku-4-5"}},
        "options": {"retries": 0},
        "cache": "memory",
    }
    with GatewayServer(settings) as running:
        yield running


@pytest.fixture
def connect(server):
    """
    Return a client of the gateway, with settings of the provider and options.
    """
    clients = []

    def build(model="team/fast", *, settings=None, **options):
        team = {"plugin": "budwood-server", "base_url": server.url, "api_key": TOKEN, **(settings or {})}
        loaded = budwood.Settings.load({"providers": {"team": team}})
        clients.append(budwood.Client(model, settings=loaded, **({"retries": 0} | options)))
        return clients[-1]

    yield build
    for client in clients:
        client.close()


def test_reply_has_what_the_gateway_knows(vendor, connect):
    """
    The cost is the gateway's, and the provider behind it is in the metadata.
    """
    vendor.play(chat())

    response = connect().ask("Hello", temperature=0)

    assert (response.text, response.provider, response.model) == ("Hi", "team", "m-1")
    assert response.cost == COST
    assert response.usage.input_tokens == 1000
    assert response.request_id
    assert not response.cached
    assert response.metadata["budwood"] == {
        "provider": "vendor",
        "model": "m-1",
        "attempts": 1,
        "cost": "0.0012",
        "cache": "miss",
    }


def test_stream_has_what_the_gateway_knows(vendor, connect):
    """
    The last chunk has the same as the headers of other replies.
    """
    vendor.play(stream({"content": "Hi"}, {"content": " there"}))

    with connect().stream("Hello") as events:
        text = "".join(events.text_deltas())
        response = events.response

    assert text == "Hi there"
    assert (response.cost, response.usage.output_tokens) == (COST, 100)
    assert response.metadata["budwood"]["provider"] == "vendor"


@pytest.mark.parametrize("is_streamed", [False, True])
def test_cached_reply_costs_nothing(vendor, connect, is_streamed):
    """
    The cache is the gateway's; the client has none.
    """
    vendor.play(stream({"content": "Hi"}) if is_streamed else chat())
    client = connect(settings={"server_options": {"cache": "on"}})

    def ask():
        if not is_streamed:
            return client.ask("Hello", temperature=0)
        with client.stream("Hello", temperature=0) as events:
            list(events)
            return events.response

    first, second = ask(), ask()

    assert [first.cached, second.cached] == [False, True]
    assert [first.cost, second.cost] == [COST, Decimal(0)]
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("is_streamed", [False, True])
def test_adaptations_of_the_gateway_are_in_the_response(vendor, connect, is_streamed):
    """
    The client sends a parameter that only the gateway knows to be unsupported.
    """
    usage = {"input_tokens": 1, "output_tokens": 1}
    events = (
        {"type": "message_start", "message": {"id": "m", "model": "c", "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    )
    frames = "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in events)
    body = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "c",
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "usage": usage,
    }
    vendor.play(reply(body=frames, **EVENT_STREAM) if is_streamed else reply(body=json.dumps(body)))
    client = connect("team/claude")

    if is_streamed:
        with client.stream("Hello", seed=5) as received:
            list(received)
            response = received.response
    else:
        response = client.ask("Hello", seed=5)

    assert response.text == "Hi"
    assert [(each.action, each.parameter) for each in response.adaptations] == [("dropped", "seed")]
    assert response.adaptations[0].reason


def test_options_of_a_call_are_passed_on(vendor, connect, monkeypatch):
    """
    Those of a call replace those of the settings, and further ones are in the field ``budwood``.
    """
    vendor.play(chat())
    client = connect(settings={"server_options": {"label": "team", "routing": "ordered"}})
    seen = {}

    def read(headers, body, allowed):
        seen.update(headers)
        return read_request_options(seen.items(), body, allowed)

    monkeypatch.setattr(plan, "read_request_options", read)

    client.ask("Hello", label="nightly", timeout=30, extra={"budwood": {"fallbacks": ["fast"]}})

    assert (seen["label"], seen["routing"]) == ("nightly", "ordered")
    assert 0 < float(seen["timeout"]) <= 30
    assert seen["client"] == f"budwood-python/{budwood.__version__}"
    assert "budwood" not in vendor.requests[0].json


def test_on_unsupported_reaches_the_gateway(connect):
    """
    It refuses what it would have left out, with its hint.
    """
    with pytest.raises(budwood.BudwoodError, match="seed"):
        connect("team/claude").ask("Hello", seed=5, on_unsupported="error")


def test_tools_run_in_the_client(vendor, connect):
    """
    The gateway returns the call, and the client sends its result.
    """
    call = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2, "b": 3}'}}
    vendor.play(chat({"role": "assistant", "content": None, "tool_calls": [call]})).play(chat("It is 5."))

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    response = connect().ask("What is 2 + 3?", tools=[add])

    assert response.text == "It is 5."
    assert vendor.requests[1].json["messages"][-1]["content"] == "5"
    assert response.cost == 2 * COST


def test_structured_output_and_images(vendor, connect):
    """
    The schema and the image reach the vendor.
    """
    vendor.play(chat('{"name": "Ada"}'))
    image = budwood.ImagePart(data=b"\x89PNG\r\n\x1a\n" + bytes(20), media_type="image/png")

    schema = {"type": "object", "properties": {"name": {"type": "string"}}}

    response = connect().ask("Who is it?", files=[image], schema=schema)

    assert response.parsed == {"name": "Ada"}
    sent = vendor.requests[0].json
    assert sent["response_format"]["type"] == "json_schema"
    (url,) = [part["image_url"]["url"] for part in sent["messages"][0]["content"] if part["type"] == "image_url"]
    assert url.startswith("data:image/png;base64,")


def test_reasoning_is_kept(vendor, connect):
    """
    It is a part of its own, in replies and in streams.
    """
    vendor.play(chat({"role": "assistant", "content": "4", "reasoning_content": "2 + 2"}))
    vendor.play(stream({"reasoning_content": "2 + 2"}, {"content": "4"}))
    client = connect()

    response = client.ask("2 + 2?", reasoning_effort="low")
    with client.stream("2 + 2?") as events:
        list(events)

    assert (response.text, response.reasoning) == ("4", "2 + 2")
    assert (events.response.text, events.response.reasoning) == ("4", "2 + 2")
    assert vendor.requests[0].json["reasoning_effort"] == "low"


def test_embeddings_have_the_cost_of_the_gateway(vendor, connect):
    """
    Other services have the same headers.
    """
    rows = [{"index": 0, "embedding": [1.0, 2.0]}]
    usage = {"prompt_tokens": 1000, "total_tokens": 1000}
    vendor.play(reply(body=json.dumps({"data": rows, "model": "e-1", "usage": usage})))

    response = connect().embed(["Hello"], model="team/vectors")

    assert response.vectors == ((1.0, 2.0),)
    assert response.cost == Decimal("0.001")
    assert response.raw["budwood"]["provider"] == "vendor"


def test_models_are_those_of_the_key(connect):
    """
    They have their public names.
    """
    assert {"fast", "vectors", "claude"} <= {model.id for model in connect().models("team")}


def test_error_has_the_hint_of_the_gateway(connect):
    """
    Its class, code and request id are kept too.
    """
    with pytest.raises(InvalidRequestError) as caught:
        connect().ask("Hello", extra={"budwood": {"unknown": 1}})

    assert caught.value.code == "unknown_option"
    assert caught.value.hint.startswith("Known: ")
    assert caught.value.request_id


def test_wrong_key_is_an_authentication_error(connect):
    """
    The key is in no text of the error.
    """
    with pytest.raises(AuthenticationError) as caught:
        connect(settings={"api_key": "bw_live_wrong_hidden"}).ask("Hello")

    assert "hidden" not in f"{caught.value} {caught.value.hint}"


def test_async_client(vendor, server):
    """
    It shares everything with the blocking one.
    """
    vendor.play(chat())
    team = {"plugin": "budwood-server", "base_url": server.base_url, "api_key": TOKEN}

    async def ask():
        loaded = budwood.Settings.load({"providers": {"team": team}})
        async with budwood.AsyncClient("team/fast", settings=loaded) as client:
            return await client.ask("Hello")

    assert asyncio.run(ask()).cost == COST


def test_label_that_no_header_can_have_is_left_out(vendor, connect):
    """
    The response says so.
    """
    vendor.play(chat())

    response = connect().ask("Hello", label="nächtlich")

    assert [each.parameter for each in response.adaptations] == ["label"]


def test_options_of_forms_are_headers():
    """
    Forms cannot contain objects.
    """
    headers = make_headers({"label": "a", "fallbacks": ["x", "y"], "on_unsupported": "error"})

    assert headers == {"x-budwood-label": "a", "x-budwood-fallbacks": "x,y", "x-budwood-on-unsupported": "error"}


def test_reasons_may_contain_the_separator():
    """
    Adaptations are told apart by their actions.
    """
    text = "dropped seed: not known; not sent; changed top_p: 1; renamed max_tokens: other name"

    found = parse_adaptations({"adaptations": text})

    assert [(each.parameter, each.reason) for each in found] == [
        ("seed", "not known; not sent"),
        ("top_p", "1"),
        ("max_tokens", "other name"),
    ]


def test_provider_is_light():
    """
    A program that only calls the server imports none of what the server needs.
    """
    code = (
        "import sys, budwood_server.provider\n"
        "print([name for name in ('fastapi', 'sqlalchemy', 'uvicorn', 'starlette', 'alembic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
