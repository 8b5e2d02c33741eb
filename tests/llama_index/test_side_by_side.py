"""Our LLM behaves as LlamaIndex's own: each test runs on both, on the same vendor."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Generator

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.program import FunctionCallingProgram
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\nIDATx\x9cc\0\x01\0\0\x05"
    b"\0\x01\r\n-\xb4\0\0\0\0IEND\xaeB`\x82"
)


class Person(BaseModel):
    """A person."""

    name: str
    age: int


def weather(city: str) -> str:
    """
    Return the weather of a city.
    """
    return f"It rains in {city}."


TOOL = FunctionTool.from_defaults(weather)


def ask(text):
    """
    Return a conversation of one message.
    """
    return [ChatMessage(role="user", content=text)]


async def collect(responses):
    """
    Return the responses of an asynchronous stream.
    """
    return [response async for response in await responses]


# Chats.


def test_chat_returns_a_message_of_the_assistant(either):
    """
    The reply has the role, the text, and one block.
    """
    response = either().chat(ask("hello"))

    assert response.message.role == MessageRole.ASSISTANT
    assert response.message.blocks == [TextBlock(text="You said: hello")]
    assert str(response) == "assistant: You said: hello"
    assert response.delta is None


def test_async_chat_is_the_same(either, run):
    """
    ``achat`` returns what ``chat`` returns.
    """
    llm = either()

    assert run(llm.achat(ask("hello"))).message == llm.chat(ask("hello")).message


def test_counts_of_tokens_are_in_additional_kwargs(either):
    """
    By the names that LlamaIndex reads.
    """
    response = either().chat(ask("hello"))

    assert response.additional_kwargs == {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}


@pytest.mark.parametrize("method", ["chat", "complete"])
def test_token_counter_reads_the_usage(method, either):
    """
    LlamaIndex's counter counts what the vendor reports, and does not estimate.
    """
    counter = TokenCountingHandler(tokenizer=str.split)
    llm = either(callback_manager=CallbackManager([counter]))

    getattr(llm, method)(ask("hello") if method == "chat" else "hello")

    assert (counter.prompt_llm_token_count, counter.completion_llm_token_count) == (11, 5)


def test_stream_yields_the_text_so_far_and_what_is_new(either):
    """
    The deltas add up to the text of the last response.
    """
    responses = either().stream_chat(ask("hello there"))

    assert isinstance(responses, Generator)
    responses = list(responses)
    assert "".join(response.delta for response in responses) == "You said: hello there"
    texts = [response.message.content or "" for response in responses]
    assert texts[-1] == "You said: hello there"
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(texts))


def test_async_stream_is_the_same(either, run):
    """
    The responses have the same texts.
    """
    llm = either()

    async def stream():
        responses = await llm.astream_chat(ask("hello there"))
        assert isinstance(responses, AsyncGenerator)
        return [response async for response in responses]

    responses = run(stream())
    assert "".join(response.delta for response in responses) == "You said: hello there"
    assert responses[-1].message.content == "You said: hello there"


def test_reasoning_is_a_thinking_block(either):
    """
    It comes before the text.
    """
    response = either().chat(ask("think of it"))

    assert [type(block) for block in response.message.blocks] == [ThinkingBlock, TextBlock]
    assert response.message.blocks[0].content == "Let me see."


def test_streamed_reasoning_is_in_the_delta_that_agents_read(either):
    """
    ``thinking_delta`` is in ``additional_kwargs``, as LlamaIndex's agents expect.
    """
    responses = list(either().stream_chat(ask("think of it")))

    deltas = [response.additional_kwargs.get("thinking_delta") for response in responses]
    assert [delta for delta in deltas if delta] == ["Let me see."]
    assert responses[-1].message.blocks[0].content == "Let me see."


def test_conversation_is_sent_as_it_is(either, vendor):
    """
    Roles, calls of tools and their results reach the vendor in OpenAI's form.
    """
    call = ToolCallBlock(tool_call_id="call_1", tool_name="weather", tool_kwargs={"city": "Oslo"})
    conversation = [
        ChatMessage(role="system", content="Be brief."),
        *ask("Weather?"),
        ChatMessage(role="assistant", blocks=[call]),
        ChatMessage(role="tool", content="Rain.", additional_kwargs={"tool_call_id": "call_1"}),
    ]

    either().chat(conversation)

    system, user, assistant, result = vendor.requests[0]["messages"]
    assert (system["role"], system["content"]) == ("system", "Be brief.")
    assert (user["role"], user["content"]) == ("user", "Weather?")
    assert assistant["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Oslo"}'}
    assert (result["tool_call_id"], result["content"]) == ("call_1", "Rain.")


def test_images_are_sent(either, vendor):
    """
    A block with the content of an image becomes a data URL.
    """
    message = ChatMessage(role="user", blocks=[TextBlock(text="What is this?"), ImageBlock(image=PNG)])

    either().chat([message])

    text, image = vendor.requests[0]["messages"][0]["content"]
    assert text == {"type": "text", "text": "What is this?"}
    assert image["image_url"]["url"].startswith("data:image/png;base64,iVBORw0KGgo")


@pytest.mark.parametrize(("option", "value"), [("temperature", 0.5), ("max_tokens", 7), ("stop", ["x"]), ("seed", 3)])
def test_options_of_a_call_are_sent(option, value, either, vendor):
    """
    Keyword arguments of a method are options of the call.
    """
    either().chat(ask("hello"), **{option: value})

    assert vendor.requests[0][option] == value


def test_options_of_the_llm_are_sent(either, vendor):
    """
    The arguments of the constructor hold for every call.
    """
    either(temperature=0.25, max_tokens=9).chat(ask("hello"))

    assert (vendor.requests[0]["temperature"], vendor.requests[0]["max_tokens"]) == (0.25, 9)


# Completions.


def test_a_chat_model_completes_by_a_chat(either, vendor):
    """
    The prompt is one message of the user.
    """
    response = either().complete("hello")

    assert response.text == str(response) == "You said: hello"
    assert response.additional_kwargs["total_tokens"] == 16
    assert vendor.paths == ["/v1/chat/completions"]
    assert vendor.requests[0]["messages"] == [{"role": "user", "content": "hello"}]


def test_completions_are_streamed(either, run):
    """
    The deltas add up to the text, also asynchronously.
    """
    llm = either()

    responses = list(llm.stream_complete("hello there"))
    async_responses = run(collect(llm.astream_complete("hello there")))

    assert "".join(response.delta for response in responses) == responses[-1].text == "You said: hello there"
    assert "".join(response.delta for response in async_responses) == async_responses[-1].text == responses[-1].text
    assert run(llm.acomplete("hello there")).text == "You said: hello there"


def test_completion_to_prompt_is_applied_unless_the_prompt_is_formatted(either):
    """
    The function of the user converts prompts.
    """
    llm = either(completion_to_prompt=lambda text: f"<{text}>")

    assert llm.complete("a").text == "You said: <a>"
    assert llm.complete("a", formatted=True).text == "You said: a"


def test_a_completion_model_gets_prompts(either, vendor, run):
    """
    Without a chat model, chats are converted to prompts, and sent to the service for completions.
    """
    llm = either(is_chat_model=False, is_function_calling_model=False)

    assert llm.complete("hello").text == "You said: hello"
    assert llm.chat(ask("hello")).message.content.startswith("You said: user: hello")
    assert list(llm.stream_complete("hello"))[-1].text.strip() == "You said: hello"
    assert list(llm.stream_chat(ask("hello")))[-1].message.content.startswith("You said: user: hello")
    assert run(llm.achat(ask("hello"))).message.content.startswith("You said: user: hello")
    assert run(collect(llm.astream_chat(ask("hi"))))[-1].message.content.startswith("You said: user: hi")
    assert set(vendor.paths) == {"/v1/completions"}


def test_predict_formats_a_template_after_the_system_prompt(either, vendor):
    """
    ``predict`` and ``stream`` use the template and the system prompt.
    """
    llm = either(system_prompt="Be brief.")

    assert llm.predict(PromptTemplate("Say {word}"), word="yes") == "You said: Say yes"
    assert "".join(llm.stream(PromptTemplate("Say {word}"), word="yes")) == "You said: Say yes"
    assert [message["role"] for message in vendor.requests[0]["messages"]] == ["system", "user"]


# Tools.


def test_tool_calls_are_blocks(either):
    """
    A call has its id, its name and its arguments.
    """
    llm = either()

    response = llm.chat_with_tools([TOOL], "Weather in Oslo")

    (call,) = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    assert (call.tool_call_id, call.tool_name, call.tool_kwargs) == ("call_0", "weather", '{"city": "Oslo"}')
    (selected,) = llm.get_tool_calls_from_response(response)
    assert (selected.tool_id, selected.tool_name, selected.tool_kwargs) == ("call_0", "weather", {"city": "Oslo"})


@pytest.mark.parametrize("parallel", [False, True])
def test_only_parallel_calls_are_several(parallel, either, vendor, run):
    """
    Without ``allow_parallel_tool_calls``, only the first call is kept.
    """
    llm = either()

    responses = [
        llm.chat_with_tools([TOOL], "twice Oslo", allow_parallel_tool_calls=parallel),
        run(llm.achat_with_tools([TOOL], "twice Oslo", allow_parallel_tool_calls=parallel)),
    ]

    assert [len(llm.get_tool_calls_from_response(response)) for response in responses] == [1 + parallel] * 2
    assert vendor.requests[0]["parallel_tool_calls"] is parallel


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ({}, "auto"),
        ({"tool_required": True}, "required"),
        ({"tool_choice": "none"}, "none"),
        ({"tool_choice": "weather"}, {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_choice_of_tools_is_sent(arguments, sent, either, vendor):
    """
    Tools can be required, forbidden, or one of them named.
    """
    either().chat_with_tools([TOOL], "Weather in Oslo", **arguments)

    assert vendor.requests[0]["tool_choice"] == sent
    assert vendor.requests[0]["tools"][0]["function"]["name"] == "weather"


def test_history_is_sent_before_the_message(either, vendor):
    """
    The conversation of ``chat_history`` ends with the message of the user.
    """
    either().chat_with_tools([TOOL], "Weather in Oslo", chat_history=[ChatMessage(role="system", content="Be brief.")])

    assert [message["content"] for message in vendor.requests[0]["messages"]] == ["Be brief.", "Weather in Oslo"]


def test_streamed_calls_grow(either):
    """
    Each response has the calls so far, whose arguments can be read while they are incomplete.
    """
    llm = either()

    responses = list(llm.stream_chat_with_tools([TOOL], "twice Oslo", allow_parallel_tool_calls=True))

    counts = [len(llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)) for response in responses]
    assert counts == sorted(counts)
    assert [call.tool_kwargs for call in llm.get_tool_calls_from_response(responses[-1])] == [{"city": "Oslo"}] * 2


def test_async_streamed_calls_are_the_same(either, run):
    """
    ``astream_chat_with_tools`` ends with the complete call.
    """
    llm = either()

    async def stream():
        responses = await llm.astream_chat_with_tools([TOOL], "Weather in Oslo")
        return [response async for response in responses]

    (call,) = llm.get_tool_calls_from_response(run(stream())[-1])
    assert (call.tool_id, call.tool_kwargs) == ("call_0", {"city": "Oslo"})


def test_predict_and_call_runs_the_tool(either, run):
    """
    The tool gets the arguments of the model, and its result is the response.
    """
    llm = either()

    assert llm.predict_and_call([TOOL], "Weather in Oslo").response == "It rains in Oslo."
    assert run(llm.apredict_and_call([TOOL], "Weather in Oslo")).response == "It rains in Oslo."


def test_reply_without_a_call_is_an_error_if_one_is_needed(either):
    """
    The error is a ValueError; otherwise there are no calls.
    """
    llm = either()
    response = llm.chat(ask("hello"))

    assert llm.get_tool_calls_from_response(response, error_on_no_tool_call=False) == []
    with pytest.raises(ValueError, match="Expected at least one tool call, but got 0"):
        llm.get_tool_calls_from_response(response)


# Structured output.


def test_structured_prediction_returns_the_object(either, run):
    """
    Blocking, asynchronous and streamed predictions end with the same object.
    """
    llm, prompt = either(), PromptTemplate("Who wrote {what}")

    async def stream():
        return [each async for each in await llm.astream_structured_predict(Person, prompt, what="it")]

    results = [
        llm.structured_predict(Person, prompt, what="it"),
        run(llm.astructured_predict(Person, prompt, what="it")),
        list(llm.stream_structured_predict(Person, prompt, what="it"))[-1],
        run(stream())[-1],
    ]

    assert results == [Person(name="Ada", age=36)] * 4


@pytest.mark.parametrize("parallel", [False, True])
def test_program_streams_the_object_of_a_tool_call(parallel, either, run):
    """
    LlamaIndex's program for function calls yields the complete object in the end, or all objects of several calls.
    """
    program = FunctionCallingProgram.from_defaults(
        Person, prompt_template_str="twice Who", llm=either(), allow_parallel_tool_calls=parallel
    )
    person = Person(name="Ada", age=36)

    async def stream():
        return [each async for each in await program.astream_call()]

    expected = [person, person] if parallel else person
    assert list(program.stream_call())[-1] == expected
    assert run(stream())[-1] == expected


@pytest.mark.filterwarnings("ignore:The `json` method is deprecated")  # of LlamaIndex
def test_structured_llm_returns_the_object_in_raw(either, run):
    """
    ``as_structured_llm`` chats, completes and streams.
    """
    llm = either().as_structured_llm(Person)

    assert llm.chat(ask("Who")).raw == Person(name="Ada", age=36)
    assert llm.complete("Who").raw == Person(name="Ada", age=36)
    assert list(llm.stream_chat(ask("Who")))[-1].raw == Person(name="Ada", age=36)
    assert run(llm.achat(ask("Who"))).raw == Person(name="Ada", age=36)
    assert run(collect(llm.astream_chat(ask("Who"))))[-1].raw == Person(name="Ada", age=36)
