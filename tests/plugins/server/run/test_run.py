"""``POST /api/run``."""

from __future__ import annotations

import json

import pytest

from budwood_server.access.keys import KeyBudget
from tests.plugins.server.test_chat import answer, claude, text

RUN = "/api/run"
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def test_reply_says_how_it_was_made(vendor, prompted):
    """
    Text, tokens, provider and so on; the request has a text, a prompt and options.
    """
    vendor.play(answer({"content": "Hello Ada."}))
    body = {
        "model": "fast",
        "prompt": "greeting@production",
        "variables": {"name": "Ada"},
        "input": "And Bo?",
        "options": {"temperature": 0, "max_tokens": 9, "label": "nightly", "cache": "off"},
    }

    received = prompted.post(RUN, body)

    assert received.status == 200, received.body
    assert received.json == {
        "text": "Hello Ada.",
        "parsed": None,
        "model": "m-1",
        "provider": "vendor",
        "finish_reason": "stop",
        "usage": {
            "input_tokens": 3,
            "output_tokens": 2,
            "cache_read_tokens": None,
            "cache_write_tokens": None,
            "reasoning_tokens": None,
        },
        "cost": None,
        "cache": "miss",
        "attempts": 1,
        "adaptations": [],
        "prompt": "greeting@1",
        "session": None,
        "request_id": received.headers["x-request-id"],
    }
    assert received.headers["x-budwood-provider"] == "vendor"
    assert vendor.requests[0].json == {
        "model": "m",
        "temperature": 0.0,
        "max_tokens": 9,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Greet Ada."},
            {"role": "user", "content": "And Bo?"},
        ],
    }


def test_messages_are_an_input(vendor, prompted):
    """
    In the form of Chat Completions, also to a vendor of another API.
    """
    vendor.play(claude(text("Bonjour")))
    messages = [{"role": "system", "content": "French."}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]}]

    received = prompted.post(RUN, {"model": "claude", "input": messages, "options": {"on_unsupported": "adapt"}})

    assert received.json["text"] == "Bonjour"
    assert "French." in json.dumps(vendor.requests[0].json["system"])


def test_schema_has_a_parsed_value(vendor, prompted):
    """
    A reply that never satisfies it is an error.
    """
    body = {"model": "fast", "input": "A number", "options": {"schema": SCHEMA}}

    vendor.play(answer({"content": '{"n": 5}'}))
    received = prompted.post(RUN, body)
    assert (received.status, received.json["parsed"]) == (200, {"n": 5}), received.body

    vendor.play(answer({"content": '{"n": "five"}'}), times=2)
    received = prompted.post(RUN, body)
    assert (received.status, received.json["error"]["code"]) == (502, "schema_mismatch")


