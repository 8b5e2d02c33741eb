from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import PromptError, UnsupportedError
from budwood.types import (
    ChatRequest,
    ImagePart,
    Message,
    NamedTool,
    OutputSchema,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    VendorPart,
    VendorTool,
)
from budwood_anthropic.encoding import encode_conversation
from tests.plugins.anthropic.conftest import KNOWN

WEATHER = ToolDefinition(name="weather", parameters={"type": "object", "properties": {}})


def ask(**fields):
    """
    Create a request.
    """
    return ChatRequest(**{"model": "claude", "messages": (Message.user("Hi"),), **fields})


def encode_body(provider, **fields):
    """
    Encode a request and read its body.
    """
    return json.loads(provider.encode(ask(**fields), stream=False).body)


def list_adaptations(provider, **fields):
    """
    Encode a request and list its adaptations.
    """
    return [(one.parameter, one.action) for one in provider.encode(ask(**fields), stream=False).adaptations]


def encode_messages(*messages, inline_system=False):
    """
    Encode messages without other options.
    """
    return encode_conversation(messages, inline_system=inline_system)


def test_max_tokens_is_always_sent(make_provider):
    """
    It is the request's, or the model's maximum in the catalog, or 4096.
    """
    known = KNOWN.model_copy(update={"max_output_tokens": 64000})

    assert encode_body(make_provider())["max_tokens"] == 4096
    assert encode_body(make_provider(known))["max_tokens"] == 64000
    assert encode_body(make_provider(known), max_tokens=7)["max_tokens"] == 7


def test_system_messages_are_the_system_prompt():
    """
    System and developer messages at the start become the system prompt, as blocks if they have a cache mark.
    """
    plain = encode_messages(Message.system("Be brief."), Message.user("Hi"))
    marked = encode_messages(
        Message(role="developer", parts=(TextPart(text="Be brief.", cache="1h"),)), Message.user("Hi")
    )

    assert (plain.system, plain.messages) == ("Be brief.", [{"role": "user", "content": "Hi"}])
    mark = {"type": "ephemeral", "ttl": "1h"}
    assert marked.system == [{"type": "text", "text": "Be brief.", "cache_control": mark}]


def test_a_later_system_message_stays_if_the_model_takes_it():
    """
    For other models it moves to the system prompt, with an adaptation.
    """
    messages = (Message.system("A"), Message.user("Hi"), Message.system("B"))
    moved, stored = encode_messages(*messages), encode_messages(*messages, inline_system=True)

    assert moved.system == [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]
    assert [(one.parameter, one.action) for one in moved.adaptations] == [("messages", "changed")]
    assert stored.messages[-1] == {"role": "system", "content": "B"}
    assert stored.adaptations == ()


def test_results_of_one_turn_are_one_message():
    """
    Results in separate messages, as in OpenAI's form, become one user message.
    """
    calls = Message(role="assistant", parts=tuple(ToolCallPart(id=name, name="f") for name in "ab"))
    results = [
        Message.tool(ToolResultPart(call_id=name, name="f", content=name, is_error=name == "b")) for name in "ab"
    ]

    encoded = encode_messages(Message.user("Hi"), calls, *results).messages

    assert [turn["role"] for turn in encoded] == ["user", "assistant", "user"]
    assert encoded[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "content": "a"},
        {"type": "tool_result", "tool_use_id": "b", "content": "b", "is_error": True},
    ]


def test_ids_of_other_vendors_become_valid_ids():
    """
    Invalid characters and repeated ids are replaced, and each result still refers to its call.
    """
    turn = [
        Message(role="assistant", parts=(ToolCallPart(id="call.0", name="f"),)),
        Message.tool(ToolResultPart(call_id="call.0", name="f", content="x")),
    ]
    encoded = encode_messages(*turn, *turn).messages

    assert [message["content"][0].get("id") for message in encoded[::2]] == ["call_0", "call_0_2"]
    assert [message["content"][0].get("tool_use_id") for message in encoded[1::2]] == ["call_0", "call_0_2"]


