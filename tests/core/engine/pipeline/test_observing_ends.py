"""Every request and attempt that has started is reported as ended, once."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import warnings

import pytest

from budwood.engine import Abandoned
from budwood.errors import CredentialError, RequestTimeoutError, ServerError
from budwood.types import (
    AttemptFinished,
    AttemptStarted,
    RequestFinished,
    RequestStarted,
    ToolFinished,
    ToolStarted,
)
from budwood_testing import ScriptedReply, chat_chunks, chat_reply, sse

MAX_WAIT = 30
TAGS = {"models": [{"name": f"m{number}", "model": f"m{number}", "size": 5, "details": {}} for number in range(4)]}
MODEL_DETAILS = {"details": {}, "model_info": {}, "capabilities": ["completion"]}


class StalledTransport:
    """
    A transport whose replies never arrive.
    """

    def __init__(self):
        self.is_open = asyncio.Event()

    async def open(self, call, timing):
        self.is_open.set()
        await asyncio.Event().wait()

    async def close(self):
        pass


def assert_paired(recorder, requests=1):
    """
    Check that each request and each attempt has started once and ended once.
    """
    assert len(recorder.count_pairs()) == 2 * requests
    assert set(recorder.count_pairs().values()) == {1}
    started = {(event.call, event.number) for event in recorder.select_events(AttemptStarted)}
    finished = [(event.call, event.number) for event in recorder.select_events(AttemptFinished)]
    assert len(finished) == len(started)
    assert set(finished) == started
    assert isinstance(recorder.events[-1], RequestFinished)


@pytest.mark.parametrize("read", [1, 2])
def test_stream_that_is_left_has_ended(make_client, scripted, recorder, read):
    """
    Leaving the block ends the request and its attempt, after the first event and after the last.
    """
    scripted.reply(200, chunks=sse(*chat_chunks(["Hi", "!"])))

    with make_client(observers=[recorder]) as client, client.stream("Hello") as stream:
        for _ in range(read):
            next(iter(stream))

    assert_paired(recorder)
    (attempt,) = recorder.select_events(AttemptFinished)
    assert (attempt.attempt.error, attempt.attempt.status, attempt.attempt.cost) == ("Abandoned", 200, None)
    (finished,) = recorder.select_events(RequestFinished)
    assert (type(finished.error), finished.response, len(finished.attempts)) == (Abandoned, None, 1)


def test_stream_that_is_closed_twice_ends_once(make_client, scripted, recorder):
    """
    A stream that was read to its end may be closed.
    """
    scripted.reply(200, chunks=sse(*chat_chunks(["Hi"]))).reply(200, chunks=sse(*chat_chunks(["Hi"])))

    with make_client(observers=[recorder]) as client:
        left, complete = client.stream("Hello"), client.stream("Hello")
        next(iter(left))
        list(complete)
        for _ in range(2):
            left.close()
            complete.close()

    assert_paired(recorder, requests=2)


def test_stream_that_never_started_is_not_reported(make_client, recorder):
    """
    Nothing was sent.
    """
    with make_client(observers=[recorder]) as client, client.stream("Hello"):
        pass

    assert recorder.events == []


def test_dropped_stream_has_ended(make_client, scripted):
    """
    Without a close, garbage collection ends it in a separate thread.
    """
    ended = threading.Event()

    class EndObserver:
        def observe(self, event):
            if isinstance(event, RequestFinished):
                ended.set()

    scripted.reply(200, chunks=sse(*chat_chunks(["Hi", "!"])))
    with make_client(observers=[EndObserver()]) as client:
        next(iter(client.stream("Hello")))
        gc.collect()

        assert ended.wait(MAX_WAIT)


def test_dropped_async_stream_is_reported_by_its_loop(make_async_client, scripted):
    """
    An observer may hold a lock during garbage collection.
    """

    class LockingObserver:
        def __init__(self):
            self.lock = threading.Lock()
            self.refused = []
            self.ended = asyncio.Event()

        def observe(self, event):
            if not self.lock.acquire(blocking=False):
                self.refused.append(event)
                return
            self.lock.release()
            if isinstance(event, RequestFinished):
                self.ended.set()

    async def run():
        observer = LockingObserver()
        async with make_async_client(observers=[observer]) as client:
            events = aiter(client.stream("Hello"))
            await anext(events)
            with observer.lock:
                del events
                gc.collect()
            await asyncio.wait_for(observer.ended.wait(), MAX_WAIT)
        return observer.refused

    scripted.reply(200, chunks=sse(*chat_chunks(["Hi", "!"])))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        assert asyncio.run(run()) == []


def test_cancelled_task_has_ended(make_async_client, recorder):
    """
    The error is the cancellation, and the attempt has ended too.
    """

    async def run():
        transport = StalledTransport()
        async with make_async_client(observers=[recorder], transport=transport) as client:
            task = asyncio.create_task(client.ask("Hello"))
            await transport.is_open.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())

    assert_paired(recorder)
    assert isinstance(recorder.events[-1].error, asyncio.CancelledError)


def test_cancelled_stream_has_ended(make_async_client, recorder):
    """
    Leaving its block after the cancellation does not end it again.
    """

    async def run():
        transport = StalledTransport()

        async def read(client):
            async with client.stream("Hello") as stream:
                await anext(aiter(stream))

        async with make_async_client(observers=[recorder], transport=transport) as client:
            task = asyncio.create_task(read(client))
            await transport.is_open.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())

    assert_paired(recorder)


def test_interrupted_call_has_ended(make_client, scripted, recorder):
    """
    Ctrl-C while waiting for the vendor reaches the caller, and is reported.
    """
    scripted.fail(KeyboardInterrupt())

    with make_client(observers=[recorder]) as client, pytest.raises(KeyboardInterrupt):
        client.ask("Hello")

    assert_paired(recorder)
    assert isinstance(recorder.events[-1].error, KeyboardInterrupt)


def test_interrupt_within_an_observer_ends_the_call(make_client, recorder):
    """
    Ctrl-C is not an error of the observer; events that have started are ended.
    """

    class Interrupted:
        def observe(self, event):
            if isinstance(event, RequestStarted):
                raise KeyboardInterrupt

    with make_client(observers=[recorder, Interrupted()]) as client, pytest.raises(KeyboardInterrupt):
        client.ask("Hello")

    assert_paired(recorder)


def test_many_that_are_interrupted_have_ended(make_client, scripted, recorder):
    """
    Calls in progress have started and ended; others are not reported.
    """
    first = threading.Event()

    def wait_for_interrupt(call):
        assert first.wait(MAX_WAIT)
        return ScriptedReply(200, {}, (json.dumps(chat_reply("Hi")).encode(),))

    def interrupt(call):
        first.set()
        raise KeyboardInterrupt

    scripted.answer(wait_for_interrupt).answer(interrupt)
    with make_client(observers=[recorder]) as client, pytest.raises(KeyboardInterrupt):
        client.ask_many(["a", "b", "c", "d"], concurrency=2).in_order()

    assert set(recorder.count_pairs().values()) == {1}
    assert len(recorder.select_events(RequestStarted)) == len(recorder.select_events(RequestFinished))


def test_many_prompts_are_separate_calls(make_client, scripted, recorder, echo):
    """
    Each has an id, a start and an end.
    """
    for _ in range(8):
        scripted.answer(echo)

    with make_client(observers=[recorder]) as client:
        client.ask_many([str(number) for number in range(8)], concurrency=4).in_order()

    assert_paired(recorder, requests=8)


def test_many_of_a_cancelled_task_have_ended(make_async_client, recorder):
    """
    All calls that had started have ended.
    """

    async def run():
        transport = StalledTransport()
        async with make_async_client(observers=[recorder], transport=transport) as client:
            task = asyncio.create_task(client.ask_many(["a", "b", "c"], concurrency=2).in_order())
            await transport.is_open.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())

    assert_paired(recorder, requests=2)


def test_details_of_models_are_separate_calls(make_client, scripted, recorder):
    """
    Concurrent requests have different ids.
    """
    scripted.reply(body=TAGS)
    for _ in range(4):
        scripted.reply(body=MODEL_DETAILS)

    with make_client("ollama/m0", api_key=None, observers=[recorder]) as client:
        assert len(client.models()) == 4

    assert_paired(recorder, requests=5)


def test_local_model_is_reported_like_any_other(make_client, recorder):
    """
    Its attempt starts and ends, also if its stream is left.
    """
    with make_client("offline/extractive", api_key=None, transport=None, observers=[recorder]) as client:
        client.ask("Hello")
        with client.stream("Hello") as stream:
            next(iter(stream))

    assert_paired(recorder, requests=2)
    assert len(recorder.select_events(AttemptStarted)) == 2


def test_attempt_that_was_never_sent_has_only_an_end(make_client, recorder):
    """
    If no token is available, nothing starts; the record has the error.
    """

    def source():
        raise ServerError("no tokens today")

    settings = {"providers": {"azure": {"base_url": "https://res.openai.azure.com", "token_source": source}}}
    client = make_client("azure/gpt-4o", api_key=None, settings=settings, observers=[recorder], retries=0)
    with client, pytest.raises(ServerError):
        client.ask("Hello")

    assert recorder.select_events(AttemptStarted) == []
    assert [event.number for event in recorder.select_events(AttemptFinished)] == [1]


def test_call_without_a_key_has_no_attempt(make_client, recorder, monkeypatch):
    """
    The request starts and ends.
    """
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with make_client(api_key=None, observers=[recorder]) as client, pytest.raises(CredentialError):
        client.ask("Hello")

    assert [type(event) for event in recorder.events] == [RequestStarted, RequestFinished]


def test_failing_code_ends_its_attempt(make_client, scripted, recorder):
    """
    An error that is not the vendor's ends the attempt.
    """
    scripted.fail(RuntimeError("broken transport"))

    with make_client(observers=[recorder]) as client, pytest.raises(RuntimeError):
        client.ask("Hello")

    assert_paired(recorder)
    assert recorder.select_events(AttemptFinished)[0].attempt.error == "RuntimeError"


def test_tool_that_is_cancelled_has_ended(make_async_client, scripted, recorder, make_tool_reply):
    """
    It has failed, without a result.
    """

    async def wait() -> str:
        """
        Wait.
        """
        await asyncio.Event().wait()
        return "never"

    async def run():
        async with make_async_client(observers=[recorder], timeout=0.01) as client:
            await client.ask("Hello", tools=[wait])

    scripted.reply(200, make_tool_reply("wait"))
    with pytest.raises(RequestTimeoutError):
        asyncio.run(run())

    assert [type(event) for event in recorder.select_events(ToolStarted, ToolFinished)] == [ToolStarted, ToolFinished]
    (finished,) = recorder.select_events(ToolFinished)
    assert (finished.failed, finished.result) == (True, "")


def test_refused_tool_has_only_an_end(make_client, scripted, recorder, make_tool_reply):
    """
    It never started.
    """

    def remove() -> None:
        """
        Remove.
        """

    scripted.reply(200, make_tool_reply("remove")).reply(200, chat_reply("ok"))

    with make_client(observers=[recorder]) as client:
        client.ask("Hello", tools=[remove], approve=lambda _: False)

    (finished,) = recorder.select_events(ToolStarted, ToolFinished)
    assert finished.failed
