"""Models inside the process, as the engine drives them."""

from __future__ import annotations

import asyncio
import random
import threading

import pytest

from budwood.catalog import LearnedRules
from budwood.engine.accounting.counting import TokenCounter
from budwood.engine.drivers.asynchronous import AsyncDriver
from budwood.engine.drivers.blocking import BlockingDriver
from budwood.engine.pipeline.call import Call, Round
from budwood.engine.pipeline.endpoints import Endpoint, Target
from budwood.engine.pipeline.flows import answer_chat
from budwood.engine.pipeline.local import LocalReply
from budwood.engine.services import CHAT, count_tokens
from budwood.errors import PluginFaultError, UnsupportedError
from budwood.plugins import Instances
from budwood.plugins.faults import PluginSource
from budwood.settings import Options, Settings
from budwood.types import (
    Adaptation,
    Capability,
    ChatRequest,
    Finished,
    Message,
    ModelRules,
    TextDelta,
    Timing,
)

REQUEST = ChatRequest(model="m", messages=(Message.user("hi"),), seed=1)
CLOSED = "closed"


class Slow:
    """Writes a word, then waits until it may go on."""

    capabilities = frozenset({Capability.CHAT, Capability.STREAM, Capability.COUNT_TOKENS})

    def __init__(self) -> None:
        self.waiting = threading.Event()
        self.gate = threading.Event()
        self.log: list[str] = []
        self.closed = threading.Event()

    def stream(self, request):
        try:
            yield TextDelta("one")
            self.waiting.set()
            assert self.gate.wait(60)
            self.log.append("two")
            yield TextDelta("two")
            self.log.append("three")
            yield Finished("stop")
        finally:
            self.log.append(CLOSED)
            self.closed.set()

    def models(self):
        return ()


class Choosy(Slow):
    """Takes no seed, and counts."""

    def adaptations(self, request):
        return (Adaptation(parameter="seed", action="dropped", reason="it has no dice"),)

    def count_tokens(self, request):
        return 42


@pytest.fixture
def call_of(clock):
    """
    Makes a call to a model inside the process.
    """

    def make(local, *, streamed=False, **options):
        endpoint = Endpoint(
            name="here",
            plugin="here",
            source=PluginSource("here"),
            remote=None,
            local=local,
            rules=lambda _: ModelRules(),
            capabilities=lambda _: local.capabilities,
            learned_rules=LearnedRules(),
            identity="identity",
        )
        timing = Timing(connect_timeout=1, idle_timeout=1, deadline=clock.monotonic() + 600)
        counter = TokenCounter(Instances(Settings()))
        return Call(
            id="id",
            target=Target(endpoint, "m"),
            options=Options(**options),
            clock=clock,
            random=random.Random(0),
            timing=timing,
            counter=counter,
            streamed=streamed,
        )

    return make


def answer(call):
    """
    Answers the request by the whole pipeline.
    """
    return answer_chat(Round(call, CHAT, REQUEST))


@pytest.mark.parametrize("streamed", [False, True])
def test_cancelled_task_leaves_at_once_and_the_model_stops_at_its_next_event(call_of, clock, streamed):
    """
    Nobody waits for a model that still writes; the thread that reads it closes it as soon as it comes back.
    """
    local = Slow()

    async def cancelled():
        driver = AsyncDriver(lambda: None, clock)
        if not streamed:
            task = asyncio.create_task(driver.run(answer(call_of(local))))
        else:
            events = driver.stream(answer(call_of(local, streamed=True)))
            await anext(events)
            task = asyncio.ensure_future(anext(events))
        await asyncio.to_thread(local.waiting.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not local.log
        local.gate.set()
        assert await asyncio.to_thread(local.closed.wait, 60)

    asyncio.run(cancelled())

    assert local.log == ["two", CLOSED]


def test_stream_that_is_left_between_two_events_is_closed(call_of, clock):
    """
    Leaving closes the plugin's generator before anything else happens.
    """
    local = Slow()
    events = BlockingDriver(lambda: None, clock).stream(answer(call_of(local, streamed=True)))
    next(events)

    events.close()

    assert local.log == [CLOSED]


def test_left_reply_yields_nothing_more():
    """
    Who reads on after leaving finds the end.
    """
    reply = LocalReply(TextDelta(text) for text in "ab")

    assert reply.read(1) == [TextDelta("a")]
    reply.leave()

    assert reply.read(None) == []


def test_receipts_of_a_local_model_are_kept(call_of, clock):
    """
    What a model inside the process does not take as given is noted as a vendor's encoder notes it.
    """
    local = Choosy()
    local.gate.set()
    call = call_of(local)

    BlockingDriver(lambda: None, clock).run(answer(call))

    assert list(call.adaptations) == ["seed"]


def test_who_wants_everything_as_given_gets_an_error_before_the_model_is_asked(call_of, clock):
    """
    `on_unsupported="error"` holds for models inside the process as well.
    """
    local = Choosy()

    with pytest.raises(UnsupportedError, match="it has no dice"):
        BlockingDriver(lambda: None, clock).run(answer(call_of(local, on_unsupported="error")))

    assert not local.log


def test_local_model_counts_tokens_itself_where_it_can(call_of, clock):
    """
    Its count is exact; without one it is an estimate.
    """
    driver = BlockingDriver(lambda: None, clock)

    assert driver.run(count_tokens(call_of(Choosy()), REQUEST, offline=False)).input_tokens == 42
    assert not driver.run(count_tokens(call_of(Slow()), REQUEST, offline=False)).exact


@pytest.mark.parametrize("streamed", [False, True])
def test_events_of_which_no_reply_can_be_made_are_the_plugins_fault(call_of, clock, streamed):
    """
    A text that is none is found when the reply is put together; the plugin is named all the same.
    """

    class Numbers(Slow):
        def stream(self, request):
            yield TextDelta(5)
            yield Finished("stop")

    driver = BlockingDriver(lambda: None, clock)
    flow = answer(call_of(Numbers(), streamed=streamed))

    with pytest.raises(PluginFaultError, match=r"failed in stream\(\)"):
        list(driver.stream(flow)) if streamed else driver.run(flow)
