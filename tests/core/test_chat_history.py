from __future__ import annotations

import asyncio

import pytest

from budwood import Message, PromptError, StreamInterruptedError, TextPart, ToolCallPart, ToolResultPart
from budwood_testing import chat_chunks, chat_reply, sse


def list_texts(messages) -> list[tuple[str, str]]:
    """List the roles and texts of messages."""
    return [(message.role, message.text) for message in messages]


def sent_texts(scripted, number=-1) -> list[str]:
    """List the texts of a request."""
    return [message["content"] for message in scripted.sent(number)["messages"]]


def test_undo_removes_the_last_turn(client, scripted):
    """
    The last prompt and its reply are removed, and the prompt is returned, so that it can be asked again.
    """
    for text in ("One.", "Two.", "Other."):
        scripted.reply(body=chat_reply(text))
    chat = client.chat()
    chat.ask("1")
    chat.ask("2")

    prompt = chat.undo()
    assert (list_texts(prompt), list_texts(chat.messages)) == ([("user", "2")], [("user", "1"), ("assistant", "One.")])

    chat.ask(prompt)
    assert sent_texts(scripted) == ["1", "One.", "2"]
    assert list_texts(chat.messages)[-1] == ("assistant", "Other.")


def test_undo_removes_rounds_of_tools(client):
    """
    Calls and results between the prompt and the reply belong to the turn.
    """
    call, result = ToolCallPart(id="1", name="look"), ToolResultPart(call_id="1", name="look", content="4")
    chat = client.chat()
    chat.messages = [
        Message.user("Before"),
        Message.assistant("Yes."),
        Message.user("How many?"),
        Message(role="assistant", parts=(call,)),
        Message.tool(result),
        Message.assistant("4"),
    ]

    assert list_texts(chat.undo()) == [("user", "How many?")]
    assert list_texts(chat.messages) == [("user", "Before"), ("assistant", "Yes.")]


@pytest.mark.parametrize("messages", [[], [Message.assistant("Welcome.")]])
def test_undo_without_a_prompt_changes_nothing(client, messages):
    """
    A greeting of the model is not a turn.
    """
    chat = client.chat()
    chat.messages = messages

    assert chat.undo() == ()
    assert chat.messages == tuple(messages)


def test_reset_removes_all_messages(client, scripted):
    """
    Model, system prompt and options stay; the vendor sees no earlier message.
    """
    scripted.reply(body=chat_reply("One.")).reply(body=chat_reply("Two."))
    chat = client.chat(model="openai/gpt-4o-mini", system="Guide.", temperature=0.5)
    chat.ask("1")

    chat.reset()
    assert (chat.messages, chat.model, chat.system) == ((), "openai/gpt-4o-mini", "Guide.")
    chat.ask("2")

    assert sent_texts(scripted) == ["Guide.", "2"]
    assert scripted.sent()["temperature"] == 0.5


def test_messages_can_be_replaced(client, scripted):
    """
    Assigned messages are the history of the next request; dictionaries are converted.
    """
    scripted.reply(body=chat_reply("Three."))
    chat = client.chat()

    chat.messages = [{"role": "user", "content": "1"}, Message.assistant("One.")]
    chat.ask("2")

    assert sent_texts(scripted) == ["1", "One.", "2"]


def test_assigned_messages_are_copied(client):
    """
    Later changes of the list, or of the messages of a fork, do not change the history.
    """
    chat = client.chat()
    messages = [Message.user("1"), Message.assistant("One.")]
    chat.messages = messages
    fork = chat.fork()

    messages.clear()
    fork.reset()

    assert list_texts(chat.messages) == [("user", "1"), ("assistant", "One.")]


@pytest.mark.parametrize("value", ["Hi", Message.user("Hi"), {"role": "user"}, 5, None, [5], [{"role": "pirate"}]])
def test_assigned_messages_are_validated(client, value):
    """
    Anything but a list of messages is an error, and the history stays.
    """
    chat = client.chat()
    chat.messages = [Message.user("1")]

    with pytest.raises(PromptError):
        chat.messages = value

    assert chat.messages == (Message.user("1"),)


def test_a_stopped_reply_can_be_kept(client, scripted, tmp_path):
    """
    The prompt and what arrived continue the conversation. The message is marked, also in the file of the chat.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Once ", "upon ", "a time"]))).reply(body=chat_reply("It rained."))
    chat = client.chat()

    with chat.stream("Tell a story.") as stream:
        next(stream.text_deltas())
    chat.keep(stream.response)
    chat.save(tmp_path / "talk.json")
    chat = client.load_chat(tmp_path / "talk.json")
    chat.ask("Go on.")

    assert sent_texts(scripted)[0::2] == ["Tell a story.", "Go on."]
    assert [message.partial for message in chat.messages] == [None, True, None, None]
    assert "partial" not in str(scripted.sent())


def test_an_interrupted_reply_can_be_kept(client, scripted):
    """
    The partial reply of the error is added.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Once"], finish_reason=None), done=False))
    chat = client.chat()

    with chat.stream("Tell a story.") as stream, pytest.raises(StreamInterruptedError) as caught:
        list(stream)
    chat.keep(caught.value.response)

    assert list_texts(chat.messages) == [("user", "Tell a story."), ("assistant", "Once")]
    assert list_texts(chat.undo()) == [("user", "Tell a story.")]


def test_an_async_session_keeps_and_undoes(async_client, scripted):
    """
    The methods are the same, and not coroutines.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Once ", "upon"])))

    async def run_scenario():
        chat = async_client.chat()
        async with chat.stream("Tell a story.") as stream:
            await anext(stream.text_deltas())
        chat.keep(stream.response)
        return chat

    chat = asyncio.run(run_scenario())

    assert chat.messages[-1].partial
    assert list_texts(chat.undo()) == [("user", "Tell a story.")]
    assert repr(chat) == "AsyncChatSession(model='openai/gpt-4o', messages=0)"


def test_only_text_of_an_incomplete_reply_is_kept(client, scripted):
    """
    Vendors reject incomplete tool calls.
    """
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a'}}
    delta = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}
    scripted.reply(chunks=sse(*chat_chunks(["Let me look."], finish_reason=None), delta, done=False))
    chat = client.chat()

    with chat.stream("How many?") as stream, pytest.raises(StreamInterruptedError):
        list(stream)
    chat.keep(stream.response)

    assert [type(part) for part in chat.messages[-1].parts] == [TextPart]


def test_a_complete_reply_cannot_be_kept_again(client, scripted):
    """
    It is in the history already.
    """
    scripted.reply(body=chat_reply("Hello."))
    chat = client.chat()
    reply = chat.ask("Hi")

    with pytest.raises(PromptError, match="no incomplete reply"):
        chat.keep(reply)

    assert len(chat.messages) == 2


def test_an_incomplete_reply_without_text_cannot_be_kept(client, scripted):
    """
    Vendors reject empty messages.
    """
    scripted.reply(chunks=sse(*chat_chunks([" ", "a"])))
    chat = client.chat()
    with chat.stream("Hi") as stream:
        next(iter(stream))

    with pytest.raises(PromptError, match="no text"):
        chat.keep(stream.response)

    assert chat.messages == ()


def test_the_repr_leaves_out_an_unknown_model(make_client):
    """
    Without a model only the number of messages is known.
    """
    assert repr(make_client(None, api_key=None, settings={"model": None}).chat()) == "ChatSession(messages=0)"
