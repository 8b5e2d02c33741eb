from __future__ import annotations

import json

import pytest

from budwood.errors import PromptError
from budwood.types import (
    ChatRequest,
    ImagePart,
    Message,
    ModelRules,
    NamedTool,
    OutputSchema,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    VendorPart,
    VendorTool,
)

OLD = ModelRules(traits=frozenset({"thinking_budget", "schema_or_tools"}))
WEATHER = ToolDefinition(
    name="weather", description="Get the weather.", parameters={"type": "object", "properties": {}}
)
SCHEMA = OutputSchema(json_schema={"type": "object", "properties": {"city": {"type": "string"}}})


def assistant(*parts):
    """
    Create an assistant message.
    """
    return Message(role="assistant", parts=parts)


def test_roles_and_the_instruction(encode):
    """
    System messages become the system instruction, assistant messages have the role ``model``, others ``user``.
    """
    body, adaptations = encode(Message.system("Be brief."), Message.user("Hello"), Message.assistant("Hi"))

    assert body == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Hello"}]},
            {"role": "model", "parts": [{"text": "Hi"}]},
        ],
    }
    assert adaptations == []


def test_a_late_system_message_is_an_adaptation(encode):
    """
    It moves to the start of the conversation.
    """
    body, adaptations = encode(Message.user("Hello"), Message.system("Be brief."), Message.user("Again"))

    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert adaptations == [("messages", "changed")]


def test_parameters_have_the_vendors_names(encode):
    """
    They are in ``generationConfig``.
    """
    body, adaptations = encode(
        temperature=0.5, top_p=0.9, max_tokens=10, stop=("x",), seed=7, frequency_penalty=0.1, presence_penalty=0.2
    )

    assert body["generationConfig"] == {
        "temperature": 0.5,
        "topP": 0.9,
        "maxOutputTokens": 10,
        "stopSequences": ["x"],
        "seed": 7,
        "frequencyPenalty": 0.1,
        "presencePenalty": 0.2,
    }
    assert adaptations == []


@pytest.mark.parametrize(
    ("rules", "fields", "thinking"),
    [
        (None, {"reasoning_effort": "low"}, {"thinkingLevel": "LOW", "includeThoughts": True}),
        (None, {"reasoning_budget": 300}, {"thinkingBudget": 300, "includeThoughts": True}),
        (OLD, {"reasoning_effort": "high"}, {"thinkingBudget": 24576, "includeThoughts": True}),
        (OLD, {"reasoning_effort": "none"}, {"thinkingBudget": 0}),
        (OLD, {"reasoning_budget": 300}, {"thinkingBudget": 300, "includeThoughts": True}),
    ],
)
def test_thinking_is_a_level_or_a_budget(encode, rules, fields, thinking):
    """
    Newer models take a level, older ones a number of tokens; the reply includes thoughts if requested.
    """
    body, adaptations = encode(rules=rules, **fields)

    assert body["generationConfig"] == {"thinkingConfig": thinking}
    assert adaptations == []


def test_only_one_of_effort_and_budget_is_sent(encode):
    """
    The API rejects both together: the budget is sent, and the effort is an adaptation.
    """
    body, adaptations = encode(reasoning_effort="low", reasoning_budget=300)

    assert body["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 300, "includeThoughts": True}
    assert adaptations == [("reasoning_effort", "dropped")]


@pytest.mark.parametrize(("include", "thinking"), [(True, {"includeThoughts": True}), (False, None), (None, None)])
def test_a_setting_includes_thoughts(encode, include, thinking):
    """
    Always, or never.
    """
    body, _ = encode(settings={"include_thoughts": include})
    assert body.get("generationConfig", {}).get("thinkingConfig") == thinking

    body, _ = encode(settings={"include_thoughts": False}, reasoning_effort="low")
    assert body["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "LOW"}


def test_rejected_thinking_is_dropped(encode):
    """
    Budgets too, with an adaptation.
    """
    rules = ModelRules(refuses=frozenset({"reasoning_effort", "reasoning_budget"}))
    body, adaptations = encode(rules=rules, reasoning_effort="low", reasoning_budget=5)

    assert "generationConfig" not in body
    assert adaptations == [("reasoning_effort", "dropped"), ("reasoning_budget", "dropped")]


def test_tools_and_tool_choice(encode):
    """
    Functions have their JSON schema, and each choice has a mode.
    """
    body, _ = encode(tools=(WEATHER,))
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "weather",
                    "description": "Get the weather.",
                    "parametersJsonSchema": {"type": "object", "properties": {}},
                }
            ]
        }
    ]
    assert "toolConfig" not in body

    modes = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
    for choice, mode in modes.items():
        body, _ = encode(tools=(WEATHER,), tool_choice=choice)
        assert body["toolConfig"] == {"functionCallingConfig": {"mode": mode}}
    body, _ = encode(tools=(WEATHER,), tool_choice=NamedTool(name="weather"))
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}}


