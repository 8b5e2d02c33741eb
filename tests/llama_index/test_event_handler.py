"""Runs of LlamaIndex's models in Budwood's observers: `BudwoodEventHandler`."""

from __future__ import annotations

import asyncio

import pytest
from llama_index.core.base.llms.generic_utils import chat_to_completion_decorator
from llama_index.core.instrumentation.dispatcher import instrument_tags
from llama_index.core.llms import ChatMessage
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.prompts import PromptTemplate
from llama_index.llms.openai_like import OpenAILike
from openai import AuthenticationError
from pydantic import BaseModel

from budwood import Client, Settings
from budwood.hooks import OBSERVER
from budwood.plugins import Instances
from budwood.types import CallFilter, FirstToken, RequestFinished
from budwood_llama_index import BudwoodEmbedding, BudwoodEventHandler
from tests.llama_index.vendor import KEY

MESSAGES = [ChatMessage(role="user", content="hello")]


class Person(BaseModel):
    """A person."""

    name: str
    age: int


class Recorder:
    """
    An observer that keeps events.
    """

    event_types = (FirstToken, RequestFinished)

    def __init__(self):
        self.events = []

    def observe(self, event):
        self.events.append(event)

    @property
    def calls(self):
        """
        The calls that have ended.
        """
        return [event for event in self.events if isinstance(event, RequestFinished)]


@pytest.fixture
def recorder():
    """
    An observer, attached to LlamaIndex.
    """
    recorder = Recorder()
    with BudwoodEventHandler([recorder], label="all"):
        yield recorder


def test_run_of_another_llm_is_reported(recorder, make_other):
    """
    With provider, model, tokens, duration and label.
    """
    make_other().chat(MESSAGES)

    (call,) = recorder.calls
    assert (call.provider, call.model, call.service, call.label) == ("openai-compatible", "tiny", "chat", "all")
    (attempt,) = call.attempts
    assert (attempt.usage.input_tokens, attempt.usage.output_tokens) == (11, 5)
    assert call.seconds > 0
    assert (call.prompt, call.error) == ("hello", None)


def test_stream_is_one_run_with_a_first_token(recorder, make_other):
    """
    It ends when the stream has been read.
    """
    responses = make_other().stream_chat(MESSAGES)
    assert recorder.calls == []

    list(responses)

    assert [type(event) for event in recorder.events] == [FirstToken, RequestFinished]


def test_completion_is_one_run(recorder, make_other, run):
    """
    Also an asynchronous one, and of an LLM whose completions are chats.
    """
    llm = make_other()

    llm.complete("hello")
    run(llm.acomplete("hello"))

    assert [call.service for call in recorder.calls] == ["completion", "completion"]


class ChattingLLM(OpenAILike):
    """
    An LLM that completes by its method ``chat``, as those of many vendors do.
    """

    @llm_completion_callback()
    def complete(self, prompt, formatted=False, **kwargs):
        return chat_to_completion_decorator(self.chat)(prompt, **kwargs)


def test_completion_by_a_chat_is_one_run(recorder, vendor):
    """
    The inner chat is not reported.
    """
    ChattingLLM(model="tiny", api_base=vendor.url, api_key=KEY, is_chat_model=True).complete("hello")

    assert [(call.service, call.attempts[0].usage.input_tokens) for call in recorder.calls] == [("completion", 11)]


def test_error_is_reported(recorder, make_other):
    """
    With its class and its status; a stream that is left is not a success.
    """
    with pytest.raises(AuthenticationError):
        make_other(api_key="wrong").chat(MESSAGES)
    responses = make_other().stream_chat(MESSAGES)
    next(responses)
    responses.close()

    failed, left = recorder.calls
    assert (type(failed.error), failed.attempts[0].status) == (AuthenticationError, 401)
    assert isinstance(left.error, GeneratorExit)