@given(st.lists(st.text(max_size=5), min_size=1, max_size=6))
def test_ids_stay_different(ids):
    """
    Each call has a valid, unique id, and its result has the same id.
    """
    messages = [
        message
        for original_id in ids
        for message in (
            Message(role="assistant", parts=(ToolCallPart(id=original_id, name="f"),)),
            Message.tool(ToolResultPart(call_id=original_id, name="f", content="x")),
        )
    ]
    encoded = encode_messages(*messages).messages
    called = [message["content"][0]["id"] for message in encoded[::2]]

    assert len(set(called)) == len(ids)
    assert all(one and one.replace("_", "a").replace("-", "a").isalnum() and one.isascii() for one in called)
    assert [message["content"][0]["tool_use_id"] for message in encoded[1::2]] == called


def test_arguments_that_are_not_a_json_object_are_wrapped():
    """
    A truncated call is sent in the wrapper that the vendor recommends, with an adaptation.
    """
    encoded = encode_messages(Message(role="assistant", parts=(ToolCallPart(id="a", name="f", arguments='{"x": '),)))

    assert encoded.messages[0]["content"][0]["input"] == {"INVALID_JSON": '{"x": '}
    assert encoded.adaptations[0].action == "changed"


def test_thinking_is_sent_back_unchanged():
    """
    Redacted thinking too; reasoning of other vendors is dropped, with an adaptation.
    """
    signed = ReasoningPart(text="Hm", provider="anthropic", data={"type": "thinking", "signature": "s"})
    redacted = ReasoningPart(text="", provider="anthropic", data={"type": "redacted_thinking", "data": "x"})
    foreign = ReasoningPart(text="So", provider="openai", data={"id": "rs_1"})

    own = encode_messages(Message(role="assistant", parts=(signed, redacted, TextPart(text="Yes"))))
    other = encode_messages(Message(role="assistant", parts=(foreign, TextPart(text="Yes"))))

    assert own.messages[0]["content"] == [
        {"type": "thinking", "thinking": "Hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "Yes"},
    ]
    assert own.adaptations == ()
    assert other.messages[0]["content"] == "Yes"
    assert [(one.parameter, one.action) for one in other.adaptations] == [("messages", "dropped")]


def test_vendor_parts_go_back_only_to_their_vendor():
    """
    Results of the vendor's own tools are sent back unchanged; content of other vendors is not sent.
    """
    block = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
    parts = [VendorPart(provider=name, kind="server_tool_use", data=block) for name in ("anthropic", "openai")]

    assert encode_messages(Message(role="assistant", parts=tuple(parts))).messages[0]["content"] == [block]


def test_citations_and_callers_go_back_with_their_part():
    """
    The vendor's data of a text or a call is part of its block; data of other vendors is not.
    """
    cited = TextPart(text="Blue", provider="anthropic", data={"citations": [{"type": "char_location"}]})
    called = ToolCallPart(id="a", name="f", provider="anthropic", data={"caller": {"type": "code_execution_20260120"}})
    foreign = TextPart(text="Red", provider="openai", data={"id": "msg_1"})
    cited_block, call_block, foreign_block = encode_messages(
        Message(role="assistant", parts=(cited, called, foreign))
    ).messages[0]["content"]

    assert cited_block == {"type": "text", "text": "Blue", "citations": [{"type": "char_location"}]}
    assert call_block["caller"] == {"type": "code_execution_20260120"}
    assert foreign_block == {"type": "text", "text": "Red"}


def test_images_are_sent_as_bytes_or_as_a_url():
    """
    Bytes and data URLs become base64 with a media type; other URLs are unchanged.
    """
    images = (
        ImagePart(data=b"abc", media_type="image/png", cache="default"),
        ImagePart(url="data:image/gif;base64,YWJj"),
        ImagePart(url="https://example.com/cat.png", detail="high"),
    )
    encoded = encode_messages(Message(role="user", parts=images))
    first, second, third = encoded.messages[0]["content"]

    source = {"type": "base64", "media_type": "image/png", "data": "YWJj"}
    assert first == {"type": "image", "source": source, "cache_control": {"type": "ephemeral"}}
    assert second["source"] == {"type": "base64", "media_type": "image/gif", "data": "YWJj"}
    assert third["source"] == {"type": "url", "url": "https://example.com/cat.png"}
    assert [one.parameter for one in encoded.adaptations] == ["image.detail"]


def test_unsupported_parts_are_an_error():
    """
    An image without media type, or in an assistant message, is rejected before sending.
    """
    with pytest.raises(PromptError, match="media type"):
        encode_messages(Message(role="user", parts=(ImagePart(data=b"abc"),)))
    with pytest.raises(UnsupportedError, match="'assistant' cannot contain a part of type 'image'"):
        encode_messages(Message(role="assistant", parts=(ImagePart(url="https://example.com/cat.png"),)))


def test_empty_texts_and_messages_are_left_out():
    """
    The vendor rejects empty texts.
    """
    encoded = encode_messages(
        Message.user("Hi"), Message.assistant(""), Message(role="user", parts=(TextPart(text=""),))
    )

    assert encoded.messages == [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("choice", "encoded"),
    [
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        (NamedTool(name="weather"), {"type": "tool", "name": "weather"}),
    ],
)
def test_the_tool_choice(make_provider, choice, encoded):
    """
    Each choice has the vendor's name; calls one at a time are an option of it, except with `none`.
    """
    alone = {} if choice == "none" else {"disable_parallel_tool_use": True}

    assert encode_body(make_provider(), tools=(WEATHER,), tool_choice=choice)["tool_choice"] == encoded
    body = encode_body(make_provider(), tools=(WEATHER,), tool_choice=choice, parallel_tool_calls=False)
    assert body["tool_choice"] == encoded | alone
    assert "tool_choice" not in encode_body(make_provider(), tool_choice=choice)


def test_tools_have_their_cache_marks_and_options(make_provider):
    """
    The vendor's own tools follow the functions; tools of other vendors are not sent.
    """
    tool = WEATHER.model_copy(update={"cache": "5m", "extra": {"defer_loading": True}, "description": "Tells it."})
    search = {"type": "web_search_20250305", "name": "web_search"}
    own = [VendorTool(provider=name, data=search) for name in ("anthropic", "openai")]

    encoded = encode_body(make_provider(), tools=(tool,), vendor_tools=tuple(own), extra={"tools": [{"name": "x"}]})[
        "tools"
    ]

    assert encoded[0]["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert (encoded[0]["defer_loading"], encoded[0]["description"]) == (True, "Tells it.")
    assert encoded[1:] == [search, {"name": "x"}]


def test_a_cache_mark_on_the_request(make_provider):
    """
    ``prompt_cache`` marks the end of the request.
    """
    assert encode_body(make_provider(), prompt_cache="default")["cache_control"] == {"type": "ephemeral"}


def test_unsupported_parameters_are_dropped(make_provider):
    """
    Seed and penalties are dropped, a temperature above 1 becomes 1, and stop sequences have another name.
    """
    unsupported = {
        "seed": 1,
        "frequency_penalty": 0.5,
        "presence_penalty": 0.5,
        "temperature": 1.5,
        "stop": ("x",),
    }
    body = encode_body(make_provider(), **unsupported)

    assert body["temperature"] == 1
    assert body["stop_sequences"] == ["x"]
    assert not {"seed", "frequency_penalty", "presence_penalty"} & set(body)
    assert sorted(list_adaptations(make_provider(), **unsupported)) == [
        ("frequency_penalty", "dropped"),
        ("presence_penalty", "dropped"),
        ("seed", "dropped"),
        ("temperature", "changed"),
    ]


def test_beta_features_are_in_a_header(make_provider):
    """
    Those of the settings and of the call, without duplicates, and not in the body.
    """
    call = make_provider(betas=("a", "b")).encode(ask(extra={"betas": ["b", "c"], "top_k": 3}), stream=True)

    assert call.headers["anthropic-beta"] == "a,b,c"
    assert "betas" not in json.loads(call.body)
    assert json.loads(call.body)["top_k"] == 3
    assert "anthropic-beta" not in make_provider().encode(ask(), stream=True).headers


def test_the_version_of_the_api_is_a_header_that_a_call_can_change(make_provider):
    """
    It is that of the settings, unless the call asks for another one.
    """
    provider = make_provider()
    call = provider.encode(ask(extra={"anthropic_version": "2026-10-21"}), stream=False)

    assert call.headers["anthropic-version"] == "2026-10-21"
    assert "anthropic_version" not in json.loads(call.body)
    assert provider.encode(ask(), stream=False).headers["anthropic-version"] == "2023-06-01"


def test_the_service_tier_is_a_setting_that_a_call_can_change(make_provider):
    """
    The setting applies to all requests that do not set a tier.
    """
    provider = make_provider(service_tier="standard_only")

    assert encode_body(provider)["service_tier"] == "standard_only"
    assert encode_body(provider, extra={"service_tier": "auto"})["service_tier"] == "auto"


def test_structured_output_has_a_supported_schema(make_provider):
    """
    Objects are closed and limits become words; effort and other output settings are merged.
    """
    schema = {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "minimum": 0, "description": "In years."},
            "tags": {"type": "array", "items": {"oneOf": [{"type": "string", "format": "byte"}]}, "maxItems": 3},
        },
        "required": ["age"],
    }
    rules = KNOWN.model_copy(update={"traits": frozenset({"adaptive", "effort"})})
    config = encode_body(
        make_provider(rules),
        output_schema=OutputSchema(json_schema=schema),
        reasoning_effort="low",
        extra={"output_config": {"task_budget": 5}},
    )["output_config"]

    assert (config["effort"], config["task_budget"], config["format"]["type"]) == ("low", 5, "json_schema")
    assert config["format"]["schema"] == {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "description": 'In years.\n\n{"minimum":0}'},
            "tags": {
                "type": "array",
                "items": {"anyOf": [{"type": "string", "description": '{"format":"byte"}'}]},
                "description": '{"maxItems":3}',
            },
        },
        "required": ["age"],
        "additionalProperties": False,
    }


