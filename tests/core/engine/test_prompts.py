from __future__ import annotations

import pytest

from budwood.errors import PromptError
from budwood.types import Message
from budwood_testing import chat_reply


def test_messages_have_three_forms(client, scripted):
    """
    A message, a list of messages and dictionaries in OpenAI's form are sent alike, after the system prompt.
    """
    dictionary = {"role": "user", "content": "Hi"}
    for prompt in ("Hi", Message.user("Hi"), [Message.user("Hi")], [dictionary], (dictionary,)):
        scripted.reply(body=chat_reply())

        client.ask(prompt, system="Be brief.")

        assert scripted.sent()["messages"] == [{"role": "system", "content": "Be brief."}, dictionary]


def test_dictionaries_are_sent_unchanged(client, scripted):
    """
    Images, tool calls, their results and refusals in OpenAI's form are sent as they were passed.
    """
    messages = [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
            ],
            "name": "ada",
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"x": 1}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "A cat."},
        {"role": "assistant", "content": None, "refusal": "I will not say."},
        {"role": "user", "content": "Please."},
    ]
    scripted.reply(body=chat_reply())

    client.ask(messages)

    assert scripted.sent()["messages"] == messages


@pytest.mark.parametrize(
    ("prompt", "expected_error"),
    [
        ("", "The prompt is empty."),
        (" \n", "The prompt is empty."),
        ([], "There is no message to answer."),
        ([Message.system("Be brief.")], "There is no message to answer."),
        (7, "The prompt is of the type int."),
        ({"role": "user", "content": "Hi"}, "type dict.*list of messages"),
        ([7], "Message 0 is of the type int."),
        ([{"content": "Hi"}], "Message 0: the field 'role' is missing."),
        ([{"role": "user", "content": "Hi"}, {"role": "pirate", "content": "Arr"}], "Message 1: the role is 'pirate'"),
        ([{"role": "user", "content": 7}], "Message 0: the content is of the type int"),
        ([{"role": "user", "content": [{"type": "smell"}]}], "content of the type 'smell'"),
        ([{"role": "user", "content": [7]}], "Message 0: a part of the content is of the type int"),
        ([{"role": "assistant", "tool_calls": [7]}], "Message 0: a tool call is of the type int"),
        ("half a pair: \ud83c", "surrogates not allowed.*unpaired"),
    ],
)
def test_invalid_prompts_are_refused(client, scripted, prompt, expected_error):
    """
    The `PromptError` says which message is invalid, and nothing is sent.
    """
    with pytest.raises(PromptError, match=expected_error):
        client.ask(prompt)

    assert scripted.calls == []
