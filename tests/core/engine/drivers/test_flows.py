"""Both drivers perform a flow alike, and end it where it stands when its caller leaves."""

from __future__ import annotations

import asyncio
import threading

import pytest

from budwood.engine.drivers.blocking import BlockingDriver
from budwood.engine.drivers.effects import Abandoned, All, Close, Emit, Invoke, Open, Read, ReadAll, Sleep
from budwood.errors import ConfigurationError, ProviderError
from budwood.types import TextDelta
from budwood_testing import chat_reply
from tests.core.engine.drivers.awaiting import CALL, TIMING, value_of


def test_a_flow_without_effects_returns_its_value(driver):
    """
    A flow that asks for nothing is done at once.
    """

    def flow():
        yield from ()
        return 7

    assert driver.run(flow()) == 7


def test_every_effect_has_its_result(driver, scripted, clock):
    """
    Open, Read, ReadAll, Close, Sleep, Invoke and All are performed, and their results come back to where they stand.
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
        together = yield All([value_of(1), value_of(2)])
        return exchange.head.headers, first, rest, closed, slept, invoked, inline, together

    headers, first, rest, closed, slept, invoked, inline, together = driver.run(flow())

    assert (headers, first, rest) == ({"x": "y"}, b"a", b"bc")
    assert (closed, slept, invoked, inline) == (None, None, "invoked", threading.get_ident())
    assert together == [1, 2]
    assert clock.slept == [3.0]
    assert scripted.calls == [CALL]


def test_a_failed_effect_is_raised_where_it_stands(driver):
    """
    A flow can catch what its effect raised, and go on.
    """

    def flow():
        try:
            yield Invoke(lambda: 1 // 0)
        except ZeroDivisionError:
            return (yield Invoke(lambda: "went on"))

    assert driver.run(flow()) == "went on"


def test_an_error_that_nobody_catches_is_the_callers(driver):
    """
    An error leaves the flow as it is, after the effects of its `finally` were performed.
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


def test_events_are_handed_out_in_order(driver):
    """
    A streamed flow gives its events one by one, those of several emissions in their order, and its result at the end.
    """

    def flow():
        yield Emit([TextDelta("a"), TextDelta("b")])
        yield Emit([])
        yield Emit([TextDelta("c")])
        return "result"

    events = driver.stream(flow())

    assert events.result is None
    assert [event.text for event in events] == ["a", "b", "c"]
    assert events.result == "result"
    assert list(events) == []


def test_events_of_a_flow_that_is_only_run_are_passed_over(driver):
    """
    Running a flow to its end needs nobody who reads its events.
    """

    def flow():
        yield Emit([TextDelta("a")])
        return "result"

    assert driver.run(flow()) == "result"


def test_a_failed_stream_has_no_more_events(driver):
    """
    An error comes once, after the events before it; then the stream is at its end.
    """

    def flow():
        yield Emit([TextDelta("a")])
        raise ProviderError("broke")

    events = driver.stream(flow())

    assert next(events).text == "a"
    with pytest.raises(ProviderError):
        next(events)
    assert list(events) == []
    events.close()


def test_leaving_a_stream_performs_what_finally_yields(driver, scripted):
    """
    Closing in mid-stream throws `Abandoned` in and performs the `finally` effects; a second close does nothing.
    """
    scripted.reply(200, chunks=[b"a", b"b"])
    seen = []

    def flow():
        exchange = yield Open(CALL, TIMING)
        try:
            yield Read(exchange)
            yield Emit([TextDelta("a"), TextDelta("b")])
        except BaseException as error:
            seen.append(type(error))
            raise
        finally:
            yield Close(exchange)
            seen.append((yield Invoke(lambda: "cleaned")))

    events = driver.stream(flow())
    next(events)
    events.close()
    events.close()

    assert seen == [Abandoned, "cleaned"]
    assert scripted.abandoned == 1
    assert list(events) == []