def test_strict_tools_are_validated(encode):
    """
    For a strict tool the API enforces the schema of calls.
    """
    body, _ = encode(tools=(WEATHER.model_copy(update={"strict": True}),))
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}


def test_parallel_calls_cannot_be_disabled(encode):
    """
    Disabling them is an adaptation; enabling them is none.
    """
    assert encode(tools=(WEATHER,), parallel_tool_calls=False)[1] == [("parallel_tool_calls", "dropped")]
    assert encode(tools=(WEATHER,), parallel_tool_calls=True)[1] == []


def test_vendor_tools_together_with_functions(encode):
    """
    Google's tools are sent unchanged, with the flag that both together need; tools of others are not sent.
    """
    own = VendorTool(provider="gemini", data={"googleSearch": {}})
    other = VendorTool(provider="anthropic", data={"type": "web_search"})

    body, adaptations = encode(tools=(WEATHER,), vendor_tools=(own, other))
    assert body["tools"][0] == {"googleSearch": {}}
    assert body["toolConfig"] == {"includeServerSideToolInvocations": True}
    assert adaptations == [("vendor_tools", "dropped")]

    body, _ = encode(tools=(WEATHER,), vendor_tools=(own,), rules=OLD)
    assert "toolConfig" not in body


def test_the_schema_of_the_reply(encode):
    """
    The schema is sent natively.
    """
    body, adaptations = encode(output_schema=SCHEMA)

    assert body["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": SCHEMA.json_schema,
    }
    assert adaptations == []


def test_a_schema_with_tools_is_sent_in_words(encode):
    """
    Models before 3 reject both together; it is an adaptation.
    """
    body, adaptations = encode(output_schema=SCHEMA, tools=(WEATHER,), rules=OLD)
    assert "generationConfig" not in body
    assert '"city"' in body["systemInstruction"]["parts"][0]["text"]
    assert adaptations == [("output_schema", "changed")]

    body, adaptations = encode(output_schema=SCHEMA, tools=(WEATHER,))
    assert "responseJsonSchema" in body["generationConfig"]
    assert adaptations == []


def test_signatures_go_back_with_their_parts(encode):
    """
    Gemini's fields of a text, a thought or a call are sent back in the same part.
    """
    signed = {"provider": "gemini", "data": {"thoughtSignature": "S"}}
    body, _ = encode(
        Message.user("Hello"),
        assistant(
            ReasoningPart(text="Hm.", **signed),
            TextPart(text="Hi", **signed),
            ToolCallPart(id="1", name="weather", arguments='{"a":1}', **signed),
        ),
    )

    assert body["contents"][1]["parts"] == [
        {"text": "Hm.", "thought": True, "thoughtSignature": "S"},
        {"text": "Hi", "thoughtSignature": "S"},
        {"functionCall": {"id": "1", "name": "weather", "args": {"a": 1}}, "thoughtSignature": "S"},
    ]


def test_calls_of_other_models_skip_the_signature(encode):
    """
    The first call without a signature gets the value that skips the check; older models do not check.
    """
    foreign = assistant(*(ToolCallPart(id=f"call_{number}", name="weather") for number in range(2)))
    body, _ = encode(Message.user("Hello"), foreign)
    first, second = body["contents"][1]["parts"]
    assert first["thoughtSignature"] == "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
    assert "thoughtSignature" not in second

    body, _ = encode(Message.user("Hello"), foreign, rules=OLD)
    assert "thoughtSignature" not in body["contents"][1]["parts"][0]


def test_ids_of_our_own_are_not_sent(encode):
    """
    Most models give calls no ids; ours are not sent, those of others are.
    """
    body, _ = encode(
        assistant(ToolCallPart(id="budwood-r1-0", name="a", provider="gemini")),
        Message.tool(ToolResultPart(call_id="budwood-r1-0", name="a", content="1")),
        assistant(ToolCallPart(id="x", name="b", provider="gemini")),
        Message.tool(ToolResultPart(call_id="x", name="b", content="2")),
    )

    assert body["contents"] == [
        {"role": "model", "parts": [{"functionCall": {"name": "a", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "a", "response": {"output": "1"}}}]},
        {"role": "model", "parts": [{"functionCall": {"id": "x", "name": "b", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"id": "x", "name": "b", "response": {"output": "2"}}}]},
    ]


@pytest.mark.parametrize(
    ("content", "is_error", "response"),
    [
        ("sunny", False, {"output": "sunny"}),
        ("12", False, {"output": "12"}),
        ("[1]", False, {"output": [1]}),
        ('{"sky":"blue"}', False, {"sky": "blue"}),
        ("it broke", True, {"error": "it broke"}),
    ],
)
def test_results_are_objects(encode, content, is_error, response):
    """
    A JSON object is sent unchanged; other results are under ``output``, errors under ``error``.
    """
    result = ToolResultPart(call_id="1", name="weather", content=content, is_error=is_error)
    body, _ = encode(Message.tool(result))

    assert body["contents"][0]["parts"][0]["functionResponse"]["response"] == response


