"""Models of text: calls, streams and chains, against a vendor on loopback."""

from __future__ import annotations

import pickle

import pytest
from langchain_classic.chains import LLMChain
from langchain_core.load import dumps
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import PromptTemplate

from budwood import AsyncClient, Client, ProviderError
from budwood_langchain import BudwoodLLM
from tests.chat_server import ChatServer, failure
from tests.docs.vendor_server import TEXT, VendorServer

KEY = "sk-never-written"
STREAMED = TEXT + " "


def settings_of(server):
    """
    Return settings in which ``local`` is a server.
    """
    return {"providers": {"local": {"plugin": "openai-compatible", "base_url": f"{server.origin}/v1"}}}


def echo(body):
    """
    Return the prompt in capitals.
    """
    return body["messages"][-1]["content"].upper()


@pytest.fixture
def server():
    """
    A vendor that repeats prompts in capitals.
    """
    with ChatServer(echo) as server:
        yield server


@pytest.fixture
def llm(server):
    """
    A model of that vendor.
    """
    with Client("local/tiny", settings=settings_of(server)) as client:
        yield BudwoodLLM(client=client)


@pytest.fixture
def streaming():
    """
    A vendor that also streams.
    """
    with VendorServer() as server:
        yield server


def test_text_in_and_out(llm, server):
    """
    A prompt is the message of the user, and the text of the reply comes back.
    """
    assert llm.invoke("hello", stop=["x"], temperature=0.5) == "HELLO"
    assert server.requests[0]["messages"] == [{"role": "user", "content": "hello"}]
    assert (server.requests[0]["stop"], server.requests[0]["temperature"]) == (["x"], 0.5)


def test_many_prompts_keep_their_order(llm):
    """
    Prompts are sent side by side; replies, usage and metadata belong to their prompts.
    """
    result = llm.generate([f"prompt {number}" for number in range(20)])

    assert [each[0].text for each in result.generations] == [f"PROMPT {number}" for number in range(20)]
    assert result.llm_output["token_usage"] == {"prompt_tokens": 220, "completion_tokens": 100, "total_tokens": 320}
    assert result.generations[3][0].generation_info["usage_metadata"]["total_tokens"] == 16
    assert result.generations[3][0].generation_info["model_name"] == "local/tiny"


def test_no_prompts_have_no_replies(llm):
    """
    Nothing is sent.
    """
    assert llm.generate([]).generations == []


async def test_async_calls(server):
    """
    Async methods use an async client, also for several prompts.
    """
    async with AsyncClient("local/tiny", settings=settings_of(server)) as client:
        llm = BudwoodLLM(async_client=client)
        assert await llm.ainvoke("hello") == "HELLO"
        assert await llm.abatch(["a", "b", "c"]) == ["A", "B", "C"]


async def test_blocking_client_serves_async_calls(llm):
    """
    A blocking client that was passed is used in a thread.
    """
    assert await llm.ainvoke("hello") == "HELLO"


def test_stream(streaming):
    """
    A stream yields the text in pieces, and ends with the metadata.
    """
    with Client("local/tiny", settings=settings_of(streaming)) as client:
        llm = BudwoodLLM(client=client)
        pieces = list(llm.stream("hello"))
        chunks = list(llm._stream("hello"))

    assert len([piece for piece in pieces if piece]) > 2
    assert "".join(pieces) == STREAMED
    assert chunks[-1].generation_info["usage_metadata"]["output_tokens"] == 5


async def test_async_stream(streaming):
    """
    An async stream yields the same.
    """
    async with AsyncClient("local/tiny", settings=settings_of(streaming)) as client:
        pieces = [piece async for piece in BudwoodLLM(async_client=client).astream("hello")]

    assert "".join(pieces) == STREAMED


def test_model_in_an_lcel_chain(llm):
    """
    It takes the value of a prompt template and returns text for a parser.
    """
    chain = PromptTemplate.from_template("say {word}") | llm | StrOutputParser()

    assert chain.invoke({"word": "hello"}) == "SAY HELLO"
    assert chain.batch([{"word": "a"}, {"word": "b"}]) == ["SAY A", "SAY B"]


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainDeprecationWarning")
async def test_model_in_a_classic_chain(llm):
    """
    The older `LLMChain` takes it as well, in both forms of calls.
    """
    chain = LLMChain(llm=llm, prompt=PromptTemplate.from_template("say {word}"))

    assert chain.invoke({"word": "hello"})["text"] == "SAY HELLO"
    assert (await chain.ainvoke({"word": "hello"}))["text"] == "SAY HELLO"
    assert chain.apply([{"word": "a"}, {"word": "b"}]) == [{"text": "SAY A"}, {"text": "SAY B"}]


def test_first_error_ends_several_prompts():
    """
    A prompt that fails raises its error, and the others are not waited for.
    """
    with (
        ChatServer(echo, lambda _number, body: failure(400) if "bad" in str(body) else None) as server,
        Client("local/tiny", settings=settings_of(server)) as client,
        pytest.raises(ProviderError),
    ):
        BudwoodLLM(client=client).batch(["good", "bad", "good"])


def test_key_is_not_saved():
    """
    Neither a pickle nor LangChain's form of a saved model contains the key.
    """
    llm = BudwoodLLM(model="offline/extractive", api_key=KEY)

    assert KEY.encode() not in pickle.dumps(llm)
    assert KEY not in dumps(llm) + repr(llm)
    assert KEY not in str(llm.model_dump_json(exclude={"api_key"})) + str(llm._identifying_params)


def test_tokens_are_counted_offline(llm, server):
    """
    Not with LangChain's default, which downloads a tokenizer of GPT-2.
    """
    assert llm.get_num_tokens("Roots take up water.") > 2
    assert server.requests == []
