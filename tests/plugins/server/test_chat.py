"""``/v1/chat/completions``, to vendors of the same API and of another one."""

from __future__ import annotations

import json

import pytest

from tests.servers import reply

PATH = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello"}]
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "prompt_tokens_details": {"audio_tokens": 1}}


def answer(*messages, **fields):
    """
    Return a reply of OpenAI's API, with one choice for each message.
    """
    choices = [
        {"index": index, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
        for index, message in enumerate(messages)
    ]
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 5, "model": "m-1", "choices": choices}
    return reply(body=body | {"usage": USAGE} | fields)


def claude(*content, stop="end_turn"):
    """
    Return a reply of Anthropic's API.
    """
    body = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5", "content": content}
    usage = {"input_tokens": 3, "output_tokens": 2, "cache_read_input_tokens": 1}
    return reply(body=body | {"stop_reason": stop, "stop_sequence": None, "usage": usage})


def text(words):
    """
    Return a text of a reply of Anthropic's API.
    """
    return {"type": "text", "text": words}


def test_reply_has_what_the_vendor_said(vendor, gateway):
    """
    Id, time, model, choices, usage with details and further fields are those of the vendor.
    """
    vendor.play(answer({"content": "Hi", "annotations": [{"type": "x"}]}, system_fingerprint="fp", service_tier="flex"))

    received = gateway.post(PATH, {"model": "fast", "messages": HELLO})

    assert received.json == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 5,
        "model": "m-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None, "annotations": [{"type": "x"}]},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
        "system_fingerprint": "fp",
        "service_tier": "flex",
    }
    assert received.headers["x-budwood-provider"] == "vendor"


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0, "top_p": 0, "seed": 0, "frequency_penalty": 0, "presence_penalty": 0},
        {"max_tokens": 5},
        {"max_completion_tokens": 5},
        {"max_completion_tokens": 5, "max_tokens": 6},
        {"max_tokens": 0, "max_completion_tokens": 0, "n": 0, "temperature": -1, "stop": []},
        {"n": 1, "logprobs": True, "top_logprobs": 0, "logit_bias": {"5": -100}, "user": "u", "store": False},
        {"metadata": {"a": "b"}, "safety_identifier": "s", "service_tier": "auto", "prompt_cache_key": "p"},
        {
            "modalities": ["text", "audio"],
            "audio": {"voice": "ash", "format": "mp3"},
            "prediction": {"type": "content"},
        },
        {"verbosity": "low", "web_search_options": {}, "reasoning_effort": "minimal", "unknown": [1]},
        {"functions": [{"name": "f"}], "function_call": {"name": "f"}},
        {"tools": [{"type": "custom", "custom": {"name": "c"}}], "tool_choice": "auto", "parallel_tool_calls": True},
        {"tools": [], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": True}}},
        {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}, {"role": "user", "content": "and?"}]},
        {"messages": [{"role": "user", "content": [{"type": "new", "new": 1}]}]},
        {"messages": [{"role": "function", "name": "f", "content": "1"}]},
        {"messages": [{"role": "user", "content": "Hi", "parts": []}]},
        {"messages": [{"role": "developer", "content": "Be brief."}]},
        {"messages": [{"role": "user", "content": ""}]},
    ],
)
def test_same_api_gets_all_fields_unchanged(vendor, gateway, fields):
    """
    A vendor of the same API gets every field, also zeros, empty values and what Budwood does not know.
    """
    vendor.play(answer({"content": "Hi"}))
    body = {"messages": HELLO, **fields}

    received = gateway.post(PATH, {"model": "fast", **body})

    assert received.status == 200, received.body
    assert vendor.requests[0].json == {"model": "m", **body}


