"""Runs of LangChain's models in Budwood's usage store and observers."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import uuid4

import pytest
from langchain_core.language_models import FakeListLLM, GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import Generation, LLMResult
from langchain_core.prompts import PromptTemplate
from langchain_openai import ChatOpenAI

from budwood import AsyncClient, Client, ConfigurationError
from budwood.hooks import OBSERVER
from budwood.plugins import Instances
from budwood.settings import Settings
from budwood.settings_sources import Source
from budwood.types import CallFilter, FirstToken, RequestFinished, RequestStarted
from budwood_langchain import BudwoodCache, BudwoodCallbackHandler, BudwoodLLM, ChatBudwood
from tests.chat_server import ChatServer, failure
from tests.docs.vendor_server import TEXT, VendorServer

USAGE = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15, "input_token_details": {"cache_read": 4}}
PASSAGE = "What grows on branches? Buds grow on branches."


class Recorder:
    """
    An observer that stores all events.
    """

    def __init__(self):
        self.events = []

    def observe(self, event):
        self.events.append(event)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def recorder():
    """
    An observer.
    """
    return Recorder()


@pytest.fixture
def handler(recorder):
    """
    A handler with that observer.
    """
    return BudwoodCallbackHandler([recorder])


@pytest.fixture
def store(tmp_path):
    """
    Settings with a usage store.
    """
    return {"observer": {"usage": {"path": str(tmp_path / "usage.sqlite3")}}}


@pytest.fixture
def server():
    """
    A server in place of OpenAI.
    """
    with VendorServer() as server:
        yield server


def read_calls(settings):
    """
    Return the records of the usage store, the oldest first.
    """
    store = Instances(Settings(Source("the test", settings))).build(OBSERVER, "usage").implementation
    calls = store.calls(CallFilter())
    store.close()
    return calls[::-1]


def make_openai(server, **options):
    """
    Return a model of LangChain's package for OpenAI, with the server as its vendor.
    """
    return ChatOpenAI(model="gpt-4o-mini", base_url=f"{server.origin}/v1", api_key="sk-valid", max_retries=0, **options)


# Models of other vendors.


def test_model_of_another_vendor_is_in_the_usage_store(server, store):
    """
    A call of ChatOpenAI has provider, model, tokens, duration, label and cost, as a call of a client has.
    """
    with BudwoodCallbackHandler(["usage"], settings=store, label="app") as handler:
        make_openai(server).invoke("Hi", config={"callbacks": [handler], "tags": ["mails", "seq:step:1"]})
        make_openai(server).invoke("Hi", config={"callbacks": [handler], "metadata": {"label": "letters"}})
        make_openai(server).invoke("Hi", config={"callbacks": [handler]})

    first, second, third = read_calls(store)
    assert (first.provider, first.model, first.service) == ("openai", "gpt-4o-mini", "chat")
    assert (first.input_tokens, first.output_tokens) == (11, 5)
    assert (first.cost, first.cost_unknown, first.error) == (Decimal("0.00000465"), None, None)
    assert first.seconds > 0
    assert [call.label for call in (first, second, third)] == ["mails", "letters", "app"]


async def test_async_stream_has_the_time_to_the_first_token(server, store):
    """
    A stream has it; its usage is that of the last chunk.
    """
    with BudwoodCallbackHandler(["usage"], settings=store) as handler:
        model = make_openai(server, stream_usage=True)
        text = "".join([chunk.text async for chunk in model.astream("Hi", config={"callbacks": [handler]})])

    (call,) = read_calls(store)
    assert text == TEXT + " "
    assert 0 < call.first_token <= call.seconds
    assert (call.input_tokens, call.output_tokens) == (11, 5)


def test_failed_run_has_the_error_and_its_status(recorder, handler):
    """
    An error of the vendor is recorded with its class and status.
    """
    with (
        ChatServer(fault=lambda _number, _body: failure(429)) as server,
        pytest.raises(Exception, match="429") as raised,
    ):
        make_openai(server).invoke("Hi", config={"callbacks": [handler]})

    (finished,) = recorder.of(RequestFinished)
    assert finished.error is raised.value
    assert (finished.attempts[0].error, finished.attempts[0].status) == (type(raised.value).__name__, 429)
    assert finished.attempts[0].cost is None


def test_fake_model_is_recorded(recorder, handler):
    """
    A model without a vendor has a provider by its class; details of its usage are kept.
    """
    reply = AIMessage(
        "Hello",
        usage_metadata={**USAGE, "output_token_details": {"reasoning": 2}},
        response_metadata={"finish_reason": "length"},
    )
    GenericFakeChatModel(messages=iter([reply])).invoke("Hi there", config={"callbacks": [handler]})

    (started,), (finished,) = recorder.of(RequestStarted), recorder.of(RequestFinished)
    assert started.provider == "genericfakechatmodel"
    assert (started.prompt, started.request.messages[0].text) == ("Hi there", "Hi there")
    usage = finished.response.usage
    assert (usage.input_tokens, usage.cache_read_tokens, usage.reasoning_tokens) == (10, 4, 2)
    assert (finished.response.text, finished.response.finish_reason) == ("Hello", "length")
    assert "no price" in finished.attempts[0].cost_unknown


def test_model_of_text_is_recorded(recorder, handler):
    """
    A model that completes texts is recorded as such, in a chain as well.
    """
    chain = PromptTemplate.from_template("say {word}") | FakeListLLM(responses=["hello"])
    chain.invoke({"word": "x"}, config={"callbacks": [handler]})

    (finished,) = recorder.of(RequestFinished)
    assert (finished.service, finished.prompt, finished.response.text) == ("completion", "say x", "hello")
    assert finished.attempts[0].usage.total_tokens is None


def test_older_form_of_usage_is_read(recorder, handler):
    """
    Models of text have their usage in ``llm_output``.
    """
    run = uuid4()
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    handler.on_llm_start({"id": ["openai", "OpenAI"]}, ["Hi"], run_id=run, metadata={"ls_provider": "openai"})
    handler.on_llm_end(
        LLMResult(generations=[[Generation(text="a")]], llm_output={"token_usage": usage, "model_name": "gpt-4o-mini"}),
        run_id=run,
    )

    (finished,) = recorder.of(RequestFinished)
    assert finished.call == run.hex
    assert finished.attempts[0].usage.total_tokens == 9
    assert finished.attempts[0].cost is not None


# Parallel, incomplete and cached runs.


async def test_parallel_runs_do_not_mix(recorder, handler):
    """
    Runs in threads and tasks have their own events, by the id of the run.
    """

    def run(number):
        reply = AIMessage(f"reply {number}", usage_metadata={**USAGE, "input_tokens": number})
        return GenericFakeChatModel(messages=iter([reply])), f"prompt {number}", {"callbacks": [handler]}

    async def ask(number):
        model, prompt, config = run(number)
        await model.ainvoke(prompt, config=config)

    def ask_in_thread(number):
        model, prompt, config = run(number)
        model.invoke(prompt, config=config)

    await asyncio.gather(*map(ask, range(20)))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask_in_thread, range(20, 40)))

    ends = recorder.of(RequestFinished)
    assert len({event.call for event in ends}) == len(ends) == 40
    for event in ends:
        number = int(event.prompt.removeprefix("prompt "))
        assert (event.response.text, event.response.usage.input_tokens) == (f"reply {number}", number)


def test_end_without_a_start_is_ignored(recorder, handler):
    """
    A run that started before the handler was added is left out.
    """
    handler.on_llm_new_token("a", run_id=uuid4())
    handler.on_llm_end(LLMResult(generations=[[Generation(text="a")]]), run_id=uuid4())
    handler.on_llm_error(ValueError("x"), run_id=uuid4())

    assert recorder.events == []


def test_runs_that_never_end_are_forgotten(handler, monkeypatch):
    """
    They do not fill the memory.
    """
    monkeypatch.setattr("budwood_langchain.callbacks.MAX_RUNS", 3)
    for _ in range(10):
        handler.on_llm_start({}, ["Hi"], run_id=uuid4())

    assert len(handler._runs) == 3


def test_stream_that_is_left_early_is_abandoned(recorder, handler):
    """
    The record has no `Exception`, and what arrived.
    """
    model = GenericFakeChatModel(messages=iter([AIMessage("one two three")]))
    stream = model.stream("Hi", config={"callbacks": [handler]})
    next(stream)
    stream.close()

    (finished,) = recorder.of(RequestFinished)
    assert isinstance(finished.error, GeneratorExit)
    assert len(recorder.of(FirstToken)) == 1


def test_reply_of_langchains_cache_costs_nothing(server, recorder, handler):
    """
    The second run is cached: nothing was sent for it.
    """
    model = make_openai(server, cache=BudwoodCache())
    for _ in range(2):
        model.invoke("Hi", config={"callbacks": [handler]})

    first, second = [event.attempts[0] for event in recorder.of(RequestFinished)]
    assert (first.cached, second.cached) == (False, True)
    assert (second.cost, second.saved) == (0, first.cost)


# Budwood's own models.


@pytest.mark.parametrize("kind", [ChatBudwood, BudwoodLLM])
def test_observer_of_the_client_does_not_get_a_run_twice(recorder, kind):
    """
    An observer that the client has is left out by the handler; others receive the run.
    """
    other = Recorder()
    handler = BudwoodCallbackHandler([recorder, other])
    with Client("offline/extractive", observers=[recorder]) as client:
        kind(client=client).invoke(PASSAGE, config={"callbacks": [handler]})

    assert len(recorder.of(RequestFinished)) == 1
    (finished,) = other.of(RequestFinished)
    assert (finished.provider, finished.model) == ("offline", "extractive")
    assert finished.response.text == "Buds grow on branches."
    assert finished.response.usage.input_tokens == recorder.of(RequestFinished)[0].response.usage.input_tokens


@pytest.mark.parametrize("kind", [ChatBudwood, BudwoodLLM])
@pytest.mark.parametrize("observed", ["blocking", "async"])
async def test_run_is_reported_once_whichever_client_has_the_observer(recorder, handler, kind, observed):
    """
    Of two clients, only the one that a run uses counts: no run is reported twice, or not at all.
    """
    mine = {observed: [recorder]}
    with Client("offline/extractive", observers=mine.get("blocking", [])) as client:
        async with AsyncClient("offline/extractive", observers=mine.get("async", [])) as async_client:
            model = kind(client=client, async_client=async_client, callbacks=[handler])
            model.invoke(PASSAGE)
            list(model.stream(PASSAGE))
            await model.ainvoke(PASSAGE)
            await model.abatch([PASSAGE])
            assert [chunk async for chunk in model.astream(PASSAGE)]

    assert len(recorder.of(RequestFinished)) == 5


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
async def test_events_are_reported_once(recorder, handler):
    """
    Those of version 2 are a stream; those of version 3 are another kind of run.
    """
    async with AsyncClient("offline/extractive", observers=[recorder]) as async_client:
        with Client("offline/extractive") as client:
            model = ChatBudwood(client=client, async_client=async_client)
            config = {"callbacks": [handler]}
            assert [event async for event in model.astream_events(PASSAGE, config=config, version="v2")]
            stream = await model.astream_events(PASSAGE, config=config, version="v3")
            assert await stream.text == "Buds grow on branches."

    assert len(recorder.of(RequestFinished)) == 2


def test_store_by_name_does_not_get_a_run_twice(store):
    """
    The same holds for names, and for several prompts and streams of a model of text.
    """
    with (
        BudwoodCallbackHandler(["usage"], settings=store) as handler,
        Client("offline/extractive", observers=["usage"], settings=store) as client,
    ):
        llm = BudwoodLLM(client=client)
        llm.generate([PASSAGE, PASSAGE], callbacks=[handler])
        llm.batch([PASSAGE, PASSAGE], config={"callbacks": [handler]})
        list(llm.stream(PASSAGE, config={"callbacks": [handler]}))

    assert len(read_calls(store)) == 5


def test_own_model_without_the_observer_is_recorded(store):
    """
    If only the handler has the store, it records the runs of Budwood's models, each prompt with its tokens.
    """
    with BudwoodCallbackHandler(["usage"], settings=store) as handler, Client("offline/extractive") as client:
        ChatBudwood(client=client).invoke(PASSAGE, config={"callbacks": [handler]})
        BudwoodLLM(client=client).generate([PASSAGE, PASSAGE], callbacks=[handler])

    calls = read_calls(store)
    assert [call.service for call in calls] == ["chat", "completion", "completion"]
    assert all(call.provider == "offline" and call.input_tokens for call in calls)


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("kind", [ChatBudwood, BudwoodLLM])
def test_backup_that_answered_is_recorded(server, recorder, handler, kind, is_stream):
    """
    After a failover, the record has the provider and the model that answered, and the price of that model.
    """
    backup = {"openai": {"base_url": f"{server.origin}/v1", "api_key": "sk-valid", "api": "chat"}}
    options = {"fallbacks": ["openai/gpt-4o-mini"], "retries": 0}
    with (
        ChatServer(fault=lambda _number, _body: failure(500)) as broken,
        Client("local/large", settings={"providers": {**broken.settings["providers"], **backup}}, **options) as client,
    ):
        model = kind(client=client)
        if is_stream:
            list(model.stream("Hi", config={"callbacks": [handler]}))
        else:
            model.invoke("Hi", config={"callbacks": [handler]})

    (started,), (finished,) = recorder.of(RequestStarted), recorder.of(RequestFinished)
    assert (started.provider, started.model) == ("local", "large")
    assert (finished.provider, finished.model) == ("openai", "gpt-4o-mini")
    assert (finished.response.provider, finished.response.model) == ("openai", "gpt-4o-mini")
    assert finished.attempts[0].provider == "openai"
    assert finished.attempts[0].cost == Decimal("0.00000465")


def test_wrong_observers_are_an_error():
    """
    The list is checked as that of a client is.
    """
    with pytest.raises(ConfigurationError, match="observers= must be a list"):
        BudwoodCallbackHandler("usage")
