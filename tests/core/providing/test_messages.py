"""Messages are checked before they are sent."""

from __future__ import annotations

import pytest

from budwood.errors import PromptError, UnsupportedError
from budwood.providing import check_capabilities, check_messages
from budwood.types import Capability, ImagePart, Message, TextPart, ToolCallPart, ToolResultPart

IMAGE = ImagePart(url="https://vendor.example/a.png")
WITH_IMAGE = Message(role="user", parts=(IMAGE,))
TOOL_CALL = Message(role="assistant", parts=(ToolCallPart(id="1", name="f", arguments="{}"),))


@pytest.mark.parametrize("messages", [[], [Message.system("Be brief.")], [Message(role="developer", parts=())]])
def test_nothing_to_answer(messages):
    """
    System messages alone are not enough.
    """
    with pytest.raises(PromptError, match="no message to answer") as caught:
        check_messages(messages)

    assert caught.value.hint


@pytest.mark.parametrize("text", ["", " ", "\n\t\u2003"])
def test_an_empty_prompt(text):
    """
    White space counts as empty, including that of Unicode.
    """
    with pytest.raises(PromptError, match="empty"):
        check_messages([Message.system("Be brief."), Message.user(text)])


@pytest.mark.parametrize("last", [Message.user(" "), Message(role="user", parts=())])
@pytest.mark.parametrize("later", [[], [Message.system("Be brief.")]])
def test_an_empty_prompt_after_others(last, later):
    """
    Earlier messages do not make an empty prompt valid.
    """
    with pytest.raises(PromptError, match="empty"):
        check_messages([Message.user("hi"), Message.assistant("yes"), last, *later])


@pytest.mark.parametrize(
    "messages",
    [
        [Message.user("hi")],
        [WITH_IMAGE],
        [Message.user(""), Message.user("hi")],
        [Message.user("hi"), Message.system("Be brief.")],
        [Message.user("hi"), TOOL_CALL, Message.tool(ToolResultPart(call_id="1", name="f", content=""))],
        [Message(role="assistant", parts=(TextPart(text="Once upon"),))],
    ],
)
def test_valid_messages(messages):
    """
    A text, an image alone, a tool result, and the start of a reply are enough.
    """
    check_messages(messages)


def test_images_need_a_model_that_takes_them():
    """
    Without the capability an image in any message is an error that names the model.
    """
    messages = [WITH_IMAGE, Message.user("What is it?")]

    check_capabilities(messages, frozenset({Capability.IMAGE_INPUT}), "openai/m")
    with pytest.raises(UnsupportedError, match="openai/m does not take images") as caught:
        check_capabilities(messages, frozenset({Capability.CHAT}), "openai/m")
    assert caught.value.hint


def test_text_needs_no_capability():
    """
    Every model takes text.
    """
    check_capabilities([Message.user("hi")], frozenset(), "openai/m")
