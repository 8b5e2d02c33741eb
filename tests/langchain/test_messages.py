"""Messages in both directions: reasoning, media, tool results and calls."""

from __future__ import annotations

import base64
import functools
import json
import operator

import pytest
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    messages_from_dict,
    messages_to_dict,
)

import budwood
from budwood.types import AudioPart, Message, TextPart, VendorPart
from budwood_langchain import ChatBudwood
from budwood_langchain.messages import convert_messages
from budwood_langchain.replies import make_result
from tests import responses
from tests.chat_server import ChatServer
from tests.langchain.claude import CALL, THINKING, Claude
from tests.media import IMAGES, make_pdf, make_wav

QUESTION = HumanMessage("What is the weather in Oslo?")


def weather(city: str) -> str:
    """Return the weather of a city."""
    return f"Sunny in {city}."


@pytest.fixture
def claude():
    """
    A server with the Messages API.
    """
    with Claude() as server:
        yield server


@pytest.fixture
def model(claude):
    """
    A model of that server, with a tool.
    """
    with budwood.Client("anthropic/claude-opus-4-1", settings=claude.settings) as client:
        yield ChatBudwood(client=client, max_tokens=2000).bind_tools([weather])


def stream(model, messages):
    """
    Return the message of a stream.
    """
    return functools.reduce(operator.add, model.stream(messages))


def invoke(model, messages):
    """
    Return the reply.
    """
    return model.invoke(messages)


def save_and_load(message):
    """
    Return the message after it was saved as JSON.
    """
    return messages_from_dict(json.loads(json.dumps(messages_to_dict([message]))))[0]


@pytest.mark.parametrize("ask", [invoke, stream])
@pytest.mark.parametrize("save", [lambda message: message, save_and_load], ids=["", "saved"])
def test_reasoning_is_sent_back_with_its_signature(model, claude, ask, save):
    """
    A model that reasons before it calls a tool gets its reasoning back unchanged, also of a stream or a saved message.
    """
    reply = save(ask(model, [QUESTION]))
    result = ToolMessage("Sunny.", tool_call_id=reply.tool_calls[0]["id"])
    answer = model.invoke([QUESTION, reply, result])

    assert [block["type"] for block in reply.content_blocks] == ["reasoning", "tool_call"]
    assert reply.content_blocks[0]["reasoning"] == THINKING["thinking"]
    assert claude.requests[1]["messages"][1] == {"role": "assistant", "content": [THINKING, CALL]}
    assert answer.text == "It is sunny."


@pytest.mark.parametrize("ask", [invoke, stream])
@pytest.mark.parametrize("save", [lambda message: message, save_and_load], ids=["", "saved"])
def test_reasoning_of_the_responses_api_is_sent_back(ask, save):
    """
    OpenAI's other API returns items, which it gets back unchanged and in order, before the result of the tool.
    """
    items = [responses.reasoning("The user asks."), responses.call("weather", '{"city": "Oslo"}')]

    def fault(number, body):
        output = items if number == 1 else [responses.message("It is sunny.")]
        if not body.get("stream"):
            return lambda handler: handler.send(200, responses.response(*output))
        data = b"".join(responses.stream(*output))

        def send(handler):
            handler.send_head(200, len(data), {"content-type": "text/event-stream"})
            handler.wfile.write(data)

        return send

    with ChatServer(fault=fault) as server:
        settings = {"providers": {"openai": {"base_url": f"{server.origin}/v1", "api_key": "sk-x", "api": "responses"}}}
        with budwood.Client("openai/gpt-5", settings=settings) as client:
            model = ChatBudwood(client=client).bind_tools([weather])
            reply = save(ask(model, [QUESTION]))
            answer = ask(model, [QUESTION, reply, ToolMessage("Sunny.", tool_call_id=reply.tool_calls[0]["id"])])

    assert [block["type"] for block in reply.content_blocks] == ["reasoning", "tool_call"]
    sent = server.requests[1]["input"]
    assert sent[1]["encrypted_content"] == items[0]["encrypted_content"]
    assert [item.get("id") for item in sent[1:3]] == ["rs_1", "fc_1"]
    assert (sent[3]["type"], sent[3]["call_id"]) == ("function_call_output", "call_1")
    assert answer.text == "It is sunny."


@pytest.mark.parametrize("ask", [invoke, stream])
def test_usage_has_its_details(model, ask):
    """
    Tokens read from the vendor's cache and written to it are reported, also in streams.
    """
    usage = ask(model, [QUESTION]).usage_metadata

    assert usage["input_tokens"] == 19
    assert usage["input_token_details"] == {"cache_read": 5, "cache_creation": 2}


def test_v1_output_contains_standard_blocks(claude):
    """
    With ``output_version="v1"``, the content has LangChain's standard blocks, and is sent back as before.
    """
    with budwood.Client("anthropic/claude-opus-4-1", settings=claude.settings) as client:
        model = ChatBudwood(client=client, max_tokens=2000, output_version="v1").bind_tools([weather])
        reply = model.invoke([QUESTION])
        model.invoke([QUESTION, reply, ToolMessage("Sunny.", tool_call_id="toolu_1")])

    assert [block["type"] for block in reply.content] == ["reasoning", "tool_call"]
    assert claude.requests[1]["messages"][1]["content"] == [THINKING, CALL]


PNG = IMAGES["png"]


