"""Prompts of Budwood as prompts of LangChain, and back."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate

from budwood import Client, ImagePart, Message, PromptError, TextPart, ToolCallPart, ToolResultPart
from budwood.providing import PromptTemplate
from budwood_langchain import (
    from_chat_prompt_template,
    from_langchain_messages,
    to_chat_prompt_template,
    to_langchain_messages,
)

PNG = b"\x89PNG\r\n\x1a\n"
HISTORY = [
    Message.system("Be brief."),
    Message.user("Look", ImagePart(data=PNG, media_type="image/png")),
    Message(role="assistant", parts=(TextPart(text="Hm"), ToolCallPart(id="call_1", name="add", arguments='{"a":1}'))),
    Message.tool(ToolResultPart(call_id="call_1", name="add", content="2")),
    Message.assistant("Two"),
]


@pytest.fixture
def session():
    """
    A conversation with a system prompt and one turn.
    """
    with Client("offline/extractive") as client:
        session = client.chat(system="Use {braces}.")
        session.messages = [Message.user("What is {x}?"), Message.assistant("{y}")]
        yield session


def texts_of(prompt):
    """
    Return the roles and the texts of a prompt.
    """
    return [
        (message["role"], "".join(part.text for part in message["content"] if isinstance(part, TextPart)))
        for message in prompt
    ]


def test_messages_become_those_of_langchain():
    """
    All roles, media, tool calls and results have their form in LangChain.
    """
    system, user, call, result, answer = to_langchain_messages(HISTORY)

    assert isinstance(system, SystemMessage)
    assert isinstance(user, HumanMessage)
    assert [block["type"] for block in user.content] == ["text", "image"]
    assert call.tool_calls == [{"name": "add", "args": {"a": 1}, "id": "call_1", "type": "tool_call"}]
    assert isinstance(result, ToolMessage)
    assert (result.tool_call_id, result.content, result.name) == ("call_1", "2", "add")
    assert answer == AIMessage("Two")


def test_messages_survive_both_ways():
    """
    A history that was converted and converted back is the same for a conversation of Budwood.
    """
    with Client("offline/extractive") as client:
        session = client.chat()
        session.messages = from_langchain_messages(to_langchain_messages(HISTORY))

    assert list(session.messages) == HISTORY


def test_dictionaries_and_texts_are_prompts():
    """
    A text, a message and dictionaries in OpenAI's form are accepted, as by clients.
    """
    assert to_langchain_messages("Hi") == [HumanMessage("Hi")]
    assert to_langchain_messages(Message.user("Hi")) == [HumanMessage("Hi")]
    assert to_langchain_messages([{"role": "user", "content": "Hi"}]) == [HumanMessage("Hi")]
    with pytest.raises(PromptError, match="unknown form"):
        to_langchain_messages([{"role": "nobody"}])


def test_conversation_becomes_messages_and_a_template(session):
    """
    The system prompt comes first, and braces in a history are literal.
    """
    expected = [SystemMessage("Use {braces}."), HumanMessage("What is {x}?"), AIMessage("{y}")]

    assert to_langchain_messages(session) == expected
    template = to_chat_prompt_template(session)
    assert template.input_variables == []
    assert (template + HumanMessage("Next")).format_messages() == [*expected, HumanMessage("Next")]


def test_placeholders_become_variables():
    """
    Placeholders are filled by LangChain as Budwood fills them; double braces are literal.
    """
    text = "Explain {topic} as {{json}}."
    template = to_chat_prompt_template([Message.system("For {reader}."), Message.user(text)])

    assert sorted(template.input_variables) == ["reader", "topic"]
    system, user = template.format_messages(topic="{grafting}", reader="Ada")
    assert system.content == "For Ada."
    assert user.content == PromptTemplate(text).fill({"topic": "{grafting}"})


def test_message_with_media_can_be_a_template():
    """
    Texts beside media have placeholders; media do not.
    """
    image = ImagePart(url="https://example.org/{x}.png")
    template = to_chat_prompt_template([Message.user("See {what}", image)])

    (message,) = template.format_messages(what="this")

    assert message.content[0]["text"] == "See this"
    assert message.content[1]["url"] == "https://example.org/{x}.png"


@pytest.mark.parametrize("text", ["Use {a b}", "A lone { brace"])
def test_placeholder_that_langchain_does_not_accept(text):
    """
    It is an error that says how to write it.
    """
    with pytest.raises(PromptError, match="placeholder"):
        to_chat_prompt_template(text)


def test_template_becomes_a_prompt():
    """
    With values the template is filled, with messages in the place of their placeholder.
    """
    template = ChatPromptTemplate(
        [("system", "For {reader}."), ("placeholder", "{history}"), ("human", "Explain {topic:>4}.")]
    )
    values = {"reader": "Ada", "history": [("human", "Hi"), ("ai", "Hello")], "topic": "x"}

    assert texts_of(from_chat_prompt_template(template, values)) == [
        ("system", "For Ada."),
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "Explain    x."),
    ]
    with Client("offline/extractive") as client:
        assert client.ask(from_chat_prompt_template(template, values)).text


def test_template_keeps_its_placeholders():
    """
    Without values the texts are templates of Budwood, with literal braces doubled.
    """
    template = ChatPromptTemplate([("system", "Use {{json}}."), ("human", "Explain {topic}.")])
    prompt = from_chat_prompt_template(template)

    assert texts_of(prompt) == [("system", "Use {{json}}."), ("user", "Explain {topic}.")]
    again = to_chat_prompt_template(prompt_as_messages(prompt))
    assert again.format_messages(topic="x") == template.format_messages(topic="x")


def prompt_as_messages(prompt):
    """
    Return a prompt as messages.
    """
    return [Message(role=message["role"], parts=tuple(message["content"])) for message in prompt]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (ChatPromptTemplate([("human", "{{name}}")], template_format="mustache"), "is a mustache template"),
        (ChatPromptTemplate([("placeholder", "{history}"), ("human", "{x:.2f}")]), "A placeholder has a format"),
    ],
)
def test_placeholders_that_cannot_be_kept(template, message):
    """
    The error says that their values are needed.
    """
    with pytest.raises(PromptError, match=message):
        from_chat_prompt_template(template)


def test_missing_value_is_named():
    """
    A placeholder without a value is an error before anything is sent.
    """
    with pytest.raises(PromptError, match=r"\{topic\} has no value"):
        from_chat_prompt_template(ChatPromptTemplate([("human", "{topic}")]), {})
