"""Prompts by name in requests under ``/v1``."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import event

from tests.plugins.server.prompted_gateway import PromptedGateway
from tests.plugins.server.test_chat import answer, claude, text

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
MESSAGES = "/v1/messages"
USE = {"prompt": "greeting@production", "variables": {"name": "Ada"}}
RENDERED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Greet Ada."}]
THANKS = {"role": "assistant", "content": "Hello Ada."}, {"role": "user", "content": "And Bo?"}


def test_messages_of_the_prompt_come_first(vendor, prompted):
    """
    Those of the request follow; it may have none. The reply tells the version.
    """
    vendor.play(answer({"content": "Hi"}), times=3)

    for messages in ({}, {"messages": []}, {"messages": [*THANKS]}):
        received = prompted.post(CHAT, {"model": "fast", "budwood": USE, **messages})

        assert received.status == 200, received.body
        assert received.headers["x-budwood-prompt"] == "greeting@1"
    sent = [request.json["messages"] for request in vendor.requests]
    assert sent == [RENDERED, RENDERED, [*RENDERED, *THANKS]]


def test_header_names_a_prompt(vendor, prompted):
    """
    It may have no variables, or those of the body.
    """
    vendor.play(answer({"content": "Hi"}), times=2)

    first = prompted.post(CHAT, {"model": "fast", "messages": [THANKS[1]]}, x_budwood_prompt="french")
    second = prompted.post(
        CHAT, {"model": "fast", "budwood": {"variables": {"name": "Ada"}}}, x_budwood_prompt="greeting@1"
    )

    assert first.headers["x-budwood-prompt"] == "french@1"
    assert second.status == 200, second.body
    french = {"role": "system", "content": "Answer in French."}
    assert [request.json["messages"] for request in vendor.requests] == [[french, THANKS[1]], RENDERED]


def test_messages_api_gets_system_messages_apart(vendor, prompted):
    """
    Both as a system prompt and as messages, before those of the request.
    """
    vendor.play(claude(text("Hi")), times=2)
    body = {"model": "claude", "max_tokens": 9, "budwood": USE}

    alone = prompted.post(MESSAGES, body)
    more = prompted.post(MESSAGES, body | {"system": "Use emoji.", "messages": [*THANKS]})

    assert (alone.status, more.status) == (200, 200), (alone.body, more.body)
    first, second = (request.json for request in vendor.requests)
    assert "Be brief." in json.dumps(first["system"])
    assert "Greet Ada." in json.dumps(first["messages"])
    assert json.dumps(second["system"]).index("Be brief.") < json.dumps(second["system"]).index("Use emoji.")
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "user"]


@pytest.mark.parametrize("given", [None, "", "And Bo?", [THANKS[1]]])
def test_responses_get_the_prompt_as_input(vendor, prompted, given):
    """
    Input may be absent, a text or items.
    """
    vendor.play(answer({"content": "Hi"}))

    received = prompted.post(RESPONSES, {"model": "fast", "input": given, "budwood": USE})

    assert received.status == 200, received.body
    assert received.headers["x-budwood-prompt"] == "greeting@1"
    texts = json.dumps(vendor.requests[0].json["messages"])
    assert ["Be brief." in texts, "Greet Ada." in texts, "And Bo?" in texts] == [True, True, bool(given)]


def test_tokens_of_a_prompt_are_counted(prompted):
    """
    The routes that count tokens take prompts, too.
    """
    received = prompted.post("/v1/responses/input_tokens", {"model": "fast", "budwood": USE})

    assert received.status == 200, received.body
    assert received.json["input_tokens"] > 5


@pytest.mark.parametrize(
    ("options", "status", "param", "words"),
    [
        ({"prompt": "greting"}, 404, "budwood.prompt", "Use one of: greeting."),
        ({"prompt": "greeting@prod"}, 404, "budwood.prompt", "Its labels: production."),
        ({"prompt": "greeting@9"}, 404, "budwood.prompt", "Its labels: production."),
        ({"prompt": "french@live"}, 404, "budwood.prompt", "It has no labels"),
        ({"prompt": "nothing-like-it"}, 404, "budwood.prompt", "GET /api/prompts lists the prompts."),
        ({"prompt": "not a name"}, 400, "budwood.prompt", "expected NAME"),
        ({"prompt": 5}, 400, "budwood.prompt", "must be a text"),
        ({"prompt": "greeting"}, 400, "budwood.variables.name", "needs the variable 'name'"),
        ({"prompt": "greeting", "variables": {"name": 5}}, 400, "budwood.variables.name", "must be a text"),
        ({"prompt": "greeting", "variables": {"name": "a", "x": 1}}, 400, "budwood.variables.x", "no variable 'x'"),
        ({"prompt": "greeting", "variables": []}, 400, "budwood.variables", "must be an object"),
        ({"variables": {"name": "Ada"}}, 400, "budwood.variables", "needs the name of a prompt"),
    ],
)
def test_errors_name_the_field(prompted, options, status, param, words):
    """
    Nothing is sent to the vendor. The error says what would be right.
    """
    received = prompted.post(CHAT, {"model": "fast", "budwood": options})

    error = received.json["error"]
    assert (received.status, error["param"]) == (status, param)
    assert words in f"{error['message']} {error['hint']}"


def test_policy_may_forbid_prompts(prompted):
    """
    A key without the option ``prompt`` gets a 403, for variables too. Others need no scope for prompts.
    """
    key = prompted.create_key(request_options=frozenset({"label"}))

    for options in ({"prompt": "greeting"}, {"variables": {}}):
        received = prompted.post(CHAT, {"model": "fast", "budwood": options}, key)

        assert (received.status, received.json["error"]["code"]) == (403, "option_not_allowed")


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/embeddings", "/v1/images/generations"])
def test_other_routes_take_no_prompt(prompted, path):
    """
    They say so.
    """
    received = prompted.post(path, {"model": "fast", "prompt": "a", "input": "a", "budwood": {"prompt": "french"}})

    assert (received.status, received.json["error"]["param"]) == (400, "budwood.prompt")
    assert "takes no prompt" in received.json["error"]["message"]


def test_changes_of_labels_are_noticed(vendor, prompted):
    """
    A label or a name means another version as soon as the watch has noticed it; a number always means the same.
    """
    vendor.play(answer({"content": "Hi"}), times=6)

    def ask():
        names = ("greeting", "greeting@production", "greeting@1")
        received = [prompted.post(CHAT, {"model": "fast", "budwood": USE | {"prompt": name}}) for name in names]
        return [each.headers["x-budwood-prompt"] for each in received if each.status == 200]

    assert ask() == ["greeting@1"] * 3
    prompted.save("greeting", {"variables": {"name": {}}, "messages": [{"role": "user", "content": "{{ name }}?"}]})

    assert ask() == ["greeting@2", "greeting@1", "greeting@1"]


def test_records_of_calls_tell_the_version(vendor, prompted):
    """
    Telemetry groups and lists calls by it.
    """
    vendor.play(answer({"content": "Hi"}))
    prompted.post(CHAT, {"model": "fast", "budwood": USE})
    prompted.run(prompted.worker.services.usage.flush())
    reader = prompted.create_key(scopes={"telemetry"}, team="red")

    listed = prompted.send("GET", "/api/telemetry/calls", reader)
    grouped = prompted.send("GET", "/api/telemetry/totals?by=prompt", reader)

    assert listed.json["items"][0]["prompt"] == "greeting@1"
    assert grouped.json["items"][0]["group"] == {"prompt": "greeting@1"}


def test_large_prompt_is_rendered_in_a_thread(vendor, prompted, monkeypatch):
    """
    One that takes more than the steps for the event loop.
    """
    monkeypatch.setattr("budwood_server.gateway.prompts.QUICK_STEPS", 1)
    vendor.play(answer({"content": "Hi"}))

    received = prompted.post(CHAT, {"model": "fast", "budwood": USE})

    assert received.status == 200
    assert vendor.requests[0].json["messages"] == RENDERED


def test_endless_prompt_is_refused(prompted):
    """
    Rendering is bounded, whatever the values are.
    """
    loops = "{% for a in items %}{% for b in items %}{{ b }}{% endfor %}{% endfor %}"
    prompted.save("loops", {"variables": {"items": {"type": "list"}}, "messages": [{"role": "user", "content": loops}]})
    variables = {"items": ["x"] * 1000}

    received = prompted.post(CHAT, {"model": "fast", "budwood": {"prompt": "loops", "variables": variables}})

    assert (received.status, received.json["error"]["param"]) == (400, "budwood.variables")


def test_hot_prompt_touches_no_table(vendor, sqlite_url):
    """
    The second request with a prompt reads and writes nothing in the database.
    """
    vendor.play(answer({"content": "Hi"}), times=2)
    with PromptedGateway(vendor, sqlite_url, usage=False) as gateway:
        body = {"model": "fast", "budwood": USE}
        gateway.post(CHAT, body)
        statements = []
        engine = gateway.worker.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))

        received = gateway.post(CHAT, body)

        assert received.status == 200
        assert statements == []