def test_leaving_before_the_first_event_sends_nothing(driver, scripted):
    """
    A stream that nobody read was never begun.
    """

    def flow():
        yield Open(CALL, TIMING)

    driver.stream(flow()).close()

    assert scripted.calls == []


def test_no_policy_takes_abandoning_for_a_failure(driver):
    """
    A flow that retries on every exception ends all the same when its caller leaves.
    """

    def flow():
        while True:
            try:
                yield Emit([TextDelta("a")])
            except Exception:  # noqa: BLE001 - the policy under test takes all that there is
                yield Sleep(1)

    events = driver.stream(flow())
    next(events)
    events.close()

    assert list(events) == []


def test_a_failing_cleanup_is_the_callers(driver):
    """
    What goes wrong in a `finally` effect is not hidden.
    """

    def flow():
        try:
            yield Emit([TextDelta("a")])
        finally:
            yield Invoke(lambda: 1 // 0)

    events = driver.stream(flow())
    next(events)

    with pytest.raises(ZeroDivisionError):
        events.close()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_passes_through_the_flow(scripted, clock, kind):
    """
    Control-C while a call waits closes the connection and is raised as it is.
    """
    scripted.reply(200, chunks=[b"a", b"b"])
    driver = BlockingDriver(lambda: scripted, clock)

    def interrupt() -> None:
        raise kind

    def flow():
        exchange = yield Open(CALL, TIMING)
        try:
            yield Invoke(interrupt)
        finally:
            yield Close(exchange)

    with pytest.raises(kind):
        driver.run(flow())

    assert scripted.abandoned == 1


def test_a_keyboard_interrupt_is_not_retried(client, scripted):
    """
    Control-C in a call of the client leaves at once, with one request sent.
    """
    scripted.fail(KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        client.ask("hi")

    assert len(scripted.calls) == 1


def test_the_blocking_driver_refuses_async_code(clock, scripted):
    """
    What must be awaited is an error that names it and the cure, and is never called.
    """
    called = []

    async def lookup() -> None:
        called.append("called")

    def flow():
        yield Invoke(lookup, awaitable=True)

    with pytest.raises(ConfigurationError, match="lookup is async") as caught:
        BlockingDriver(lambda: scripted, clock).run(flow())

    assert caught.value.hint == "Use AsyncClient."
    assert called == []


def test_calls_side_by_side_are_retried(client, async_client, scripted, clock):
    """
    A failed call among many is repeated after the pause that the server asks for, in both clients.
    """
    for _ in range(2):
        scripted.reply(503, {}, headers={"retry-after": "7"})
        for _ in range(3):
            scripted.reply(200, chat_reply("yes"))

    replies = client.ask_many(["a", "b", "c"])
    assert [reply.text for reply in replies] == ["yes"] * 3
    assert clock.slept == [7.0]

    replies = asyncio.run(async_client.ask_many(["a", "b", "c"]))
    assert [reply.text for reply in replies] == ["yes"] * 3
    assert clock.slept == [7.0, 7.0]


def test_an_async_tool_is_refused_before_anything_is_sent(client, async_client, scripted):
    """
    `Client` says at once that it cannot await a tool; `AsyncClient` awaits it.
    """

    async def weather(place: str) -> str:
        """Tell the weather."""
        return f"rain in {place}"

    with pytest.raises(ConfigurationError, match="'weather' is async"):
        client.ask("hi", tools=[weather])
    with pytest.raises(ConfigurationError, match="'weather' is async"), client.stream("hi", tools=[weather]) as stream:
        next(iter(stream))
    assert scripted.calls == []

    wanted = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Oslo"}'}}
    scripted.reply(200, chat_reply("", tool_calls=[wanted])).reply(200, chat_reply("Rain."))
    assert asyncio.run(async_client.ask("hi", tools=[weather])).text == "Rain."
    assert scripted.sent()["messages"][-1]["content"] == "rain in Oslo"