def test_tag_is_the_label(recorder, make_other):
    """
    LlamaIndex's tags say which part of a program calls.
    """
    with instrument_tags({"label": "search"}):
        make_other().chat(MESSAGES)

    assert [call.label for call in recorder.calls] == ["search"]


def test_structured_llm_is_one_run(recorder, make_other):
    """
    The run is that of the LLM inside it.
    """
    make_other().as_structured_llm(Person).chat(MESSAGES)

    assert [call.provider for call in recorder.calls] == ["openai-compatible"]


def test_call_of_our_llm_is_recorded_once(recorder, make_llm, vendor):
    """
    By its client, if that has the observer, and otherwise by the handler.
    """
    make_llm().chat(MESSAGES)
    settings = {"providers": {"local": {"plugin": "openai-compatible", "base_url": vendor.url, "api_key": KEY}}}
    with Client("local/tiny", settings=settings, observers=[recorder]) as client:
        llm = make_llm(client=client, model=None)
        llm.complete("hello")
        llm.structured_predict(Person, PromptTemplate("Who"))

    assert [call.provider for call in recorder.calls] == ["openai-compatible", "local", "local"]


@pytest.mark.parametrize("backup", ["openai/gpt-4o-mini", "openai-compatible/tiny"])
def test_backup_that_answered_is_recorded(recorder, make_llm, vendor, backup):
    """
    After a failover, the record has the provider and the model that answered, and the price of that model.
    """
    settings = {
        "providers": {
            "openai-compatible": {"base_url": vendor.url, "api_key": KEY},
            "openai": {"base_url": vendor.url, "api_key": KEY, "api": "chat"},
        }
    }
    with Client("openai-compatible/broken", settings=settings, fallbacks=[backup], retries=0) as client:
        llm = make_llm(client=client, model=None)
        llm.chat(MESSAGES)
        list(llm.stream_chat(MESSAGES))

    for call in recorder.calls:
        assert f"{call.provider}/{call.model}" == backup
        assert call.attempts[0].provider == call.provider
        assert (call.attempts[0].cost is not None) == (call.provider == "openai")
    assert len(recorder.calls) == 2


def test_embeddings_are_reported(recorder, vendor):
    """
    One run for each request.
    """
    embedding = BudwoodEmbedding(
        model="openai-compatible/vectors", api_key=KEY, base_url=vendor.url, embed_batch_size=2
    )
    embedding.get_text_embedding_batch(["a", "b", "c"])
    asyncio.run(embedding.aget_query_embedding("d"))
    embedding.close()

    assert [(call.provider, call.model, call.service) for call in recorder.calls] == [
        ("openai-compatible", "vectors", "embeddings")
    ] * 3


def test_nothing_is_reported_after_close(make_other):
    """
    The handler detaches itself.
    """
    recorder = Recorder()
    handler = BudwoodEventHandler([recorder])
    handler.attach()
    handler.close()
    handler.close()

    make_other().chat(MESSAGES)

    assert recorder.events == []


def test_usage_store_has_the_runs(make_other):
    """
    By its name, as for a client.
    """
    with BudwoodEventHandler(["usage"], label="search"):
        make_other().chat(MESSAGES)

    store = Instances(Settings.load()).build(OBSERVER, "usage").implementation
    (totals,) = store.totals(["label", "model"], CallFilter())
    store.close()
    assert totals.group == ("search", "tiny")
    assert (totals.calls, totals.input_tokens, totals.output_tokens) == (1, 11, 5)


def test_cached_reply_of_our_llm_costs_nothing(recorder, make_llm, vendor):
    """
    The cache of its client answers the second run: the record says so, and counts no tokens as paid.
    """
    settings = {"providers": {"local": {"plugin": "openai-compatible", "base_url": vendor.url, "api_key": KEY}}}
    with Client("local/tiny", settings=settings, cache="memory") as client:
        llm = make_llm(client=client, model=None, temperature=0)
        llm.complete("hello")
        llm.complete("hello")

    assert len(vendor.requests) == 1
    assert [call.attempts[0].cached for call in recorder.calls] == [False, True]