def encode(data):
    """
    Return bytes in base64.
    """
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("block", "kind", "fields"),
    [
        (
            {"type": "image", "base64": encode(PNG), "mime_type": "image/png"},
            "image",
            {"data": PNG},
        ),
        ({"type": "image", "url": "https://a.example/b.png"}, "image", {"url": "https://a.example/b.png"}),
        ({"type": "image", "file_id": "file-1"}, "image", {"file_id": "file-1"}),
        (
            {"type": "image", "source_type": "base64", "data": encode(PNG), "mime_type": "image/png"},
            "image",
            {"data": PNG},
        ),
        ({"type": "file", "base64": encode(make_pdf()), "filename": "a.pdf"}, "document", {"name": "a.pdf"}),
        (
            {"type": "audio", "base64": encode(make_wav()), "mime_type": "audio/wav"},
            "audio",
            {"media_type": "audio/wav"},
        ),
        ({"type": "text-plain", "text": "Buds."}, "document", {"data": b"Buds.", "media_type": "text/plain"}),
        ({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, "text", {"cache": "default"}),
    ],
)
def test_blocks_become_parts(block, kind, fields):
    """
    Each form of LangChain's blocks has a part.
    """
    (message,) = convert_messages([HumanMessage([block])])
    (part,) = message["content"]

    assert part.type == kind
    assert {name: getattr(part, name) for name in fields} == fields


def test_blocks_of_vendors_are_passed_on():
    """
    Blocks in the form of OpenAI or Anthropic are parsed by Budwood.
    """
    blocks = [
        {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "low"}},
        {"type": "document", "source": {"type": "text", "data": "Buds."}},
    ]

    assert convert_messages([HumanMessage(blocks)])[0]["content"] == blocks


def test_result_of_a_tool_keeps_its_error_and_media():
    """
    The status and images of a tool's result are converted, and its name is that of the call.
    """
    call = AIMessage("", tool_calls=[{"name": "draw", "args": {}, "id": "1"}])
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{encode(IMAGES['png'])}"}}
    result = ToolMessage(["Failed.", image], tool_call_id="1", status="error")

    (part,) = convert_messages([call, result])[1].parts

    assert (part.name, part.is_error, part.text) == ("draw", True, "Failed.")
    assert [media.data or media.url for media in part.media] != []


def test_invalid_calls_are_kept_apart_and_sent_back():
    """
    Arguments that are not JSON are in ``invalid_tool_calls``, with the reason.
    """
    part = budwood.ToolCallPart(id="1", name="weather", arguments="Oslo")
    message = make_result(budwood.ChatResponse(message=Message(role="assistant", parts=(part,)))).generations[0].message

    (converted,) = convert_messages([message])

    assert message.tool_calls == []
    assert "not a JSON object" in message.invalid_tool_calls[0]["error"]
    assert converted["content"] == [part]


def test_vendors_data_of_texts_and_calls_are_kept():
    """
    Data that vendors need back with texts and calls are in the message, whose content is a text.
    """
    text = TextPart(text="Hello", provider="openai", data={"id": "msg_1"})
    call = budwood.ToolCallPart(id="1", name="f", provider="gemini", data={"signature": "x"})
    reply = budwood.ChatResponse(message=Message(role="assistant", parts=(text, call)))

    message = make_result(reply).generations[0].message

    assert message.content == "Hello"
    assert convert_messages([message])[0]["content"] == [text, call]


def test_media_and_vendors_content_return_unchanged():
    """
    Audio that a model generated and content that Budwood does not model become blocks, and parts again.
    """
    audio = AudioPart(data=make_wav(), media_type="audio/wav", provider="openai", vendor_data={"id": "audio_1"})
    other = VendorPart(provider="anthropic", kind="server_tool_use", data={"id": "x"})
    reply = budwood.ChatResponse(message=Message(role="assistant", parts=(audio, other)))

    message = make_result(reply).generations[0].message
    back = convert_messages([save_and_load(message)])[0]["content"]

    assert [block["type"] for block in message.content_blocks] == ["audio", "non_standard"]
    assert back == [audio, other]


def test_further_choices_are_generations():
    """
    Alternatives of a reply are further generations.
    """
    reply = budwood.ChatResponse(message=Message.assistant("a"), alternatives=(Message.assistant("b"),))

    assert [generation.text for generation in make_result(reply).generations] == ["a", "b"]


def test_roles_are_kept():
    """
    Messages of other roles, and of the developer, keep their role and name.
    """
    developer = SystemMessage("Be short.", additional_kwargs={"__openai_role__": "developer"})

    converted = convert_messages([developer, ChatMessage("Hi", role="user", name="Ada")])

    assert [(message["role"], message["name"]) for message in converted] == [("developer", None), ("user", "Ada")]


@pytest.mark.parametrize(
    "message",
    [
        RemoveMessage(id="1"),
        HumanMessage([{"type": "image"}]),
        HumanMessage([{"type": "image", "base64": "?"}]),
        HumanMessage([{"type": "text"}]),
    ],
)
def test_messages_that_cannot_be_sent_are_errors(message):
    """
    The error is that of a prompt.
    """
    with pytest.raises(budwood.PromptError):
        convert_messages([message])


def test_metadata_can_be_saved():
    """
    The metadata of a reply are JSON.
    """
    reply = ChatBudwood(model="offline/extractive").invoke("What grows? Buds grow.")

    assert json.loads(json.dumps(reply.response_metadata)) == reply.response_metadata
