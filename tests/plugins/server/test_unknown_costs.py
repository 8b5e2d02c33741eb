"""Requests with a key that has a budget, whose highest cost is known or not."""

from __future__ import annotations

import json

import pytest

from tests.plugins.server.keyed_gateway import KeyedGateway
from tests.plugins.server.responses.vendor import ScriptedVendor, chat_reply, text_item, vendor_reply

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
MESSAGES = [{"role": "user", "content": "Hi"}]
USAGE = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
MODELS = {"fast": "openai/gpt-5-mini", "old": "openai/gpt-4.1-mini", "text": "openai/gpt-3.5-turbo-instruct"}


@pytest.fixture(scope="module")
def server():
    """
    The vendor, with what was asked before.
    """
    with ScriptedVendor() as server:
        yield server


@pytest.fixture
def vendor(server):
    """
    The vendor, without replies.
    """
    server.replies.clear()
    server.requests.clear()
    return server


@pytest.fixture(scope="module")
def gateway(server, tmp_path_factory):
    """
    A gateway to it.
    """
    settings = {
        "providers": {"openai": {"api_key": "k", "base_url": f"{server.origin}/v1"}},
        "options": {"retries": 0},
        "server": {"models": MODELS},
    }
    with KeyedGateway(settings, f"sqlite:///{tmp_path_factory.mktemp('gateway')}/server.sqlite3") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def post(gateway):
    """
    Return a function that posts a body with a key that has a budget.
    """
    key = gateway.create_key(budget={"dollars": 10})
    return lambda path, **body: gateway.send("POST", path, key, json.dumps(body).encode())


@pytest.mark.parametrize(
    "fields",
    [
        {"input": "Hi"},
        {"input": "Hi", "background": True},
        {"input": [*MESSAGES, {"type": "function_call_output", "call_id": "c", "output": "17"}]},
        {"input": "Hi", "tools": [{"type": "function", "name": "f", "parameters": {}}], "tool_choice": "auto"},
        {"input": [], "instructions": "Say hi."},
        {"input": "Hi", "max_output_tokens": None},
    ],
    ids=str,
)
def test_texts_are_sent_to_vendors_of_the_same_form(post, vendor, fields):
    """
    Their fields reach the vendor unchanged, and the longest reply is limited for the budget.
    """
    vendor.reply(vendor_reply(text_item("Hi"), usage=USAGE))

    answer = post(RESPONSES, model="fast", **fields)

    assert answer.status == 200, answer.body
    (sent,) = vendor.bodies
    assert sent["max_output_tokens"] == 4096
    assert sent.items() >= {name: value for name, value in fields.items() if value is not None}.items()


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (CHAT, {"model": "old", "messages": MESSAGES, "tools": [{"type": "custom", "custom": {"name": "f"}}]}),
        (CHAT, {"model": "old", "messages": MESSAGES, "max_tokens": 5, "max_completion_tokens": 6}),
        (CHAT, {"model": "old", "messages": [{"role": "system", "content": "Say hi."}]}),
        ("/v1/completions", {"model": "text", "prompt": ["a", "b"]}),
    ],
    ids=str,
)
def test_texts_in_other_fields_are_sent(post, vendor, path, fields):
    """
    The bytes of the request bound their tokens.
    """
    vendor.reply(chat_reply() if path == CHAT else {**chat_reply(), "choices": [{"index": 0, "text": "a"}]})

    assert post(path, **fields).status == 200
    assert len(vendor.requests) == 1


@pytest.mark.parametrize(
    ("path", "fields", "param"),
    [
        (RESPONSES, {"max_output_tokens": "many"}, "max_output_tokens"),
        (RESPONSES, {"max_output_tokens": 0}, "max_output_tokens"),
        (RESPONSES, {"max_output_tokens": True, "background": True}, "max_output_tokens"),
        (RESPONSES, {"conversation": "conv_1"}, "conversation"),
        (RESPONSES, {"tools": [{"type": "web_search"}]}, "tools"),
        (RESPONSES, {"input": [{"type": "item_reference", "id": "msg_1"}]}, "input"),
        (CHAT, {"max_tokens": "many"}, "max_tokens"),
        (CHAT, {"max_completion_tokens": -1}, "max_completion_tokens"),
        (CHAT, {"n": "many"}, "n"),
        (CHAT, {"web_search_options": {}}, "web_search_options"),
    ],
    ids=str,
)
def test_unknown_cost_is_an_error_that_names_the_field(post, vendor, path, fields, param):
    """
    It is no 429, because sending it again does not help; it says what does.
    """
    body = {"model": "old", "messages": MESSAGES} if path == CHAT else {"model": "fast", "input": "Hi"}

    refused = post(path, **body | fields)

    error = refused.json["error"]
    assert (refused.status, error["code"], error["param"]) == (400, "unknown_cost", param)
    assert "extra=" not in error["message"]
    assert "unknown_price" in error["hint"]
    assert vendor.requests == []


def test_model_without_a_price_is_named(post):
    """
    The hint says where the operator sets one.
    """
    refused = post(CHAT, model="openai/of-my-own", messages=MESSAGES)

    error = refused.json["error"]
    assert (refused.status, error["code"], error["param"]) == (400, "unknown_cost", "model")
    assert "[models]" in error["hint"]


def test_input_that_is_neither_text_nor_items_is_named(gateway):
    """
    Also without a budget.
    """
    body = json.dumps({"model": "fast", "input": 5}).encode()

    refused = gateway.send("POST", RESPONSES, gateway.keys["owner"], body)

    assert (refused.status, refused.json["error"]["param"]) == (400, "input")
