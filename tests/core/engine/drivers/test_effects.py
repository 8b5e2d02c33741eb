"""Both drivers perform each effect in the same way, and raise errors at the `yield`."""

from __future__ import annotations

import asyncio
import threading

import pytest

from budwood.engine.drivers.asynchronous import AsyncDriver
from budwood.engine.drivers.blocking import BlockingDriver
from budwood.engine.drivers.effects import All, Close, Invoke, Open, Read, ReadAll, Sleep
from budwood.errors import ConfigurationError
from budwood_testing import chat_reply
from tests.core.engine.flows import CALL, TIMING, return_value


def test_flow_without_effects_returns_its_value(driver):
    """
    A flow that yields nothing ends immediately.
    """

    def flow():
        yield from ()
        return 7

    assert driver.run(flow()) == 7


def test_every_effect_returns_its_result(driver, scripted, clock):
    """
    Open, Read, ReadAll, Close, Sleep, Invoke and All are performed, and each `yield` returns the result.
    """
    scripted.reply(200, chunks=[b"a", b"b", b"c"], headers={"x": "y"})

    def flow():
        exchange = yield Open(CALL, TIMING)
        first = yield Read(exchange)
        rest = yield ReadAll(exchange, 10)
        closed = yield Close(exchange)
        slept = yield Sleep(3.0)
        invoked = yield Invoke(lambda: "invoked")
        inline = yield Invoke(threading.get_ident, inline=True)
        all_results = yield All([return_value(1), return_value(2)])
        return exchange.head.headers, first, rest, closed, slept, invoked, inline, all_results

    headers, first, rest, closed, slept, invoked, inline, all_results = driver.run(flow())

    assert (headers, first, rest) == ({"x": "y"}, b"a", b"bc")
    assert (closed, slept, invoked, inline) == (None, None, "invoked", threading.get_ident())
    assert all_results == [1, 2]
    assert clock.slept == [3.0]
    assert scripted.calls == [CALL]


def test_failed_effect_is_raised_at_its_yield(driver):
    """
    A flow can catch the error of its effect and continue.
    """

    def flow():
        try:
            yield Invoke(lambda: 1 // 0)
        except ZeroDivisionError:
            return (yield Invoke(lambda: "continued"))

    assert driver.run(flow()) == "continued"


def test_uncaught_error_is_raised_in_the_caller(driver):
    """
    It leaves the flow unchanged, after the effects of its `finally` were performed.
    """
    done = []

    def flow():
        try:
            yield Invoke(lambda: 1 // 0)
        finally:
            yield Invoke(lambda: done.append("cleaned"))

    with pytest.raises(ZeroDivisionError):
        driver.run(flow())

    assert done == ["cleaned"]


def test_async_driver_runs_blocking_code_in_a_thread(clock, scripted):
    """
    It runs a blocking function in a thread, an inline one on the loop, and awaits a coroutine.
    """

    async def return_awaited() -> int:
        return threading.get_ident()

    def flow():
        thread = yield Invoke(threading.get_ident)
        inline = yield Invoke(threading.get_ident, inline=True)
        coroutine = yield Invoke(return_awaited, awaitable=True)
        return thread, inline, coroutine

    thread, inline, coroutine = asyncio.run(AsyncDriver(lambda: scripted.asynchronous, clock).run(flow()))

    assert thread != threading.get_ident()
    assert inline == coroutine == threading.get_ident()


def test_blocking_driver_rejects_async_code(clock, scripted):
    """
    An async function is never called; the error names it and says what to do.
    """
    called = []

    async def look_up() -> None:
        called.append("called")

    def flow():
        yield Invoke(look_up, awaitable=True)

    with pytest.raises(ConfigurationError, match="look_up is async") as caught:
        BlockingDriver(lambda: scripted, clock).run(flow())

    assert caught.value.hint == "Use AsyncClient."
    assert called == []


def test_parallel_calls_are_retried(client, async_client, scripted, clock):
    """
    A failed call among many is retried after the delay that the server asks for, in both clients.
    """
    for _ in range(2):
        scripted.reply(503, {}, headers={"retry-after": "7"})
        for _ in range(3):
            scripted.reply(200, chat_reply("yes"))

    replies = client.ask_many(["a", "b", "c"]).in_order()
    assert [reply.text for reply in replies] == ["yes"] * 3
    assert clock.slept == [7.0]

    replies = asyncio.run(async_client.ask_many(["a", "b", "c"]).in_order())
    assert [reply.text for reply in replies] == ["yes"] * 3
    assert clock.slept == [7.0, 7.0]


def test_async_tool_is_rejected_before_anything_is_sent(client, async_client, scripted):
    """
    `Client` raises an error for an async tool; `AsyncClient` awaits it.
    """

    async def weather(place: str) -> str:
        """Return the weather."""
        return f"rain in {place}"

    with pytest.raises(ConfigurationError, match="'weather' is async"):
        client.ask("hi", tools=[weather])
    with pytest.raises(ConfigurationError, match="'weather' is async"), client.stream("hi", tools=[weather]) as stream:
        next(iter(stream))
    assert scripted.calls == []

    tool_call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Oslo"}'}}
    scripted.reply(200, chat_reply("", tool_calls=[tool_call])).reply(200, chat_reply("Rain."))
    assert asyncio.run(async_client.ask("hi", tools=[weather])).text == "Rain."
    assert scripted.sent()["messages"][-1]["content"] == "rain in Oslo"