def test_tools_are_not_run_and_calls_are_returned(vendor, gateway):
    """
    The vendor gets the definitions, and the client the calls.
    """
    calls = [{"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"x":1}'}}]
    vendor.play(answer({"content": None, "tool_calls": calls}))
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}

    received = gateway.post(PATH, {"model": "fast", "messages": HELLO, "tools": [tool], "tool_choice": "required"})

    assert vendor.requests[0].json["tools"] == [tool]
    assert received.json["choices"][0]["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": calls,
    }
    assert received.json["choices"][0]["finish_reason"] == "tool_calls"


def test_every_choice_is_returned(vendor, gateway):
    """
    With ``n`` there are several, each with its own fields.
    """
    vendor.play(answer({"content": "one"}, {"content": "two"}))

    received = gateway.post(PATH, {"model": "fast", "messages": HELLO, "n": 2})

    assert [choice["message"]["content"] for choice in received.json["choices"]] == ["one", "two"]
    assert [choice["index"] for choice in received.json["choices"]] == [0, 1]


def test_vendor_of_another_api_gets_what_it_has(vendor, gateway):
    """
    Options are translated, tags are not sent, and the rest is left out and reported.
    """
    vendor.play(claude({"type": "thinking", "thinking": "Hm", "signature": "s"}, text("Hi")))

    received = gateway.post(
        PATH,
        {
            "model": "claude",
            "messages": HELLO,
            "max_completion_tokens": 7,
            "stop": "end",
            "user": "u",
            "metadata": {"a": "b"},
            "n": 1,
            "logit_bias": {"5": 1},
        },
    )

    sent = vendor.requests[0].json
    assert (sent["max_tokens"], sent["stop_sequences"], sent["metadata"]) == (7, ["end"], {"user_id": "u"})
    assert received.headers["x-budwood-adaptations"].startswith("dropped logit_bias: ")
    assert received.json["choices"][0]["message"]["reasoning_content"] == "Hm"
    assert received.json["usage"] == {
        "prompt_tokens": 4,
        "completion_tokens": 2,
        "total_tokens": 6,
        "prompt_tokens_details": {"cached_tokens": 1},
    }


def test_functions_become_tools(vendor, gateway):
    """
    Another API gets tools, calls and results; the client gets a call in the older form.
    """
    vendor.play(claude({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": 1}}, stop="tool_use"))
    earlier = [
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "5"},
    ]

    received = gateway.post(
        PATH,
        {
            "model": "claude",
            "messages": [*HELLO, *earlier],
            "functions": [{"name": "f", "parameters": {"type": "object", "properties": {}}}],
            "function_call": {"name": "f"},
        },
    )

    sent = vendor.requests[0].json
    assert (sent["tools"][0]["name"], sent["tool_choice"]["name"]) == ("f", "f")
    assert sent["messages"][1]["content"][0]["type"] == "tool_use"
    assert sent["messages"][2]["content"][0]["type"] == "tool_result"
    choice = received.json["choices"][0]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": '{"x":1}'}
    assert choice["finish_reason"] == "function_call"


def test_allowed_tools_are_chosen_for_another_api(vendor, gateway):
    """
    Only these are sent, with the mode as the choice.
    """
    vendor.play(claude(text("Hi")))
    tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in "ab"]
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "b"}}]}

    gateway.post(
        PATH,
        {
            "model": "claude",
            "messages": HELLO,
            "tools": tools,
            "tool_choice": {"type": "allowed_tools", "allowed_tools": allowed},
        },
    )

    sent = vendor.requests[0].json
    assert [tool["name"] for tool in sent["tools"]] == ["b"]
    assert sent["tool_choice"] == {"type": "any"}


def test_null_counts_as_absent(vendor, gateway):
    """
    A known field that is null does not reach the vendor, and no budget takes it for something unknown.
    """
    vendor.play(answer({"content": "Hi"}))

    received = gateway.post(PATH, {"model": "fast", "messages": HELLO, "max_tokens": None, "temperature": None})

    assert received.status == 200
    assert not {"max_tokens", "temperature"} & vendor.requests[-1].json.keys()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"modalities": ["audio"], "audio": {"voice": "ash"}}, "modalities"),
        ({"tools": [{"type": "custom", "custom": {"name": "c"}}]}, "tools[0].type"),
        ({"temperature": -1}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "parts": [{"type": "image", "path": "/etc/passwd"}]}]}, "messages[0].parts"),
        ({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, "messages[0].audio"),
        ({"response_format": {"type": "grammar"}}, "response_format"),
        ({"stream": "yes"}, "stream"),
        ({"logit_bias": {"5": 1}, "budwood": {"on_unsupported": "error"}}, "logit_bias"),
        ({"seed": 0, "budwood": {"on_unsupported": "error"}}, "seed"),
    ],
)
def test_what_cannot_be_translated_is_an_error_that_names_the_field(vendor, gateway, fields, param):
    """
    The reply would have another form without it, or the request says that nothing may be left out.
    """
    received = gateway.post(PATH, {"model": "claude", "messages": HELLO, **fields})

    assert received.status == 400
    assert received.json["error"]["param"] == param
    assert vendor.requests == []


@pytest.mark.parametrize("content", ['{"age": 5}', '{"age": "five"}', "no JSON"])
def test_structured_output_is_answered_as_it_is(vendor, gateway, content):
    """
    The reply of a vendor of another API is text, whether it satisfies the schema or not.
    """
    vendor.play(claude(text(content)))
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    format_ = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}

    received = gateway.post(PATH, {"model": "claude", "messages": HELLO, "response_format": format_})

    assert received.status == 200
    assert received.json["choices"][0]["message"]["content"] == content
    assert received.headers["x-budwood-attempts"] == "1"
    assert "age" in json.dumps(vendor.requests[0].json)


