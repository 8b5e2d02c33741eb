"""Both drivers perform a flow alike, and end it where it stands when its caller leaves."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import threading
import time

import pytest

from budwood import AsyncClient, Client
from budwood.engine.drivers.asynchronous import AsyncDriver
from budwood.engine.drivers.blocking import BlockingDriver
from budwood.engine.drivers.effects import Abandoned, All, Close, Emit, Invoke, Open, Read, ReadAll, Sleep
from budwood.errors import ConfigurationError, ProviderError
from budwood.transports.pooled import PooledTransport
from budwood.transports.pooled_async import AsyncPooledTransport
from budwood.types import HTTPCall, TextDelta, Timing
from budwood_testing import FakeClock, ScriptedTransport, chat_chunks, chat_reply, sse
from tests.servers import CHUNKED, LEAVE, chunk, head, signal

CALL = HTTPCall(method="GET", url="http://127.0.0.1/")
TIMING = Timing(connect_timeout=1, idle_timeout=1, deadline=1_000_000)
LONG = 3600.0


class Awaiting:
    """The async driver behind the blocking one's face, so that one test serves both."""

    def __init__(self, driver: AsyncDriver, runner: asyncio.Runner) -> None:
        self._driver = driver
        self._runner = runner

    def run(self, flow):
        return self._runner.run(self._driver.run(flow), context=contextvars.copy_context())

    def stream(self, flow):
        return AwaitingEvents(self._driver.stream(flow), self._runner)


class AwaitingEvents:
    def __init__(self, events, runner: asyncio.Runner) -> None:
        self._events = events
        self._runner = runner

    @property
    def result(self):
        return self._events.result

    def __iter__(self):
        return self

    def __next__(self):
        async def advance():
            return await anext(self._events, None)

        event = self._runner.run(advance())
        if event is None:
            raise StopIteration
        return event

    def close(self) -> None:
        self._runner.run(self._events.close())


@pytest.fixture(params=["blocking", "async"])
def driver(request, scripted, clock):
    """
    A driver of either kind over the scripted transport.
    """
    if request.param == "blocking":
        yield BlockingDriver(lambda: scripted, clock)
        return
    with asyncio.Runner() as runner:
        yield Awaiting(AsyncDriver(lambda: scripted.asynchronous, clock), runner)


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


def value_of(value):
    """A flow that performs one effect."""
    return (yield Invoke(lambda: value))


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


def test_all_keeps_the_order(driver):
    """
    Results stand in the order of the flows, not in that of their ends.
    """
    assert driver.run(gathering([value_of(number) for number in range(50)], 7)) == list(range(50))


def test_pauses_of_all_are_the_clocks(driver, clock):
    """
    Flows side by side wait by the clock that the driver was given, as a flow alone does.
    """

    def flow(seconds: float):
        yield Sleep(seconds)
        return seconds

    assert driver.run(gathering([flow(1.0), flow(2.0)])) == [1.0, 2.0]
    assert sorted(clock.slept) == [1.0, 2.0]


@pytest.mark.parametrize("count", [0, 1])
def test_all_of_few(driver, count):
    """
    None and one are lists like any other.
    """
    assert driver.run(gathering([value_of("only")] * count)) == ["only"] * count


def gathering(flows, limit: int | None = None):
    """A flow that runs others side by side."""
    return (yield All(flows, limit))


def test_all_runs_no_more_than_the_limit_at_once(driver):
    """
    With a limit of three, a fourth flow begins only after one has ended; and three do run side by side.
    """
    meeting = threading.Barrier(3)
    running = itertools.count()
    most = []
    lock = threading.Lock()
    now = 0

    def work() -> None:
        nonlocal now
        with lock:
            now += 1
            most.append(now)
        meeting.wait(60)
        with lock:
            now -= 1

    def flow():
        next(running)
        yield Invoke(work)

    driver.run(gathering((flow() for _ in range(9)), 3))

    assert max(most) == 3
    assert next(running) == 9


def test_all_makes_flows_only_when_they_begin(driver):
    """
    A generator of flows is not read ahead of the limit, so that a million prompts take no memory.
    """
    made = []

    def flows():
        for number in itertools.count():
            made.append(number)
            yield failing() if number == 4 else value_of(number)

    with pytest.raises(ProviderError):
        driver.run(gathering(flows(), 2))

    assert len(made) <= 7


def failing():
    """A flow that fails."""
    yield Invoke(lambda: None)
    raise ProviderError("failed")


