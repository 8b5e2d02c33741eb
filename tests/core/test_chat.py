from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.engine.chat.conversation import Conversation
from budwood.errors import AuthenticationError, ConfigurationError, PromptError, StreamInterruptedError
from budwood.types import (
    ImagePart,
    Message,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    VendorPart,
)
from budwood_testing import chat_chunks, chat_reply, sse

TWO_VENDORS = {"providers": {"here": {"plugin": "openai-compatible", "base_url": "http://localhost:1/v1"}}}
REFUSED = {"error": {"message": "No.", "code": "invalid_api_key"}}


def read_messages(scripted, number=-1) -> list[tuple[str, str]]:
    """List the roles and texts of a request."""
    return [(message["role"], message["content"]) for message in scripted.sent(number)["messages"]]


def get_birth_year() -> int:
    """Return the year of birth."""
    return 1815


def test_requests_contain_the_history(client, scripted):
    """
    Every request contains the system prompt and the previous messages.
    """
    scripted.reply(body=chat_reply("Hello.")).reply(body=chat_reply("Ada."))
    chat = client.chat(system="You are a guide.", temperature=0.5)

    chat.ask("Hi")
    reply = chat.ask("Who are you?", temperature=0.7)

    assert reply.text == "Ada."
    assert read_messages(scripted) == [
        ("system", "You are a guide."), ("user", "Hi"), ("assistant", "Hello."), ("user", "Who are you?")
    ]  # fmt: skip
    assert [scripted.sent(number)["temperature"] for number in (0, 1)] == [0.5, 0.7]
    assert [message.text for message in chat.messages] == ["Hi", "Hello.", "Who are you?", "Ada."]