def test_fields_that_a_fallback_does_not_have_are_named(vendor, gateway):
    """
    The limit of the output is not one of them, under whichever name.
    """
    vendor.play(reply(503, {})).play(claude(text("Hi")))
    fields = {"logit_bias": {"5": 1}, "verbosity": "low", "max_completion_tokens": 9}

    received = gateway.post(PATH, {"model": "both", "messages": HELLO, **fields})

    assert received.status == 200
    adaptations = received.headers["x-budwood-adaptations"]
    assert [name for name in fields if f"dropped {name}:" in adaptations] == ["logit_bias", "verbosity"]
    assert vendor.requests[1].json["max_tokens"] == 9


def test_response_format_survives_a_failover_to_another_api(vendor, gateway):
    """
    The first vendor gets the field itself, and the second one the schema in its own form.
    """
    vendor.play(reply(503, {})).play(claude(text("{}")))
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}}
    format_ = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema, "strict": False}}

    received = gateway.post(PATH, {"model": "both", "messages": HELLO, "response_format": format_, "temperature": 0})

    first, second = (request.json for request in vendor.requests)
    assert received.json["choices"][0]["message"]["content"] == "{}"
    assert first["response_format"] == format_
    assert "age" in json.dumps(second)
    assert second["temperature"] == 0


def test_fields_that_only_one_api_has_are_not_lost_in_a_failover(vendor, gateway):
    """
    A request for several choices is not sent to an API that has none: the error is that of the first vendor.
    """
    vendor.play(reply(503, {}))

    received = gateway.post(PATH, {"model": "both", "messages": HELLO, "n": 2})

    assert received.status == 503
    assert len(vendor.requests) == 1


def test_stored_chats(gateway):
    """
    The server stores none: the list is empty, and each of them is unknown.
    """
    assert gateway.get(PATH).json["data"] == []
    for method in ("GET", "POST", "DELETE"):
        assert gateway.send(method, f"{PATH}/chatcmpl-1", b"{}").status == 404
    assert gateway.get(f"{PATH}/chatcmpl-1/messages").json["error"]["code"] == "not_found"


def test_errors_of_vendors_name_the_provider(vendor, gateway):
    """
    The headers say which provider and model failed, and after how many requests.
    """
    vendor.play(reply(500, body={"error": {"message": "broken"}}))

    received = gateway.post(PATH, {"model": "fast", "messages": HELLO})

    assert received.status == 502
    found = [received.headers[f"x-budwood-{name}"] for name in ("provider", "model", "attempts", "cache")]
    assert found == ["vendor", "m", "1", "miss"]


def test_cache_only_without_a_cache(vendor, gateway):
    """
    A reply of the cache can only be asked for if the server has one.
    """
    received = gateway.post(PATH, {"model": "fast", "messages": HELLO, "budwood": {"cache": "only"}})

    assert (received.status, received.json["error"]["param"]) == (400, "budwood.cache")
    assert vendor.requests == []


def test_the_model_does_not_have_the_service(vendor, gateway):
    """
    The error names the field, and what to do.
    """
    received = gateway.post("/v1/moderations", {"model": "claude", "input": "Hi"})

    assert (received.status, received.json["error"]["param"]) == (400, "model")
    assert "Use a model that supports it" in received.json["error"]["hint"]
    assert vendor.requests == []


def test_schemas_that_could_stop_a_worker_are_refused(vendor, gateway):
    """
    Replies are validated by expressions that take linear time.
    """
    schema = {"properties": {"x": {"pattern": "^(?=a)(a+)+$"}}}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}

    received = gateway.post(PATH, {"model": "claude", "messages": HELLO, "response_format": form})

    assert (received.status, received.json["error"]["param"]) == (400, "response_format")
    assert vendor.requests == []


def test_schemas_with_hostile_patterns_do_not_stop_a_worker(vendor, gateway):
    """
    The reply arrives although it would take Python years to match it.
    """
    vendor.play(claude(text('{"x": "' + "a" * 5000 + '!"}')))
    schema = {"type": "object", "properties": {"x": {"pattern": "^(a+)+$"}}, "required": ["x"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}

    received = gateway.post(PATH, {"model": "claude", "messages": HELLO, "response_format": form})

    assert received.status == 200
    assert received.json["choices"][0]["message"]["content"].endswith('a!"}')
