from __future__ import annotations

import asyncio
import functools
import threading

import pytest

from budwood.errors import ConfigurationError, ToolLoopError, UnsupportedError
from budwood.types import ToolExecuted
from budwood_testing import chat_chunks, chat_reply, sse
from tests.core.engine.tool_calls import make_call_reply, read_tool_results, weather


def test_tools_run_and_the_model_answers(client, scripted):
    """
    The function runs with the model's arguments, its result is sent back, and the last reply is returned.
    """
    scripted.reply(body=make_call_reply(("weather", '{"city": "Oslo"}'))).reply(body=chat_reply("It is cold."))

    reply = client.ask("What is the weather in Oslo?", tools=[weather])

    assert reply.text == "It is cold."
    assert read_tool_results(scripted) == ["10 C in Oslo"]
    assert [message.role for message in reply.messages] == ["assistant", "tool", "assistant"]
    assert reply.usage.output_tokens == 14
    assert len(reply.attempts) == 2


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("replies", [({"id": "r0"}, {"id": "r1"}), ({}, {})])
def test_calls_without_ids_are_unique_across_rounds(client, scripted, replies, streamed):
    """
    Equal calls without ids in several rounds have different ids.
    """
    called = {"tool_calls": [{"index": 0, "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}]}
    for reply in replies:
        body = {**reply, "choices": [{"index": 0, "message": called, "finish_reason": "tool_calls"}]}
        scripted.reply(**({"chunks": sse(body)} if streamed else {"body": body}))
    scripted.reply(**({"chunks": sse(*chat_chunks(["Cold."]))} if streamed else {"body": chat_reply("Cold.")}))

    if streamed:
        with client.stream("How is Oslo?", tools=[weather]) as stream:
            list(stream)
    else:
        client.ask("How is Oslo?", tools=[weather])

    messages = scripted.sent()["messages"]
    call_ids = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert len(set(call_ids)) == 2
    assert call_ids == [message["tool_calls"][0]["id"] for message in messages if "tool_calls" in message]


def wrap_function(function):
    """Wrap an async function in a plain one, as decorators do."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


async def get_birth_year(name: str) -> int:
    """Return the year of birth."""
    return {"Ada": 1815}[name]


async def allow(call) -> bool:
    """Allow every call."""
    return True


@pytest.mark.parametrize("approve", [None, wrap_function(allow)])
def test_a_plain_function_may_return_a_coroutine(async_client, scripted, approve):
    """
    An async client awaits the coroutine, also that of approve=.
    """
    scripted.reply(body=make_call_reply(("get_birth_year", '{"name": "Ada"}'))).reply(body=chat_reply("1815."))

    asyncio.run(async_client.ask("When?", tools=[wrap_function(get_birth_year)], approve=approve))

    assert read_tool_results(scripted) == ["1815"]


@pytest.mark.parametrize(
    ("options", "source"),
    [
        ({"tools": [wrap_function(get_birth_year)]}, "'get_birth_year'"),
        ({"tools": [weather], "approve": wrap_function(allow)}, "approve="),
    ],
)
def test_a_blocking_client_refuses_a_coroutine(client, scripted, options, source):
    """
    A blocking client raises an error, because it cannot await a coroutine.
    """
    scripted.reply(body=make_call_reply((options["tools"][0].__name__, '{"name": "Ada"}')))

    with pytest.raises(ConfigurationError, match=f"{source}.* returned a coroutine"):
        client.ask("When?", **options)


def test_async_clients_run_blocking_tools_in_threads(async_client, scripted):
    """
    Async functions run in the event loop, blocking ones in threads.
    """
    threads = {}

    async def async_tool(x: int) -> int:
        await asyncio.sleep(0)
        threads["async_tool"] = threading.current_thread()
        return x + 1

    def blocking_tool(x: int) -> int:
        threads["blocking_tool"] = threading.current_thread()
        return x + 2

    class Counter:
        async def __call__(self, x: int) -> int:
            return x + 3

    scripted.reply(body=make_call_reply(*((name, '{"x": 1}') for name in ("async_tool", "blocking_tool", "Counter"))))
    scripted.reply(body=chat_reply("Done."))

    asyncio.run(async_client.ask("?", tools=[async_tool, blocking_tool, Counter()]))

    assert read_tool_results(scripted) == ["2", "3", "4"]
    assert threads["async_tool"] is threading.main_thread()
    assert threads["blocking_tool"] is not threading.main_thread()


def test_blocking_clients_refuse_async_tools(client, scripted):
    """
    Async tools and approvals are refused before anything is sent, unless the tools are only described.
    """

    async def async_tool() -> int:
        return 1

    async def approve(call) -> bool:
        return True

    with pytest.raises(ConfigurationError, match="'async_tool' is async"):
        client.ask("?", tools=[async_tool])
    with pytest.raises(ConfigurationError, match="approve= is async"):
        client.ask("?", tools=[weather], approve=approve)
    assert scripted.calls == []

    scripted.reply(body=make_call_reply(("async_tool", "{}")))
    assert client.ask("?", tools=[async_tool], execute_tools=False).tool_calls[0].name == "async_tool"


def test_calls_of_one_round_run_concurrently(client, scripted):
    """
    Each tool waits for the other at a barrier; results are in order.
    """
    barrier = threading.Barrier(2)

    def meet(name: str) -> str:
        barrier.wait()
        return name

    scripted.reply(body=make_call_reply(("meet", '{"name": "a"}'), ("meet", '{"name": "b"}'))).reply(
        body=chat_reply("Met.")
    )

    assert client.ask("?", tools=[meet]).text == "Met."
    assert read_tool_results(scripted) == ["a", "b"]


def test_async_calls_of_one_round_run_concurrently(async_client, scripted):
    """
    The first call waits for the second.
    """

    async def main():
        signal = asyncio.Event()

        async def wait() -> str:
            await signal.wait()
            return "waited"

        async def set_signal() -> str:
            signal.set()
            return "set"

        return await async_client.ask("?", tools=[wait, set_signal])

    scripted.reply(body=make_call_reply(("wait", "{}"), ("set_signal", "{}"))).reply(body=chat_reply("Met."))

    asyncio.run(main())

    assert read_tool_results(scripted) == ["waited", "set"]


@pytest.mark.parametrize("rounds", [0, 1, 3])
def test_the_loop_is_bounded(client, scripted, rounds):
    """
    A model that keeps calling tools is stopped after the maximum rounds; the error has its last calls.
    """
    ran = []

    def repeat() -> str:
        ran.append(1)
        return "repeat"

    for _ in range(rounds + 1):
        scripted.reply(body=make_call_reply(("repeat", "{}")))

    with pytest.raises(ToolLoopError, match=f"after {rounds} rounds.*max_tool_rounds") as caught:
        client.ask("?", tools=[repeat], max_tool_rounds=rounds)

    assert (len(ran), len(scripted.calls)) == (rounds, rounds + 1)
    assert [call.name for call in caught.value.response.tool_calls] == ["repeat"]
    assert len(caught.value.response.attempts) == rounds + 1
    assert caught.value.response.usage.output_tokens == 7 * (rounds + 1)


def test_unknown_tools_are_reported_to_the_model(client, scripted):
    """
    The result lists the available tools.
    """
    scripted.reply(body=make_call_reply(("whether", "{}"))).reply(body=chat_reply("Sorry."))

    assert client.ask("?", tools=[weather]).text == "Sorry."
    assert read_tool_results(scripted) == ["There is no tool 'whether'. Available tools: weather."]


def test_calls_of_vendor_tools_are_returned(client, scripted):
    """
    Calls of tools in the vendor's form are returned to the caller.
    """
    scripted.reply(body=make_call_reply(("search", '{"q": "x"}')))

    reply = client.ask("?", extra={"tools": [{"type": "function", "function": {"name": "search"}}]})

    assert reply.tool_calls[0].parse_arguments() == {"q": "x"}
    assert len(scripted.calls) == 1


def test_execute_tools_false_returns_the_calls(client, scripted):
    """
    The reply with the calls is returned, and nothing runs.
    """

    def never() -> None:
        raise AssertionError

    scripted.reply(body=make_call_reply(("never", "{}")))

    reply = client.ask("?", tools=[never], execute_tools=False)

    assert [call.name for call in reply.tool_calls] == ["never"]
    assert reply.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("approval", "expected_result"),
    [
        (True, "10 C in Oslo"),
        (False, "The user did not allow this call."),
        ("Not on Sundays.", "Not on Sundays."),
        (None, "The user did not allow this call."),
        (1, "The user did not allow this call."),
    ],
)
def test_a_call_runs_only_when_it_is_approved(client, scripted, approval, expected_result):
    """
    A call runs only if the approval returns True; otherwise the model receives the reason.
    """
    seen = []

    def approve(call):
        seen.append((call.name, call.parse_arguments()))
        return approval

    scripted.reply(body=make_call_reply(("weather", '{"city": "Oslo"}'))).reply(body=chat_reply("Ok."))

    reply = client.ask("?", tools=[weather], approve=approve)

    assert seen == [("weather", {"city": "Oslo"})]
    assert read_tool_results(scripted) == [expected_result]
    assert reply.messages[1].tool_results[0].is_error == (approval is not True)


def test_an_async_client_awaits_approvals(async_client, scripted):
    """
    An approval may be an async function or object.
    """

    class Approver:
        async def __call__(self, call):
            return call.name == "weather"

    async def approve(call):
        return "No."

    for _ in range(2):
        scripted.reply(body=make_call_reply(("weather", '{"city": "Oslo"}'))).reply(body=chat_reply("Ok."))

    asyncio.run(async_client.ask("?", tools=[weather], approve=Approver()))
    assert read_tool_results(scripted) == ["10 C in Oslo"]
    asyncio.run(async_client.ask("?", tools=[weather], approve=approve))
    assert read_tool_results(scripted) == ["No."]


def test_tools_are_refused_for_models_without_tools(make_client, scripted):
    """
    The error is raised before anything is sent.
    """
    client = make_client(settings={"models": {"openai/*": {"lacks": ["tools"]}}})

    with pytest.raises(UnsupportedError, match="openai/gpt-4o does not support tools"):
        client.ask("?", tools=[weather])
    assert scripted.calls == []


@pytest.mark.parametrize(
    ("choice", "first_choice", "later_choice"),
    [
        ("auto", "auto", "auto"),
        ("none", "none", "none"),
        ("required", "required", "auto"),
        ("weather", {"type": "function", "function": {"name": "weather"}}, "auto"),
    ],
)
def test_tool_choice_applies_to_the_first_round(client, scripted, choice, first_choice, later_choice):
    """
    A model that must call a tool may answer afterwards; otherwise the loop would not end.
    """
    scripted.reply(body=make_call_reply(("weather", '{"city": "Oslo"}'))).reply(body=chat_reply("Ok."))

    client.ask("?", tools=[weather], tool_choice=choice, parallel_tool_calls=False)

    assert scripted.sent(0)["tool_choice"] == first_choice
    assert scripted.sent(1).get("tool_choice") == later_choice
    assert scripted.sent(0)["parallel_tool_calls"] is False


def test_streams_include_all_rounds(client, scripted):
    """
    One stream contains the events of all rounds, and what each tool returned.
    """
    call = {"index": 0, "id": "c0", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    chunk = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    scripted.reply(chunks=sse(chunk)).reply(chunks=sse(*chat_chunks(["It is", " cold."])))

    with client.stream("?", tools=[weather]) as stream:
        events = list(stream)

    (executed,) = [event for event in events if isinstance(event, ToolExecuted)]
    assert (executed.call.name, executed.result.content) == ("weather", "10 C in Oslo")
    assert stream.response.text == "It is cold."
    assert [message.role for message in stream.response.messages] == ["assistant", "tool", "assistant"]
