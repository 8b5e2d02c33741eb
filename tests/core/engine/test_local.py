"""Local models that the engine runs in the process."""

from __future__ import annotations

import asyncio
import random
import threading

import pytest

from budwood.catalog import LearnedRules
from budwood.engine.accounting.counting import TokenCounter
from budwood.engine.drivers.asynchronous import AsyncDriver
from budwood.engine.drivers.blocking import BlockingDriver
from budwood.engine.endpoints.endpoint import Endpoint, Endpoints, Target
from budwood.engine.pipeline.call import Call, Round
from budwood.engine.pipeline.flows import answer_chat
from budwood.engine.pipeline.local import LocalReply
from budwood.engine.services import CHAT, count_tokens
from budwood.errors import PluginFaultError, UnsupportedError
from budwood.option_settings import Options
from budwood.plugins import Instances
from budwood.plugins.faults import PluginSource
from budwood.settings import Settings
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


class SlowModel:
    """
    Yields one delta, then waits until the gate is set.
    """

    capabilities = frozenset({Capability.CHAT, Capability.STREAM, Capability.COUNT_TOKENS})

    def __init__(self) -> None:
        self.has_written = threading.Event()
        self.gate = threading.Event()
        self.log: list[str] = []
        self.closed = threading.Event()

    def stream(self, request):
        try:
            yield TextDelta("one")
            self.has_written.set()
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


class SeedlessModel(SlowModel):
    """
    Does not support seeds, and counts tokens.
    """

    def adaptations(self, request):
        return (Adaptation(parameter="seed", action="dropped", reason="no seeds"),)

    def count_tokens(self, request):
        return 42


@pytest.fixture
def make_call(clock):
    """
    Return a call to a local model.
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
        instances = Instances(Settings())
        return Call(
            id="id",
            target=Target(endpoint, "m"),
            options=Options(**options),
            clock=clock,
            random=random.Random(0),
            timing=timing,
            counter=TokenCounter(instances),
            instances=instances,
            find_limiter=Endpoints(instances, {}).find_limiter,
            streamed=streamed,
        )

    return make


def answer(call):
    """
    Answer the request with the complete pipeline.
    """
    return answer_chat(Round(call, CHAT, REQUEST))


@pytest.mark.parametrize("streamed", [False, True])
def test_cancelled_task_does_not_wait_for_the_model(make_call, clock, streamed):
    """
    The thread that reads the model closes it at its next event.
    """
    local = SlowModel()

    async def cancel_task():
        driver = AsyncDriver(lambda: None, clock)
        if not streamed:
            task = asyncio.create_task(driver.run(answer(make_call(local))))
        else:
            events = driver.stream(answer(make_call(local, streamed=True)))
            await anext(events)
            task = asyncio.ensure_future(anext(events))
        await asyncio.to_thread(local.has_written.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not local.log
        local.gate.set()
        assert await asyncio.to_thread(local.closed.wait, 60)

    asyncio.run(cancel_task())

    assert local.log == ["two", CLOSED]


def test_stream_that_is_left_between_two_events_is_closed(make_call, clock):
    """
    Leaving the stream closes the plugin's generator.
    """
    local = SlowModel()
    events = BlockingDriver(lambda: None, clock).stream(answer(make_call(local, streamed=True)))
    next(events)

    events.close()

    assert local.log == [CLOSED]


def test_left_reply_yields_nothing_more():
    """
    Reading after leaving returns the end.
    """
    reply = LocalReply(TextDelta(text) for text in "ab")

    assert reply.read(1) == [TextDelta("a")]
    reply.leave()

    assert reply.read(None) == []


def test_adaptations_of_a_local_model_are_recorded(make_call, clock):
    """
    They are like those of a vendor's encoder.
    """
    local = SeedlessModel()
    local.gate.set()
    call = make_call(local)

    BlockingDriver(lambda: None, clock).run(answer(call))

    assert list(call.adaptations) == ["seed"]


def test_adaptations_of_a_local_model_can_be_errors(make_call, clock):
    """
    With `on_unsupported="error"` the model is not called.
    """
    local = SeedlessModel()

    with pytest.raises(UnsupportedError, match="no seeds"):
        BlockingDriver(lambda: None, clock).run(answer(make_call(local, on_unsupported="error")))

    assert not local.log


def test_local_model_may_count_tokens(make_call, clock):
    """
    Its count is exact; otherwise the count is an estimate.
    """
    driver = BlockingDriver(lambda: None, clock)

    assert driver.run(count_tokens(make_call(SeedlessModel()), REQUEST, offline=False)).input_tokens == 42
    assert not driver.run(count_tokens(make_call(SlowModel()), REQUEST, offline=False)).exact


@pytest.mark.parametrize("streamed", [False, True])
def test_events_that_do_not_form_a_reply_are_the_plugins_fault(make_call, clock, streamed):
    """
    The error is found when the reply is built, and names the plugin.
    """

    class Numbers(SlowModel):
        def stream(self, request):
            yield TextDelta(5)
            yield Finished("stop")

    driver = BlockingDriver(lambda: None, clock)
    flow = answer(make_call(Numbers(), streamed=streamed))

    with pytest.raises(PluginFaultError, match=r"failed in stream\(\)"):
        list(driver.stream(flow)) if streamed else driver.run(flow)