def test_a_token_count_leaves_out_other_fields(make_provider):
    """
    Its endpoint rejects max_tokens, sampling parameters and stop sequences.
    """
    request = ask(messages=(Message.system("S"), Message.user("Hi")), temperature=0.5, stop=("x",), tools=(WEATHER,))
    call = make_provider(betas=("a",)).encode_token_count(request)

    assert call.url == "https://api.anthropic.com/v1/messages/count_tokens"
    assert set(json.loads(call.body)) == {"model", "messages", "system", "tools"}
    assert call.headers["anthropic-beta"] == "a"


def test_only_authorize_adds_the_key(make_provider):
    """
    The key is in ``x-api-key``, or a bearer token if configured, and in no repr.
    """
    from budwood.types import Credential

    credential = Credential(secret="sk-ant-secret")
    provider = make_provider(api_key="sk-ant-secret")
    call = provider.encode(ask(), stream=False)
    plain = provider.authorize(call, credential)
    bearer = make_provider(authentication="bearer").authorize(call, credential)

    assert "sk-ant-secret" not in str(call.headers)
    assert plain.headers["x-api-key"] == "sk-ant-secret"
    assert bearer.headers["authorization"] == "Bearer sk-ant-secret"
    assert "sk-ant-secret" not in repr(plain) + repr(bearer)


@pytest.mark.parametrize(
    "address", ["https://gateway.test", "https://gateway.test/v1/", "https://gateway.test/v1/messages"]
)
def test_the_base_url_may_include_the_version(make_provider, address):
    """
    With and without ``/v1`` the URL is the same.
    """
    assert make_provider(base_url=address).encode(ask(), stream=False).url == "https://gateway.test/v1/messages"
