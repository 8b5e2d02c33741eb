"""The events that observers receive, and what they may add to calls."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from structlog.testing import capture_logs

from budwood import logs
from budwood.contracts import HeadersObserver, Observer, ToolObserver
from budwood.errors import BudwoodError, ConfigurationError, PluginNotFoundError, ServerError
from budwood.types import (
    AttemptFinished,
    AttemptStarted,
    CacheHit,
    FirstToken,
    ParameterLearned,
    RequestFinished,
    RequestStarted,
    RetryScheduled,
    ToolFinished,
    ToolStarted,
)
from budwood_testing import chat_chunks, chat_reply, sse


class Recorder:
    """
    Stores all events.
    """

    def __init__(self):
        self.events = []

    def observe(self, event):
        self.events.append(event)

    @property
    def kinds(self):
        return [type(event) for event in self.events]


def make_tool_reply(name="add", arguments='{"a": 1, "b": 2}'):
    """
    Return a reply that calls a tool.
    """
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
    reply = chat_reply("")
    reply["choices"][0]["message"]["tool_calls"] = [call]
    reply["choices"][0]["finish_reason"] = "tool_calls"
    return reply


def add(a: int, b: int) -> int:
    """
    Add.
    """
    return a + b


def test_events_of_a_call_are_in_order(make_client, scripted):
    """
    Request, attempts, retry and end have the ids and records of the reply.
    """
    recorder = Recorder()
    scripted.reply(500, {"error": {"message": "no"}}).reply(200, chat_reply("Hi"))

    with make_client(observers=[recorder]) as client:
        reply = client.ask("Hello")

    assert recorder.kinds == [
        RequestStarted,
        AttemptStarted,
        AttemptFinished,
        RetryScheduled,
        AttemptStarted,
        AttemptFinished,
        RequestFinished,
    ]
    assert {event.call for event in recorder.events} == {recorder.events[0].call}
    assert [event.attempt for event in recorder.events if isinstance(event, AttemptFinished)] == list(reply.attempts)
    assert [event.number for event in recorder.events if isinstance(event, AttemptStarted)] == [1, 2]
    started, finished = recorder.events[0], recorder.events[-1]
    assert (started.service, started.provider, started.model, started.prompt) == ("chat", "openai", "gpt-4o", "Hello")
    assert (finished.response, finished.error, finished.attempts) == (reply, None, reply.attempts)


def test_failed_call_has_its_error(make_client, scripted):
    """
    The last event has the error that the caller gets.
    """
    recorder = Recorder()
    scripted.reply(500, {"error": {"message": "no"}})

    with make_client(observers=[recorder], retries=0) as client, pytest.raises(ServerError) as caught:
        client.ask("Hello")

    assert recorder.events[-1].error is caught.value
    assert recorder.events[-1].response is None


def test_rate_limits_are_reported_on_success_and_on_errors(make_client, scripted):
    """
    They are read from the headers of every response.
    """
    recorder = Recorder()
    headers = {"x-ratelimit-remaining-requests": "7"}
    scripted.reply(500, {"error": {"message": "no"}}, headers=headers).reply(200, chat_reply("Hi"), headers=headers)

    with make_client(observers=[recorder]) as client:
        client.ask("Hello")

    finished = [event for event in recorder.events if isinstance(event, AttemptFinished)]
    assert [event.rate_limits.remaining_requests for event in finished] == [7, 7]


def test_error_has_the_rate_limits_of_its_response(make_client, scripted):
    """
    The caller can read when to retry.
    """
    scripted.reply(429, {"error": {"message": "slow"}}, headers={"x-ratelimit-remaining-tokens": "0"})

    with make_client(retries=0) as client, pytest.raises(BudwoodError) as caught:
        client.ask("Hello")

    assert caught.value.rate_limits.remaining_tokens == 0


def test_first_token_of_a_stream_is_reported(make_client, scripted):
    """
    It comes between the start and the end of the attempt.
    """
    recorder = Recorder()
    scripted.reply(200, chunks=sse(*chat_chunks(["Hi", "!"])))

    with make_client(observers=[recorder]) as client, client.stream("Hello") as stream:
        list(stream)

    assert recorder.kinds == [RequestStarted, AttemptStarted, FirstToken, AttemptFinished, RequestFinished]


def test_cache_hit_is_reported(make_client, scripted):
    """
    The second call sends nothing.
    """
    recorder = Recorder()
    scripted.reply(200, chat_reply("Hi"))

    with make_client(observers=[recorder], cache="memory") as client:
        client.ask("Hello")
        client.ask("Hello")

    assert recorder.kinds[-3:] == [RequestStarted, CacheHit, RequestFinished]


def test_learned_parameter_is_reported(make_client, scripted):
    """
    The event has the name of the parameter.
    """
    recorder = Recorder()
    message = "Unsupported parameter: 'temperature' is not supported with this model."
    error = {
        "message": message,
        "type": "invalid_request_error",
        "param": "temperature",
        "code": "unsupported_parameter",
    }
    scripted.reply(400, {"error": error}).reply(200, chat_reply("Hi"))

    with make_client(observers=[recorder]) as client:
        client.ask("Hello", temperature=0.5)

    (learned,) = (event for event in recorder.events if isinstance(event, ParameterLearned))
    assert learned.parameters == ("temperature",)


def test_tool_runs_inside_the_observers_context_manager(make_client, scripted):
    """
    A span of the observer is open while the tool runs.
    """
    steps = []

    class Tracer(Recorder):
        @contextlib.contextmanager
        def around_tool(self, event):
            steps.append(f"open {event.name}")
            yield
            steps.append("closed")

    def shout(text: str) -> str:
        """
        Shout.
        """
        steps.append("run")
        return text.upper()

    tracer = Tracer()
    scripted.reply(200, make_tool_reply("shout", '{"text": "hi"}')).reply(200, chat_reply("HI"))

    with make_client(observers=[tracer]) as client:
        client.ask("Hello", tools=[shout])

    assert steps == ["open shout", "run", "closed"]
    started, finished = (event for event in tracer.events if isinstance(event, ToolStarted | ToolFinished))
    assert (started.name, started.arguments) == ("shout", '{"text": "hi"}')
    assert (finished.failed, finished.result) == (False, "HI")


def test_async_tool_runs_inside_the_context_manager(make_async_client, scripted):
    """
    It is open until the tool has been awaited.
    """
    steps = []

    class Tracer(Recorder):
        @contextlib.contextmanager
        def around_tool(self, event):
            steps.append("open")
            yield
            steps.append("closed")

    async def wait() -> str:
        """
        Wait.
        """
        await asyncio.sleep(0)
        steps.append("run")
        return "done"

    scripted.reply(200, make_tool_reply("wait", "{}")).reply(200, chat_reply("ok"))

    async def run():
        async with make_async_client(observers=[Tracer()]) as client:
            await client.ask("Hello", tools=[wait])

    asyncio.run(run())

    assert steps == ["open", "run", "closed"]


def test_headers_of_an_observer_are_sent_with_each_attempt(make_client, scripted):
    """
    They are created for the attempt, and replace no header of the request.
    """

    class Tracer(Recorder):
        def attempt_headers(self, event):
            return {"traceparent": f"00-{event.call}-{event.number}", "Authorization": "Bearer other"}

    scripted.reply(500, {"error": {"message": "no"}}).reply(200, chat_reply("Hi"))

    with make_client(observers=[Tracer()]) as client:
        client.ask("Hello")

    sent = [call.headers["traceparent"] for call in scripted.calls]
    assert [value[-2:] for value in sent] == ["-1", "-2"]
    assert all("other" not in str(dict(call.headers)) for call in scripted.calls)


@pytest.mark.parametrize("method", ["observe", "attempt_headers", "around_tool"])
def test_observer_that_fails_breaks_no_call(make_client, scripted, method):
    """
    Its error is logged once, and the call continues.
    """

    class Broken(Recorder):
        def attempt_headers(self, event):
            return {}

        def around_tool(self, event):
            return contextlib.nullcontext()

    def fail(self, event):
        raise ValueError("broken")

    setattr(Broken, method, fail)
    structlog.configure()
    try:
        with capture_logs() as events, make_client(observers=[Broken()]) as client:
            for _ in range(2):
                scripted.reply(200, make_tool_reply()).reply(200, chat_reply("3"))
                assert client.ask("Hello", tools=[add]).text == "3"
    finally:
        structlog.reset_defaults()

    assert [event["event"] for event in events].count("observer failed") == 1


def test_nothing_is_built_without_observers(make_client, scripted, monkeypatch):
    """
    No event is created.
    """
    from budwood.types import observations

    def refuse(*args, **kwargs):
        raise AssertionError("an event was built")

    for name in ("RequestStarted", "AttemptStarted", "AttemptFinished", "RequestFinished"):
        monkeypatch.setattr(getattr(observations, name), "__init__", refuse)
    assert not logs.is_enabled()
    scripted.reply(200, chat_reply("Hi"))

    with make_client() as client:
        assert client.ask("Hello").text == "Hi"


def test_services_are_reported_by_name(make_client, scripted):
    """
    An embedding is a request like any other.
    """
    recorder = Recorder()
    scripted.reply(200, {"data": [{"index": 0, "embedding": [1.0]}], "model": "m", "usage": {"prompt_tokens": 1}})

    with make_client("openai/text-embedding-3-small", observers=[recorder]) as client:
        client.embed("Hello")

    assert recorder.kinds == [RequestStarted, AttemptStarted, AttemptFinished, RequestFinished]
    assert (recorder.events[0].service, recorder.events[0].prompt) == ("embeddings", "Hello")


def test_installed_observer_runs_only_if_it_is_listed(make_client):
    """
    An unknown name, and a text instead of a list, are errors.
    """
    with pytest.raises(PluginNotFoundError, match="unknown-telemetry"):
        make_client(observers=["unknown-telemetry"])
    with pytest.raises(ConfigurationError, match="Pass a list"):
        make_client(observers="usage")
    with pytest.raises(ConfigurationError, match="no method observe"):
        make_client(observers=[object()])
    with pytest.raises(PluginNotFoundError, match="from-settings"):
        make_client(settings={"observers": ["from-settings"]})


def test_protocols_are_recognised():
    """
    An observer is asked only for the methods that it has.
    """

    class FullObserver(Recorder):
        def attempt_headers(self, event):
            return {}

        def around_tool(self, event):
            return contextlib.nullcontext()

    observer: Observer = FullObserver()
    assert isinstance(observer, HeadersObserver)
    assert isinstance(observer, ToolObserver)
    assert not isinstance(Recorder(), HeadersObserver | ToolObserver)


caller = contextvars.ContextVar("caller", default="nobody")


class Listener:
    """
    Stores the value of `caller` at the start of each request.
    """

    event_types = (RequestStarted,)

    def __init__(self):
        self.callers = []

    def observe(self, event):
        self.callers.append(caller.get())


def test_start_of_a_stream_is_reported_in_the_context_of_the_caller(make_client, scripted):
    """
    `RequestStarted` has the context variables of the code that called `stream`, also if another thread reads it.
    """
    listener = Listener()
    scripted.reply(200, chunks=sse(*chat_chunks(["Hi"])))

    with make_client(observers=[listener]) as client:
        stream = contextvars.copy_context().run(lambda: (caller.set("the caller"), client.stream("Hello"))[1])
        with stream, ThreadPoolExecutor(1) as pool:
            assert pool.submit(lambda: "".join(stream.text_deltas())).result() == "Hi"

    assert listener.callers == ["the caller"]


def test_parallel_calls_are_reported_in_the_context_of_the_caller(make_client, scripted):
    """
    `ask_many` runs its calls in threads, which have the context variables of the code that called it.
    """
    listener = Listener()
    scripted.reply(200, chat_reply("1")).reply(200, chat_reply("2"))

    with make_client(observers=[listener]) as client:
        contextvars.copy_context().run(lambda: (caller.set("the caller"), client.ask_many(["a", "b"]).in_order()))

    assert listener.callers == ["the caller", "the caller"]


def test_address_is_that_of_the_endpoint(make_client, scripted):
    """
    Starts have the address of the endpoint, which is another one for a backup, without user and password.
    """
    recorder = Recorder()
    scripted.reply(503, {"error": {"message": "down"}}).reply(200, chat_reply("Hi"))
    backups = [{"base_url": "https://user:secret@second.example:8443/v1"}]

    with make_client(observers=[recorder], backups=backups, retries=0) as client:
        client.ask("Hello")

    urls = [event.url for event in recorder.events if isinstance(event, RequestStarted | AttemptStarted)]
    assert urls == ["https://api.openai.com/v1", "https://api.openai.com/v1", "https://second.example:8443/v1"]


def test_request_is_reported_with_its_parameters(make_client, scripted):
    """
    `RequestStarted` has the request, whether it is streamed, and the conversation; tool events have the id of the call.
    """
    recorder = Recorder()
    scripted.reply(200, make_tool_reply()).reply(200, chat_reply("3"))

    with make_client(observers=[recorder]) as client:
        client.ask("1 + 2?", tools=[add], temperature=0.5, conversation="talk-1")

    started = recorder.events[0]
    assert (started.request.temperature, started.streamed, started.conversation) == (0.5, False, "talk-1")
    assert started.request.messages[-1].text == "1 + 2?"
    assert {event.tool_call for event in recorder.events if isinstance(event, ToolStarted | ToolFinished)} == {"call_1"}