@pytest.mark.parametrize(
    ("change", "status", "code", "words"),
    [
        ({"model": None}, 400, "invalid_value", "model: "),
        ({"model": "unknown"}, 404, "model_not_found", "unknown"),
        ({"input": ""}, 400, "invalid_value", "neither an input nor a prompt"),
        ({"input": []}, 400, "invalid_value", "neither an input nor a prompt"),
        ({"input": 5}, 400, "invalid_value", "input: "),
        ({"input": [{"role": "robot", "content": "a"}]}, 400, "unsupported_field", "input[0].role"),
        ({"prompt": "greting"}, 404, "prompt_not_found", "greting"),
        ({"prompt": "greeting"}, 400, "invalid_prompt", "needs the variable 'name'"),
        ({"variables": {"name": "a"}}, 400, "invalid_value", "variables needs the name of a prompt"),
        ({"options": {"temperature": "hot"}}, 400, "invalid_value", "options.temperature: "),
        ({"options": {"routing": ""}}, 400, "invalid_value", "options.routing: it must have at least 1 character."),
        ({"options": {"fallbacks": ["unknown"]}}, 404, "model_not_found", "unknown"),
        ({"options": {"retries": 5}}, 400, "invalid_value", "options.retries: "),
        ({"options": {"schema": {"type": 5}}}, 400, "invalid_request", "schema"),
        ({"options": {"schema": {"$ref": "file:///etc/passwd"}}}, 400, "invalid_request", ""),
        ({"options": {"cache": "x"}}, 400, "invalid_value", "options.cache: expected on, off, refresh, only"),
        ({"session": "no name"}, 400, "invalid_value", "session: a name has up to 100 letters"),
        ({"stream": "yes"}, 400, "invalid_value", "stream: "),
        ({"unknown": 1}, 400, "invalid_value", "unknown: there is no such field"),
    ],
)
def test_errors_have_the_form_of_the_api(prompted, change, status, code, words):
    """
    The message names the field; nothing is sent to the vendor.
    """
    received = prompted.post(RUN, {"model": "fast", "input": "Hi"} | change)

    error = received.json["error"]
    assert (received.status, error["code"]) == (status, code), error
    assert words in error["message"]


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        ({"options": {"temprature": 1}}, "options.temprature: there is no such field.", "Did you mean temperature?"),
        ({"sesion": "a"}, "sesion: there is no such field.", "Did you mean session?"),
    ],
)
def test_mistyped_fields_are_answered_with_similar_ones(prompted, change, message, hint):
    """
    Also those of the options.
    """
    error = prompted.post(RUN, {"model": "fast", "input": "Hi"} | change).json["error"]

    assert (error["message"], error["hint"]) == (message, hint)
    assert set(error) == {"code", "message", "hint", "request_id"}


def test_policy_of_the_key_holds(prompted):
    """
    Models, options and budgets are those of ``/v1``.
    """
    key = prompted.create_key(models=("claude",), request_options=frozenset({"label"}))
    refused = [
        prompted.post(RUN, {"model": "fast", "input": "Hi"}, key),
        prompted.post(RUN, {"model": "claude", "input": "Hi", "options": {"timeout": 5}}, key),
        prompted.post(RUN, {"model": "claude", "prompt": "french", "input": "Hi"}, key),
        prompted.post(RUN, {"model": "claude", "input": "Hi"}, key, x_budwood_cache="off"),
    ]

    assert [(each.status, each.json["error"]["code"]) for each in refused] == [
        (403, "model_not_allowed"),
        (403, "option_not_allowed"),
        (403, "option_not_allowed"),
        (403, "option_not_allowed"),
    ]


def test_limits_and_budgets_hold(vendor, prompted):
    """
    Of requests per minute, and of tokens per day.
    """
    vendor.play(answer({"content": "Hi"}), times=2)
    limited = prompted.create_key(requests_per_minute=1)
    poor = prompted.create_key(budget=KeyBudget(tokens=1, per="day"))
    body = {"model": "fast", "input": "Hi", "options": {"max_tokens": 5}}

    assert [prompted.post(RUN, body, limited).status for _ in range(2)] == [200, 429]
    refused = prompted.post(RUN, body, poor)
    assert (refused.status, refused.json["error"]["code"]) == (429, "budget_exceeded")


def test_records_tell_the_key_and_the_session(vendor, prompted):
    """
    As for requests under ``/v1``.
    """
    vendor.play(answer({"content": "Hi"}))
    prompted.post(RUN, {"model": "fast", "input": "Hi", "session": "chat-1", "options": {"label": "nightly"}})
    prompted.run(prompted.worker.services.usage.flush())

    listed = prompted.send("GET", "/api/telemetry/calls", prompted.create_key(scopes={"telemetry"}, team="red"))

    (call,) = listed.json["items"]
    assert (call["model"], call["label"], call["team"], call["tags"]) == (
        "fast",
        "nightly",
        "red",
        {"session": "chat-1"},
    )


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_refused(prompted, method):
    """
    The error has the form of the API, and names the method that there is.
    """
    received = prompted.send(method, RUN, prompted.keys["owner"])

    assert (received.status, received.headers["allow"]) == (405, "POST")
    assert received.json["error"]["code"] == "method_not_allowed"
