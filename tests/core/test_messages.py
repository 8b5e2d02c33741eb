from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.engine.chat.prompts import parse_prompt
from budwood.errors import PromptError
from budwood.types import ChatResponse, ImagePart, Message, ReasoningPart, TextPart, ToolCallPart, ToolResultPart

ROLES = st.sampled_from(["system", "developer", "user", "assistant", "tool"])
TEXTS = st.text(max_size=20)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


def test_messages_have_constructors_by_role():
    """
    There is one constructor for each role.
    """
    result = ToolResultPart(call_id="1", name="weather", content="fine")
    image = ImagePart(url="http://x/y.png")

    assert Message.system("a") == Message(role="system", parts=(TextPart(text="a"),))
    assert Message.user("a", image) == Message(role="user", parts=(TextPart(text="a"), image))
    assert Message.assistant("a") == Message(role="assistant", parts=(TextPart(text="a"),))
    assert Message.tool(result) == Message(role="tool", parts=(result,))


def test_messages_return_their_texts_calls_and_results():
    """
    Reasoning is not text, and the order is preserved.
    """
    call = ToolCallPart(id="1", name="weather")
    message = Message(role="assistant", parts=(ReasoningPart(text="hm"), TextPart(text="a"), call, TextPart(text="b")))
    response = ChatResponse(message=message)

    assert (message.text, message.tool_calls, message.tool_results) == ("ab", (call,), ())
    assert (response.text, response.reasoning, response.tool_calls) == ("ab", "hm", (call,))


@pytest.mark.parametrize(
    ("prompt", "messages"),
    [
        ("hi", [Message.user("hi")]),
        (Message.assistant("hi"), [Message.assistant("hi")]),
        ([Message.user("a"), {"role": "assistant", "content": "b"}], [Message.user("a"), Message.assistant("b")]),
        (({"role": "user", "content": "a"},), [Message.user("a")]),
        (
            [{"role": "user", "content": [{"type": "text", "text": "a"}], "name": "ada"}],
            [Message(role="user", parts=(TextPart(text="a"),), name="ada")],
        ),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x", "detail": "low"}}]}],
            [Message(role="user", parts=(ImagePart(url="http://x", detail="low"),))],
        ),
        (
            [
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
                },
                {"role": "tool", "tool_call_id": "1", "content": "x"},
            ],
            [
                Message(role="assistant", parts=(ToolCallPart(id="1", name="f"),)),
                Message.tool(ToolResultPart(call_id="1", name="f", content="x")),
            ],
        ),
        ([Message.user("a").model_dump()], [Message.user("a")]),
        ([], []),
    ],
)
def test_prompt_may_have_many_forms(prompt, messages):
    """
    A prompt is a text, a message, or a list of messages, in OpenAI's form or in that of saved conversations.
    """
    assert parse_prompt(prompt) == tuple(messages)
    assert parse_prompt(prompt, system="s") == (Message.system("s"), *messages)


@pytest.mark.parametrize(
    "prompt",
    [
        None,
        5,
        b"bytes",
        {"role": "user", "content": "hi"},
        ["hi"],
        [None],
        [{"role": "user"}, 5],
        [{"content": "hi"}],
        [{"role": "boss", "content": "hi"}],
        [{"role": "user", "content": 5}],
        [{"role": "user", "content": [5]}],
        [{"role": "user", "content": [{"type": "text"}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": 5}]}],
        [{"role": "user", "content": [{"type": "hologram"}]}],
        [{"role": "assistant", "tool_calls": [{"id": "1"}]}],
        [{"role": "assistant", "tool_calls": "f"}],
        [{"role": "tool", "content": "x"}],
        [{"role": "function", "name": "f", "content": "x"}],
        [{"role": "assistant", "function_call": "f"}],
        [{"role": "assistant", "audio": {"id": "a1"}}],
        [{"role": "user", "content": "hi", "cache_control": {"type": "forever"}}],
    ],
)
def test_invalid_prompts_are_prompt_errors(prompt):
    """
    Nothing is guessed, and nothing is sent.
    """
    with pytest.raises(PromptError):
        parse_prompt(prompt)


FIELDS = "role content tool_calls tool_call_id name refusal parts function_call cache_control reasoning audio".split()


@given(st.dictionaries(st.sampled_from(FIELDS), ROLES | JSONS))
def test_any_dictionary_is_a_message_or_a_prompt_error(given_message):
    """
    No dictionary raises another exception.
    """
    try:
        messages = parse_prompt([given_message])
    except PromptError:
        return

    assert isinstance(messages[0], Message)


@pytest.mark.parametrize("arguments_json", ["[1]", "1", '"a"', "{", "{'a': 1}"])
def test_invalid_arguments_are_value_errors(arguments_json):
    """
    Arguments that are not a JSON object are a ValueError.
    """
    with pytest.raises(ValueError, match=r"\w"):
        ToolCallPart(id="1", name="f", arguments=arguments_json).parse_arguments()


@pytest.mark.parametrize(("arguments_json", "arguments"), [("", {}), ("  \n", {}), ('{"a": [1]}', {"a": [1]})])
def test_arguments_are_parsed(arguments_json, arguments):
    """
    Empty text is an empty object.
    """
    assert ToolCallPart(id="1", name="f", arguments=arguments_json).parse_arguments() == arguments


@pytest.mark.parametrize(
    ("part", "address"),
    [
        (ImagePart(url="http://x/y.png"), "http://x/y.png"),
        (ImagePart(data=b"\xff\xfb", media_type="image/png"), "data:image/png;base64,//s="),
        (ImagePart(data=b""), "data:application/octet-stream;base64,"),
    ],
)
def test_images_have_a_url(part, address):
    """
    The URL is that of the image, or contains its bytes.
    """
    assert part.data_url == address