def test_streamed_replies_are_added_to_the_history(client, scripted):
    """
    The history is extended when the stream has ended.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Hel", "lo."])))
    chat = client.chat()

    with chat.stream("Hi") as stream:
        assert chat.messages == ()
        list(stream)

    assert chat.messages == (Message.user("Hi"), Message.assistant("Hello."))


def test_async_sessions_have_the_same_features(async_client, scripted, tmp_path):
    """
    An async session asks, streams, forks and saves.
    """
    scripted.reply(body=chat_reply("Hello.")).reply(chunks=sse(*chat_chunks(["A", "da."])))

    async def run_scenario():
        chat = async_client.chat(system="Guide.")
        await chat.ask("Hi")
        fork = chat.fork()
        async with chat.stream("Who?") as stream:
            text = "".join([delta async for delta in stream.text_deltas()])
        chat.save(tmp_path / "talk.json")
        return text, len(fork.messages), async_client.load_chat(tmp_path / "talk.json")

    text, before, loaded = asyncio.run(run_scenario())

    assert (text, before) == ("Ada.", 2)
    assert [message.text for message in loaded.messages] == ["Hi", "Hello.", "Who?", "Ada."]
    assert loaded.system == "Guide."


def test_the_system_prompt_may_change_at_any_time(client, scripted):
    """
    A new system prompt replaces the old one, for the session or for one call, and is not part of the history.
    """
    for _ in range(4):
        scripted.reply(body=chat_reply("Yes."))
    chat = client.chat(system="One.")

    chat.ask("1")
    chat.system = "Two."
    chat.ask("2")
    chat.ask("3", system="For now.")
    chat.system = None
    chat.ask("4")

    assert [read_messages(scripted, number)[0] for number in range(4)] == [
        ("system", "One."), ("system", "Two."), ("system", "For now."), ("user", "1")
    ]  # fmt: skip
    assert all(message.role != "system" for message in chat.messages)


def test_forks_share_only_earlier_messages(client, scripted):
    """
    Messages after the fork are added to one session only.
    """
    for text in ("One.", "Two.", "Three."):
        scripted.reply(body=chat_reply(text))
    chat = client.chat(system="Guide.")
    chat.ask("1")

    fork = chat.fork()
    fork.system = "Other."
    chat.ask("2")
    fork.ask("3")

    assert [message.text for message in chat.messages] == ["1", "One.", "2", "Two."]
    assert [message.text for message in fork.messages] == ["1", "One.", "3", "Three."]
    assert chat.system == "Guide."


def test_rounds_of_tools_are_in_the_history(client, scripted):
    """
    Tool calls and results are stored, so that vendors find each result after its call.
    """
    call = {"id": "c1", "type": "function", "function": {"name": "get_birth_year", "arguments": "{}"}}
    scripted.reply(body=chat_reply(None, tool_calls=[call])).reply(body=chat_reply("1815.")).reply(
        body=chat_reply("Ok.")
    )
    chat = client.chat(tools=[get_birth_year])

    chat.ask("When was Ada born?")
    chat.ask("Thanks.")

    roles = ["user", "assistant", "tool", "assistant", "user"]
    assert [message["role"] for message in scripted.sent()["messages"]] == roles
    assert [message.role for message in chat.messages] == [*roles, "assistant"]


def test_failed_calls_do_not_change_the_history(client, scripted):
    """
    After an error the same prompt can be sent again.
    """
    scripted.reply(body=chat_reply("Hello.")).reply(401, REFUSED).reply(body=chat_reply("Ada."))
    chat = client.chat()
    chat.ask("Hi")
    before = chat.messages

    with pytest.raises(AuthenticationError):
        chat.ask("Who are you?")
    with pytest.raises(PromptError):
        chat.ask("half \ud83c")
    assert chat.messages == before

    chat.ask("Who are you?")
    assert [text for _, text in read_messages(scripted)] == ["Hi", "Hello.", "Who are you?"]


def test_incomplete_streams_do_not_change_the_history(client, scripted):
    """
    A stream that was left early or interrupted adds no messages.
    """
    scripted.reply(chunks=sse(*chat_chunks(["a", "b", "c"])))
    scripted.reply(chunks=sse(*chat_chunks(["a"], finish_reason=None), done=False))
    chat = client.chat()

    with chat.stream("Hi") as stream:
        next(iter(stream))
    with chat.stream("Hi") as stream, pytest.raises(StreamInterruptedError):
        list(stream)

    assert chat.messages == ()


def test_repairs_are_not_in_the_history(client, scripted):
    """
    Only the last, valid reply of structured output is added to the history.
    """
    scripted.reply(body=chat_reply("no")).reply(body=chat_reply("{}"))
    chat = client.chat()

    chat.ask("An object, please.", schema={"type": "object"})

    assert [message.text for message in chat.messages] == ["An object, please.", "{}"]


def test_the_model_may_change_during_a_conversation(make_client, scripted):
    """
    Another model, also of another vendor, continues with the same history; one call can also choose a model.
    """
    for number in range(3):
        scripted.reply(body=chat_reply(str(number)))
    chat = make_client(settings=TWO_VENDORS).chat(model="openai/gpt-4o-mini")

    chat.ask("a")
    chat.model = "here/llama"
    chat.ask("b")
    chat.ask("c", model="openai/gpt-4o")

    assert [scripted.sent(number)["model"] for number in range(3)] == ["gpt-4o-mini", "llama", "gpt-4o"]
    assert scripted.calls[1].url == "http://localhost:1/v1/chat/completions"
    assert "authorization" not in scripted.calls[1].headers
    assert [text for _, text in read_messages(scripted)] == ["a", "0", "b", "1", "c"]
    assert chat.model == "here/llama"


def test_vendor_parts_are_sent_only_to_their_vendor(make_client, scripted, tmp_path):
    """
    Content of one vendor survives saving and the turns of other vendors, and is sent only to that vendor.
    """
    details = [{"type": "reasoning.encrypted", "data": "x"}]
    scripted.reply(body=chat_reply("One.", reasoning_details=details))
    scripted.reply(body=chat_reply("Two.")).reply(body=chat_reply("Three."))
    client = make_client(settings=TWO_VENDORS)
    chat = client.chat(model="openai/gpt-4o")
    chat.ask("a")
    chat.save(tmp_path / "talk.json")
    chat = client.load_chat(tmp_path / "talk.json")

    chat.model = "here/llama"
    chat.ask("b")
    chat.model = "openai/gpt-4o"
    chat.ask("c")

    assert "reasoning_details" not in json.dumps(scripted.sent(1))
    assert scripted.sent(2)["messages"][1]["reasoning_details"] == details


@pytest.mark.parametrize("streamed", [False, True])
def test_vendors_that_share_a_plugin_do_not_share_vendor_parts(make_client, scripted, streamed):
    """
    Vendor parts of one preset are not sent to another preset of the same plugin.
    """
    details = [{"type": "reasoning.encrypted", "data": "x"}]
    if streamed:
        thought = {"choices": [{"index": 0, "delta": {"reasoning_details": details}}]}
        scripted.reply(chunks=sse(thought, *chat_chunks(["One."])))
    else:
        scripted.reply(body=chat_reply("One.", reasoning_details=details))
    scripted.reply(body=chat_reply("Two.")).reply(body=chat_reply("Three."))
    providers = {"together": {"api_key": "sk-test-secret"}, "deepseek": {"api_key": "sk-test-secret"}}
    chat = make_client(settings={"providers": providers}, api_key=None).chat(model="together/some/model")

    if streamed:
        with chat.stream("a") as stream:
            list(stream)
    else:
        chat.ask("a")
    chat.model = "deepseek/deepseek-chat"
    chat.ask("b")
    chat.model = "together/some/model"
    chat.ask("c")

    assert "reasoning_details" not in json.dumps(scripted.sent(1))
    assert scripted.sent(2)["messages"][1]["reasoning_details"] == details


def test_saved_conversations_can_be_continued(client, scripted, tmp_path):
    """
    Model, system prompt and messages are loaded from the file.
    """
    scripted.reply(body=chat_reply("Hello.")).reply(body=chat_reply("Yes."))
    chat = client.chat(model="openai/gpt-4o-mini", system="Guide.")
    chat.ask("Hi")
    chat.save(tmp_path / "talk.json")

    loaded = client.load_chat(tmp_path / "talk.json", temperature=0.1)
    loaded.ask("Again?")

    assert (loaded.model, loaded.system) == ("openai/gpt-4o-mini", "Guide.")
    assert read_messages(scripted) == [
        ("system", "Guide."),
        ("user", "Hi"),
        ("assistant", "Hello."),
        ("user", "Again?"),
    ]
    assert (scripted.sent()["model"], scripted.sent()["temperature"]) == ("gpt-4o-mini", 0.1)


def test_saved_chats_contain_the_model_of_the_client(make_client, scripted, tmp_path):
    """
    The file contains the client's model, so that a client with another default model continues with it.
    """
    scripted.reply(body=chat_reply("Hello."))
    make_client("openai/gpt-4o-mini").chat().save(tmp_path / "talk.json")

    chat = make_client("openai/gpt-4o").load_chat(tmp_path / "talk.json")
    chat.ask("Hi")

    assert chat.model == "openai/gpt-4o-mini"
    assert scripted.sent()["model"] == "gpt-4o-mini"


def test_options_override_the_loaded_values(client, scripted, tmp_path):
    """
    A model and a system prompt that are passed to `load_chat` override the saved ones, and can be changed later.
    """
    scripted.reply(body=chat_reply("One.")).reply(body=chat_reply("Two."))
    client.chat(model="openai/saved", system="Saved.").save(tmp_path / "talk.json")

    chat = client.load_chat(tmp_path / "talk.json", model="openai/given", system="Given.")
    chat.ask("1")
    chat.model, chat.system = "openai/later", "Later."
    chat.ask("2")

    assert [scripted.sent(number)["model"] for number in (0, 1)] == ["given", "later"]
    assert [read_messages(scripted, number)[0][1] for number in (0, 1)] == ["Given.", "Later."]


TEXTS = st.text(max_size=20)
DATA = st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers(-(2**53), 2**53), st.none(), st.lists(TEXTS, max_size=2)))
PARTS = st.one_of(
    st.builds(TextPart, text=TEXTS),
    st.builds(ReasoningPart, text=TEXTS, provider=st.none() | TEXTS, data=DATA),
    st.builds(RefusalPart, text=TEXTS),
    st.builds(ImagePart, data=st.binary(max_size=20), media_type=st.just("image/png")),
    st.builds(ImagePart, url=TEXTS, detail=st.none() | TEXTS),
    st.builds(ToolCallPart, id=TEXTS, name=TEXTS, arguments=TEXTS),
    st.builds(ToolResultPart, call_id=TEXTS, name=TEXTS, content=TEXTS, is_error=st.booleans()),
    st.builds(VendorPart, provider=TEXTS, kind=TEXTS, data=DATA),
)
MESSAGES = st.builds(
    Message,
    role=st.sampled_from(["system", "developer", "user", "assistant", "tool"]),
    parts=st.lists(PARTS, max_size=4).map(tuple),
    name=st.none() | TEXTS,
    partial=st.sampled_from([None, True]),
)


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    """
    A file that all examples write.
    """
    return tmp_path_factory.mktemp("chats") / "talk.json"


@given(st.none() | TEXTS, st.none() | TEXTS, st.lists(MESSAGES, max_size=4))
def test_any_content_survives_saving(file, model, system, messages):
    """
    Any text, bytes and vendors' JSON are equal after saving and loading.
    """
    Conversation(model, system, list(messages)).save(file)

    loaded = Conversation.load(file)

    assert (loaded.model, loaded.system, loaded.messages) == (model, system, messages)


@given(st.binary(max_size=200))
def test_no_file_crashes_the_reader(file, data):
    """
    Any bytes are a conversation or a configuration error.
    """
    file.write_bytes(data)

    with pytest.raises(ConfigurationError, match="is not a saved chat"):
        Conversation.load(file)


SAVED = {"format": "budwood-chat-1", "model": None, "system": None, "messages": [{"role": "user", "parts": []}]}


@pytest.mark.parametrize(
    ("content", "error_message"),
    [
        ("", "is not a saved chat"),
        ("{", "is not a saved chat: the file"),
        (json.dumps(SAVED)[:-5], "is not a saved chat: the file"),
        ("[]", "is not a saved chat"),
        ("{}", "is not a saved chat: format"),
        (json.dumps(SAVED | {"messages": 5}), "is not a saved chat: messages"),
        (json.dumps(SAVED | {"messages": [{"role": "pirate", "parts": []}]}), "messages.0.role"),
        (json.dumps(SAVED | {"messages": [{"role": "user", "parts": [{"type": "x"}]}]}), "messages.0.parts.0"),
        (json.dumps(SAVED | {"tools": []}), "tools"),
        (json.dumps(SAVED | {"format": "budwood-chat-9"}), "has the format 'budwood-chat-9'"),
        ("[" * 100_000, "is not a saved chat"),
    ],
)
def test_the_error_for_a_damaged_file_names_it(client, tmp_path, content, error_message):
    """
    The error for an invalid or truncated file contains its path and the invalid field.
    """
    path = tmp_path / "talk.json"
    path.write_text(content)

    with pytest.raises(ConfigurationError, match=error_message) as caught:
        client.load_chat(path)

    assert str(path) in str(caught.value)


def test_missing_files_are_configuration_errors(client, tmp_path):
    """
    A missing file and a folder are configuration errors.
    """
    with pytest.raises(ConfigurationError, match=r"Cannot read .*none\.json: No such file"):
        client.load_chat(tmp_path / "none.json")
    with pytest.raises(ConfigurationError, match="Cannot read"):
        client.load_chat(tmp_path)


def test_saving_replaces_the_file_atomically(client, tmp_path):
    """
    If saving fails, the old file is unchanged and there is no temporary file; otherwise there is only the new file.
    """
    chat = client.chat(system="First.")
    chat.save(tmp_path / "talk.json")
    chat.system = "half \ud83c"

    with pytest.raises(ConfigurationError, match="surrogates"):
        chat.save(tmp_path / "talk.json")

    assert client.load_chat(tmp_path / "talk.json").system == "First."
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["talk.json"]


def test_saved_conversations_are_readable_only_by_their_owner(client, tmp_path):
    """
    Other users cannot read the file.
    """
    client.chat().save(tmp_path / "talk.json")

    assert (tmp_path / "talk.json").stat().st_mode & 0o077 == 0
