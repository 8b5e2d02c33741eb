"""What our LLM does beyond LlamaIndex's own: failover, caches, budgets, errors, serialization, metadata."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import subprocess
import sys

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.tools import FunctionTool

from budwood import AsyncClient, Client, Message
from budwood.errors import (
    AuthenticationError,
    BudgetExceededError,
    ConfigurationError,
    PromptError,
    StreamInterruptedError,
)
from budwood.types import ImagePart, ReasoningPart, TextPart, ToolCallPart
from budwood_llama_index import Budwood
from budwood_llama_index.messages import from_message, to_messages
from tests.llama_index.vendor import KEY

SECRET = "sk-very-secret"


def ask(text):
    """
    Return a conversation of one message.
    """
    return [ChatMessage(role="user", content=text)]


def settings_of(vendor):
    """
    Return settings with the vendor as ``local``.
    """
    return {"providers": {"local": {"plugin": "openai-compatible", "base_url": vendor.url, "api_key": KEY}}}


def test_package_is_imported_without_llama_index():
    """
    Importing it takes no time: LlamaIndex is imported with the first name that is used.
    """
    code = "import sys, budwood_llama_index; print('llama_index' in sys.modules, budwood_llama_index.Budwood.__name__)"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.split() == ["False", "Budwood"]


# What Budwood does works under LlamaIndex.


def test_fallback_answers_if_the_model_fails(make_llm, vendor):
    """
    ``raw`` says which model answered, and how many requests were sent.
    """
    llm = make_llm(model="openai-compatible/broken", options={"fallbacks": ["openai-compatible/tiny"], "retries": 0})

    response = llm.chat(ask("hello"))

    assert response.message.content == "You said: hello"
    assert (response.raw["model"], response.raw["attempts"]) == ("tiny", 2)
    assert [request["model"] for request in vendor.requests] == ["broken", "tiny"]


def test_cache_answers_an_equal_chat(make_llm, vendor):
    """
    The second chat sends nothing, and says so.
    """
    with Client("local/tiny", settings=settings_of(vendor), cache="memory") as client:
        llm = make_llm(model=None, client=client)

        responses = [llm.chat(ask("hello"), temperature=0) for _ in range(2)]

    assert [response.raw["cached"] for response in responses] == [False, True]
    assert len(vendor.requests) == 1


def test_budget_refuses_a_chat(make_llm, vendor):
    """
    A call that may cost more than its budget is not sent.
    """
    llm = make_llm(options={"budget": {"tokens": 5}})

    with pytest.raises(BudgetExceededError):
        llm.chat(ask("hello"))
    assert vendor.requests == []


def test_wrong_key_is_an_error_with_a_cure(make_llm):
    """
    The error does not contain the key.
    """
    with pytest.raises(AuthenticationError) as caught:
        make_llm(api_key=SECRET).chat(ask("hello"))

    assert SECRET not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("method", ["chat", "stream_chat"])
def test_unknown_option_is_an_error_before_anything_is_sent(method, make_llm, vendor):
    """
    The error proposes the option that was meant, also for a stream that is not read.
    """
    with pytest.raises(ConfigurationError, match="temperature"):
        getattr(make_llm(), method)(ask("hello"), temprature=1)

    assert vendor.requests == []


def test_unknown_argument_is_an_error_with_a_cure():
    """
    Options of calls belong into ``options``.
    """
    with pytest.raises(ConfigurationError, match=r"Budwood has no argument 'top_p'.*options=\{'top_p'"):
        Budwood(model="openai/gpt-4.1", top_p=0.5)


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("temprature", r"Did you mean temperature\? Options of calls"),
        ("api_base", "Pass base_url="),
        ("cache", r"pass client=Client\("),
    ],
)
def test_unknown_argument_names_the_one_that_was_meant(name, cure):
    """
    A similar name, the name that other integrations use, and an argument of a client.
    """
    with pytest.raises(ConfigurationError, match=f"Budwood has no argument '{name}'.*{cure}"):
        Budwood(**{name: "value"})


def test_leaving_a_stream_closes_its_connection(make_llm, vendor):
    """
    The vendor notices that the client has left.
    """
    responses = make_llm().stream_chat(ask("endless"))
    next(responses)
    responses.close()

    assert vendor.left.wait(60)


def test_leaving_an_async_stream_closes_its_connection(make_llm, vendor):
    """
    The same with ``aclose``, while the event loop runs.
    """

    async def leave():
        responses = await make_llm().astream_chat(ask("endless"))
        await anext(responses)
        await responses.aclose()
        return await asyncio.to_thread(vendor.left.wait, 60)

    assert asyncio.run(leave())


@pytest.mark.parametrize("options", [{}, {"on_stream_failure": "restart"}])
def test_a_stream_that_breaks_off_is_an_error(make_llm, vendor, options):
    """
    It is not asked for again, because its deltas cannot be taken back.
    """
    deltas = []

    with pytest.raises(StreamInterruptedError):
        deltas.extend(response.delta for response in make_llm(options=options).stream_chat(ask("torn")))

    assert len(vendor.requests) == 1


# Clients.


def test_client_runs_async_methods_in_threads(make_llm, vendor):
    """
    With only a blocking client, its cache holds for async methods as well.
    """

    async def chat(llm):
        first = await llm.achat(ask("hello"), temperature=0)
        streamed = [response async for response in await llm.astream_chat(ask("hello"), temperature=0)]
        return first, streamed[-1]

    with Client("local/tiny", settings=settings_of(vendor), cache="memory") as client:
        first, second = asyncio.run(chat(make_llm(model=None, client=client)))

    assert first.message == second.message
    assert (first.raw["cached"], second.raw["cached"]) == (False, True)


def test_blocking_method_without_a_blocking_client_is_an_error(make_llm):
    """
    The error says which argument is missing.
    """
    llm = make_llm(async_client=AsyncClient("offline/extractive"), model=None)

    with pytest.raises(ConfigurationError, match=r"Pass client=Client\(…\)"):
        llm.chat(ask("hello"))


def test_client_has_its_own_key():
    """
    A key beside a client is an error, because it would not be used.
    """
    with Client("offline/extractive") as client, pytest.raises(ConfigurationError, match="api_key"):
        Budwood(client=client, api_key="x")


def test_closed_llm_creates_new_clients(make_llm):
    """
    After ``close``, the next call works.
    """
    llm = make_llm()

    async def chat():
        reply = await llm.achat(ask("a"))
        await llm.aclose()
        return reply

    assert llm.chat(ask("a")).message == asyncio.run(chat()).message
    llm.close()
    assert str(llm.complete("b")) == "You said: b"


# Secrets and serialization.


def test_no_form_of_the_llm_contains_the_key(vendor):
    """
    Not its repr, its dictionary, its JSON, its pickle and its payload for events.
    """
    address = vendor.url.replace("http://", f"http://user:{SECRET}@")
    llm = Budwood(model="openai-compatible/tiny", api_key=SECRET, base_url=address)

    forms = [repr(llm), str(llm), str(llm.to_dict()), llm.to_json(), str(llm.to_payload()), repr(llm._clients)]

    assert [form for form in forms if SECRET in form] == []
    assert SECRET.encode() not in pickle.dumps(llm)


def test_serialized_llm_can_be_loaded(make_llm):
    """
    From its dictionary, its JSON and its pickle; the copies find keys in the settings.
    """
    llm = make_llm(temperature=0.5, options={"label": "index"}, system_prompt="Be brief.")

    copies = [
        Budwood.from_dict(llm.to_dict()),
        Budwood.from_json(llm.to_json()),
        pickle.loads(pickle.dumps(llm)),
    ]

    assert json.loads(llm.to_json())["class_name"] == "budwood_llm"
    assert [each.to_dict() for each in copies] == [llm.to_dict()] * 3


def test_copies_share_the_clients(make_llm):
    """
    A deep copy works with the key.
    """
    llm = make_llm()

    assert str(copy.deepcopy(llm).complete("a")) == "You said: a"


# Metadata.


def test_metadata_are_those_of_the_catalog():
    """
    The context window and the output limit are two numbers.
    """
    metadata = Budwood(model="anthropic/claude-sonnet-4-5").metadata

    assert metadata.model_name == "anthropic/claude-sonnet-4-5"
    assert metadata.is_chat_model
    assert metadata.is_function_calling_model
    assert metadata.context_window >= 200_000
    assert 0 < metadata.num_output < metadata.context_window


def test_metadata_can_be_overridden(make_llm):
    """
    For models that the catalog does not know.
    """
    assert (make_llm().metadata.context_window, make_llm().metadata.num_output) == (3900, -1)
    assert make_llm(max_tokens=100).metadata.num_output == 100
    metadata = make_llm(context_window=9000, num_output=50, is_function_calling_model=False, max_tokens=7).metadata
    assert (metadata.context_window, metadata.num_output, metadata.is_function_calling_model) == (9000, 50, False)


# Blocks.


def test_reasoning_keeps_the_data_of_its_vendor():
    """
    A reply with a signature can be sent again, after it was stored as JSON.
    """
    parts = (
        ReasoningPart(text="Hm.", provider="anthropic", data={"signature": "abc"}),
        TextPart(text="Yes."),
        ToolCallPart(id="1", name="weather", arguments='{"city": "Oslo"}', provider="gemini", data={"thought": "xyz"}),
    )
    message = ChatMessage.model_validate_json(from_message(Message(role="assistant", parts=parts)).model_dump_json())

    assert [type(block) for block in message.blocks] == [ThinkingBlock, TextBlock, ToolCallBlock]
    assert to_messages([message])[0].parts == parts


def test_changed_reply_is_sent_as_it_was_changed():
    """
    The data of the vendor remain with the reasoning only.
    """
    reasoning = ReasoningPart(text="Hm.", provider="anthropic", data={"signature": "abc"})
    message = from_message(Message(role="assistant", parts=(reasoning, TextPart(text="Yes."))))
    message.blocks[1] = TextBlock(text="No.")

    assert to_messages([message])[0].parts == (reasoning, TextPart(text="No."))


def test_media_become_parts(tmp_path):
    """
    Contents, files and URLs; nothing is read or fetched before the request.
    """
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF-1.4")
    blocks = [
        TextBlock(text="Compare."),
        CachePoint(cache_control=CacheControl(type="ephemeral", ttl="1h")),
        ImageBlock(url="https://example.invalid/a.png", detail="low"),
        AudioBlock(audio=b"ID3 sound", format="mp3"),
        DocumentBlock(path=path, title="report.pdf"),
    ]

    text, image, audio, document = to_messages([ChatMessage(role="user", blocks=blocks)])[0].parts

    assert text == TextPart(text="Compare.", cache="1h")
    assert (image.url, image.detail, image.media_type) == ("https://example.invalid/a.png", "low", "image/png")
    assert (audio.data, audio.media_type) == (b"ID3 sound", "audio/mpeg")
    assert (document.path, document.media_type, document.name) == (path, "application/pdf", "report.pdf")


def test_generated_image_is_a_block():
    """
    A reply with an image has its content.
    """
    part = ImagePart(data=b"\x89PNG\r\n\x1a\n", media_type="image/png")

    (block,) = from_message(Message(role="assistant", parts=(part,))).blocks

    assert block.resolve_image().read() == b"\x89PNG\r\n\x1a\n"
    assert to_messages([ChatMessage(role="assistant", blocks=[block])])[0].parts[0].data == part.data


def test_result_of_a_tool_must_name_its_call():
    """
    The error shows how.
    """
    with pytest.raises(PromptError, match="tool_call_id"):
        to_messages([ChatMessage(role="tool", content="Rain.")])


@pytest.mark.parametrize("streamed", [False, True])
def test_call_of_an_unknown_tool_is_left_to_llama_index(streamed, make_llm, vendor, monkeypatch):
    """
    The model may invent a tool: the call is in the response, and nothing is sent again.
    """
    call = {"id": "1", "type": "function", "function": {"name": "invented", "arguments": "{}"}}
    monkeypatch.setattr("tests.llama_index.vendor.make_call", lambda *_: call)
    tool, llm = FunctionTool.from_defaults(str.upper, name="upper"), make_llm()

    if streamed:
        *_, response = llm.stream_chat_with_tools([tool], "hello")
    else:
        response = llm.chat_with_tools([tool], "hello")

    assert [each.tool_name for each in llm.get_tool_calls_from_response(response)] == ["invented"]
    assert len(vendor.requests) == 1