def test_a_failing_flow_abandons_the_others(driver):
    """
    The first error of `All` is raised, and the other flows are ended where they stand, with their `finally` effects.
    """
    waiting = threading.Event()
    failed = threading.Event()
    cleaned = []

    def fails():
        yield Invoke(lambda: waiting.wait(60))
        failed.set()
        raise ProviderError("failed")

    def waits():
        try:
            yield Invoke(waiting.set)
            yield Invoke(lambda: failed.wait(60))
            for _ in range(1000):
                yield Sleep(60.0)
            cleaned.append("was never abandoned")
        finally:
            cleaned.append((yield Invoke(lambda: "cleaned")))

    driver_with_real_pauses = _with_real_pauses(driver)
    with pytest.raises(ProviderError, match="failed"):
        driver_with_real_pauses.run(gathering([waits(), fails()]))

    assert cleaned == ["cleaned"]


def _with_real_pauses(driver):
    """Give the driver a clock on which pauses last until someone ends them."""
    inner = driver._driver if isinstance(driver, Awaiting) else driver
    inner._clock = EndlessClock()
    return driver


class EndlessClock(FakeClock):
    """Pauses do not end by themselves."""

    def sleep(self, seconds: float, *, wake: threading.Event | None = None) -> None:
        (wake or threading.Event()).wait(LONG)

    async def sleep_async(self, seconds: float) -> None:
        await asyncio.Event().wait()


def test_a_failing_flow_closes_the_connections_of_the_others(loopback_server):
    """
    A flow that waits for a server when another one fails is gone for the server at once.
    """
    call = HTTPCall(method="GET", url=loopback_server.url)
    timing = Timing(connect_timeout=LONG, idle_timeout=LONG, deadline=time.monotonic() + LONG)
    asked = threading.Event()
    loopback_server.play(signal(asked), LEAVE)

    def waits():
        exchange = yield Open(call, timing)
        yield Close(exchange)

    def fails():
        yield Invoke(lambda: asked.wait(60))
        raise ProviderError("failed")

    blocking = PooledTransport()
    with pytest.raises(ProviderError, match="failed"):
        BlockingDriver(lambda: blocking, FakeClock()).run(gathering([waits(), fails()]))
    assert loopback_server.left.wait(60)
    assert not any(thread.name.startswith("budwood") and _busy(thread) for thread in threading.enumerate())
    blocking.close()

    loopback_server.left.clear()
    asked.clear()
    loopback_server.play(signal(asked), LEAVE)

    async def run() -> None:
        transport = AsyncPooledTransport()
        with pytest.raises(ProviderError, match="failed"):
            await AsyncDriver(lambda: transport, FakeClock()).run(gathering([waits(), fails()]))
        assert await asyncio.to_thread(loopback_server.left.wait, 60)
        await transport.close()

    asyncio.run(run())


def _busy(thread: threading.Thread) -> bool:
    """Tell whether a worker is still at work when it was told to end."""
    thread.join(60)
    return thread.is_alive()


def test_a_thread_that_misses_its_interrupt_is_interrupted_again(clock):
    """
    A flow that begins to wait only after the group was abandoned does not wait for ever.
    """
    begun, late, ended = threading.Event(), threading.Event(), threading.Event()
    interrupts = []

    class Transport(ScriptedTransport):
        def open(self, call, timing):
            begun.set()
            late.wait(60)  # it still connects, and has no socket to shut down
            ended.wait(60)
            raise ProviderError("interrupted")

        def interrupt(self, thread: int) -> None:
            interrupts.append(thread)
            late.set()
            if len(interrupts) > 1:
                ended.set()

    transport = Transport()

    def waits():
        yield Open(CALL, TIMING)

    def fails():
        yield Invoke(lambda: begun.wait(60))
        raise ProviderError("failed")

    with pytest.raises(ProviderError, match="failed"):
        BlockingDriver(lambda: transport, clock).run(gathering([waits(), fails()]))

    assert ended.is_set()


def test_threads_of_all_see_the_callers_context(driver):
    """
    Context variables, on which tracing rests, are those of the caller.
    """
    name = contextvars.ContextVar("name", default="nobody")

    def flow():
        return (yield Invoke(name.get))

    def run():
        name.set("caller")
        return driver.run(gathering([flow(), flow()]))

    assert contextvars.copy_context().run(run) == ["caller", "caller"]