def test_results_of_one_turn_are_one_content(encode):
    """
    The API requires as many results as there were calls.
    """
    results = [Message.tool(ToolResultPart(call_id=name, name=name, content=name)) for name in "ab"]
    body, _ = encode(*results, Message.user("And?"), *results)

    assert [len(content["parts"]) for content in body["contents"]] == [2, 1, 2]


def test_arguments_that_are_no_json(encode):
    """
    Invalid arguments of another model are wrapped in an object.
    """
    body, _ = encode(assistant(ToolCallPart(id="1", name="a", arguments="{oops", provider="gemini")))
    assert body["contents"][0]["parts"][0]["functionCall"]["args"] == {"INVALID_JSON": "{oops"}


def test_images_as_bytes_and_by_url(encode):
    """
    Bytes and ``data:`` URLs are sent inline; Gemini fetches other URLs.
    """
    images = (
        ImagePart(data=b"png", media_type="image/png"),
        ImagePart(url="data:image/gif;base64,Z2lm"),
        ImagePart(url="https://example.org/a.jpg", media_type="image/jpeg"),
        ImagePart(url="https://example.org/a"),
    )
    body, adaptations = encode(Message.user("Look", *images))

    assert body["contents"][0]["parts"] == [
        {"text": "Look"},
        {"inlineData": {"mimeType": "image/png", "data": "cG5n"}},
        {"inlineData": {"mimeType": "image/gif", "data": "Z2lm"}},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://example.org/a.jpg"}},
        {"fileData": {"fileUri": "https://example.org/a"}},
    ]
    assert adaptations == []


def test_an_image_needs_a_media_type(encode):
    """
    Without it no request is sent.
    """
    with pytest.raises(PromptError, match="media_type"):
        encode(Message.user("Look", ImagePart(data=b"png")))


def test_vendor_parts_are_sent_back_only_to_their_vendor(encode):
    """
    Gemini's own parts are unchanged, except its sources, which are not sent.
    """
    code = {"executableCode": {"code": "1"}, "thoughtSignature": "S"}
    body, adaptations = encode(
        assistant(
            VendorPart(provider="gemini", kind="executableCode", data=code),
            VendorPart(provider="gemini", kind="groundingMetadata", data={"webSearchQueries": ["x"]}),
            VendorPart(provider="openai", kind="audio", data={"id": "1"}),
            ReasoningPart(text="Hm.", provider="anthropic", data="sig"),
            RefusalPart(text="No."),
        ),
    )

    assert body["contents"] == [{"role": "model", "parts": [code, {"text": "No."}]}]
    assert adaptations == [("messages", "changed")]


def test_an_empty_message_is_left_out(encode):
    """
    The API rejects a content without parts.
    """
    body, _ = encode(Message.user("Hello"), assistant(ReasoningPart(text="Hm.")), Message.user("Well?"))
    assert [content["parts"] for content in body["contents"]] == [[{"text": "Hello"}], [{"text": "Well?"}]]


def test_extra_is_merged(encode):
    """
    The caller's objects are merged with ours.
    """
    extra = {"generationConfig": {"topK": 3}, "cachedContent": "cachedContents/1"}
    body, _ = encode(temperature=0.5, extra=extra)

    assert body["generationConfig"] == {"temperature": 0.5, "topK": 3}
    assert body["cachedContent"] == "cachedContents/1"


def test_safety_settings_come_from_the_settings(encode):
    """
    They are sent with every request.
    """
    body, _ = encode(settings={"safety_settings": {"HARM_CATEGORY_HARASSMENT": "BLOCK_NONE"}})
    assert body["safetySettings"] == [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-9", "models/gemini-9"),
        ("models/gemini-9", "models/gemini-9"),
        ("tunedModels/mine", "tunedModels/mine"),
        ("a b?key=c", "models/a%20b%3Fkey%3Dc"),
    ],
)
def test_the_model_is_in_the_url(gemini, model, path):
    """
    Streams use server-sent events, and no name of a model can change the path.
    """
    request = ChatRequest(model=model, messages=(Message.user("Hello"),))
    base = "https://generativelanguage.googleapis.com/v1beta"

    assert gemini().encode(request, stream=False).url == f"{base}/{path}:generateContent"
    assert gemini().encode(request, stream=True).url == f"{base}/{path}:streamGenerateContent?alt=sse"


def test_names_of_speakers_are_dropped(encode):
    """
    The API has no field for them.
    """
    body, adaptations = encode(Message(role="user", parts=(TextPart(text="Hello"),), name="Ada"))
    assert "Ada" not in json.dumps(body)
    assert adaptations == [("name", "dropped")]