def test_blocking_code_gets_a_thread_from_the_event_loop(clock, scripted):
    """
    The async driver runs a blocking function in a thread, an inline one on the loop, and awaits a coroutine.
    """

    async def awaited() -> int:
        return threading.get_ident()

    def flow():
        thread = yield Invoke(threading.get_ident)
        inline = yield Invoke(threading.get_ident, inline=True)
        coroutine = yield Invoke(awaited, awaitable=True)
        return thread, inline, coroutine

    thread, inline, coroutine = asyncio.run(AsyncDriver(lambda: scripted.asynchronous, clock).run(flow()))

    assert thread != threading.get_ident()
    assert inline == coroutine == threading.get_ident()


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


def test_break_closes_a_stream_of_the_client(client, async_client, scripted):
    """
    Leaving a stream's block in the middle closes the reply, in both clients.
    """
    for _ in range(2):
        scripted.reply(200, chunks=sse(*chat_chunks(["a", "b", "c"])))

    with client.stream("hi") as stream:
        for _ in stream.text_deltas():
            break
    assert scripted.abandoned == 1

    async def leave() -> None:
        async with async_client.stream("hi") as stream:
            async for _ in stream:
                break

    asyncio.run(leave())
    assert scripted.abandoned == 2


def test_break_closes_the_connection(loopback_server):
    """
    The server sees the end of the connection when the block is left, while it still writes.
    """
    first = b"".join(sse(*chat_chunks(["a"], finish_reason=None), done=False))
    for _ in range(2):
        loopback_server.play(head(**CHUNKED) + chunk(first), LEAVE)

    with Client("openai/m", base_url=loopback_server.url, api_key="k") as client:
        with client.stream("hi") as stream:
            for _ in stream:
                break
        assert loopback_server.left.wait(60)

    loopback_server.left.clear()

    async def leave() -> None:
        async with AsyncClient("openai/m", base_url=loopback_server.url, api_key="k") as client:
            async with client.stream("hi") as stream:
                async for _ in stream:
                    break
            assert await asyncio.to_thread(loopback_server.left.wait, 60)

    asyncio.run(leave())


@pytest.mark.parametrize("streamed", [False, True])
def test_cancelling_a_task_closes_the_connection(loopback_server, streamed):
    """
    A task cancelled while it waits for more of the reply ends the connection before it is done.
    """
    first = b"".join(sse(*chat_chunks(["a"], finish_reason=None), done=False))
    written = threading.Event()
    loopback_server.play(head(**CHUNKED) + chunk(first), signal(written), LEAVE)

    async def ask(client: AsyncClient) -> None:
        if not streamed:
            await client.ask("hi")
        async with client.stream("hi") as stream:
            async for _ in stream:
                pass

    async def run() -> None:
        async with AsyncClient("openai/m", base_url=loopback_server.url, api_key="k") as client:
            task = asyncio.create_task(ask(client))
            await asyncio.to_thread(written.wait, 60)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(loopback_server.left.wait, 60)

    asyncio.run(run())


def test_cancelling_performs_all_of_finally(clock, scripted):
    """
    The effects of a `finally` run to their end although the task was cancelled.
    """
    done = []

    async def pause() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        done.append("slow")

    def flow():
        try:
            yield Invoke(asyncio.Event().wait, awaitable=True)
        finally:
            yield Invoke(pause, awaitable=True)
            yield Invoke(lambda: done.append("last"))

    async def run() -> None:
        task = asyncio.create_task(AsyncDriver(lambda: scripted.asynchronous, clock).run(flow()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())

    assert done == ["slow", "last"]


def test_cancelling_again_does_not_stop_what_cleans_up(clock, scripted):
    """
    A second cancellation ends the waiting, while the `finally` effect that was under way goes on to its end.
    """
    begun, cleaned = asyncio.Event(), asyncio.Event()

    async def clean() -> None:
        begun.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        cleaned.set()

    def flow():
        try:
            yield Invoke(asyncio.Event().wait, awaitable=True)
        finally:
            yield Invoke(clean, awaitable=True)

    async def run() -> None:
        task = asyncio.create_task(AsyncDriver(lambda: scripted.asynchronous, clock).run(flow()))
        await asyncio.sleep(0)
        task.cancel()
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(20):
            await cleaned.wait()

    asyncio.run(run())


def test_cancelling_many_ends_them_all(scripted, clock):
    """
    A cancelled `All` cancels its flows and waits for their `finally` effects.
    """
    cleaned = []

    def flow(number: int):
        try:
            yield Invoke(asyncio.Event().wait, awaitable=True)
        finally:
            yield Invoke(lambda: cleaned.append(number), inline=True)

    async def run() -> None:
        driver = AsyncDriver(lambda: scripted.asynchronous, clock)
        task = asyncio.create_task(driver.run(gathering(flow(number) for number in range(5))))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())

    assert sorted(cleaned) == [0, 1, 2, 3, 4]
