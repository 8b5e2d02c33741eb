"""What clients of Budwood do, under the chat model."""

from __future__ import annotations

import copy
import pickle

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.exceptions import ContextOverflowError, ModelAuthenticationError, ModelNotFoundError
from langchain_core.load import dumps
from langchain_core.messages import HumanMessage, trim_messages

import budwood
from budwood_langchain import BudwoodEmbeddings, BudwoodLLM, ChatBudwood
from tests.chat_server import NOW, failure
from tests.langchain.vendor import TEXT, Vendor


def settings_of(vendor, **changes):
    """
    Return settings with the provider ``vendor``.
    """
    return {"providers": {"vendor": {**vendor.provider, **changes}}}


@pytest.fixture
def client(vendor):
    """
    A client for the vendor.
    """
    with budwood.Client("vendor/parrot", settings=settings_of(vendor)) as client:
        yield client


def test_backup_answers_if_the_first_endpoint_fails():
    """
    The client's backup is asked after the first endpoint has failed; the attempts are in the metadata.
    """
    with Vendor(fault=lambda _number, _body: failure(500, **NOW)) as broken, Vendor() as backup:
        backups = [{"base_url": backup.provider["base_url"]}]
        with budwood.Client("vendor/parrot", settings=settings_of(broken), backups=backups, retries=0) as client:
            reply = ChatBudwood(client=client).invoke("Hello")

    assert reply.content == f"{TEXT}Hello"
    assert [attempt.get("error") for attempt in reply.response_metadata["attempts"]] == ["ServerError", None]


def test_cached_reply_sends_nothing(vendor):
    """
    The client's cache answers an equal call.
    """
    with budwood.Client("vendor/parrot", settings=settings_of(vendor), cache="memory") as client:
        model = ChatBudwood(client=client, temperature=0)
        replies = [model.invoke("Hello") for _ in range(2)]

    assert len(vendor.requests) == 1
    assert [reply.response_metadata["cached"] for reply in replies] == [False, True]


def test_budget_refuses_a_call(client, vendor):
    """
    A call that could exceed its budget is not sent.
    """
    model = ChatBudwood(client=client, options={"budget": {"tokens": 5}})

    with pytest.raises(budwood.BudgetExceededError):
        model.invoke("Hello")
    assert vendor.requests == []


async def test_async_calls_use_the_blocking_client_that_was_passed(client):
    """
    Without an async client, the client that was passed also answers async calls, so that its settings hold.
    """
    model = ChatBudwood(client=client)

    assert (await model.ainvoke("Hello")).content == f"{TEXT}Hello"
    assert "".join([chunk.text async for chunk in model.astream("Hello")]) == f"{TEXT}Hello"


async def test_async_client_does_not_answer_blocking_calls(vendor):
    """
    The error says which client to pass.
    """
    async with budwood.AsyncClient("vendor/parrot", settings=settings_of(vendor)) as client:
        model = ChatBudwood(async_client=client)

        assert (await model.ainvoke("Hello")).content == f"{TEXT}Hello"
        with pytest.raises(budwood.ConfigurationError, match="Pass client="):
            model.invoke("Hello")


def test_key_is_not_accepted_beside_a_client(client):
    """
    A key that would have no effect is an error.
    """
    with pytest.raises(budwood.ConfigurationError, match="Pass api_key to the client"):
        ChatBudwood(client=client, api_key="sk-x")


def test_copy_shares_the_client(client):
    """
    A deep copy uses the same client.
    """
    assert copy.deepcopy(ChatBudwood(client=client)).client is client


def test_closed_model_opens_a_new_client():
    """
    `close` closes the model's own client; the next call creates another one.
    """
    model = ChatBudwood(model="offline/extractive")
    first = model.get_client()

    model.close()

    assert model.invoke("What grows? Buds grow.").text
    assert model.get_client() is not first


def test_abandoned_stream_ends_the_request(client, monkeypatch):
    """
    A stream that is left early is closed.
    """
    opened = []
    stream = client.stream
    monkeypatch.setattr(client, "stream", lambda *args, **kwargs: opened.append(stream(*args, **kwargs)) or opened[0])
    chunks = ChatBudwood(client=client).stream("A long text, of which only the beginning is read.")

    assert next(chunks).text == TEXT[:4]
    assert not opened[0]._events.is_ended
    chunks.close()

    assert opened[0]._events.is_ended


def test_tokens_are_counted_offline(client, vendor):
    """
    Tokens of texts and messages are counted without a request.
    """
    model = ChatBudwood(client=client)

    assert model.get_num_tokens("Buds grow on branches.") > 0
    assert model.get_num_tokens_from_messages([HumanMessage("Buds grow.")], tools=[{"name": "f", "parameters": {}}]) > 0
    assert vendor.requests == []


# Errors.


def test_wrong_key_is_an_error_of_both(vendor):
    """
    A rejected key is Budwood's error and LangChain's, and the message does not contain the key.
    """
    wrong = budwood.Client("vendor/parrot", settings=settings_of(vendor, api_key="sk-wrong-key"))
    with wrong as client, pytest.raises(ModelAuthenticationError) as caught:
        ChatBudwood(client=client).invoke("Hello")

    assert isinstance(caught.value, budwood.AuthenticationError)
    assert "sk-wrong-key" not in str(caught.value)


@pytest.mark.parametrize("method", ["invoke", "batch", "stream"])
def test_wrong_key_of_a_text_model_is_an_error_of_both(vendor, method):
    """
    Text models raise the same errors as chat models.
    """
    with budwood.Client("vendor/parrot", settings=settings_of(vendor, api_key="sk-wrong-key")) as client:
        call = getattr(BudwoodLLM(client=client), method)
        with pytest.raises(ModelAuthenticationError):
            list(call(["Hello", "Goodbye"] if method == "batch" else "Hello"))


async def test_wrong_key_of_embeddings_is_an_error_of_both(vendor):
    """
    Embeddings raise the same errors as chat models, also in async code.
    """
    with budwood.Client("vendor/parrot", settings=settings_of(vendor, api_key="sk-wrong-key")) as client:
        embeddings = BudwoodEmbeddings(client=client)
        with pytest.raises(ModelAuthenticationError):
            embeddings.embed_query("Hello")
        with pytest.raises(ModelAuthenticationError):
            await embeddings.aembed_query("Hello")


def test_saved_model_has_no_credentials_of_its_address():
    """
    They are neither in a pickle nor in LangChain's form nor in the repr, nor in what tracers receive.
    """
    model = ChatBudwood(model="openai/gpt-4o", base_url="https://user:sk-secret@example.com/v1")

    texts = [dumps(model), repr(model), str(model.model_dump()), model.model_dump_json(), str(model.asdict())]
    for saved in (pickle.dumps(model), *(text.encode() for text in texts)):
        assert b"sk-secret" not in saved
    assert model.model_copy().base_url == "https://user:sk-secret@example.com/v1"
    assert pickle.loads(pickle.dumps(model)).base_url == "https://example.com/v1"


async def test_missing_model_is_an_error_of_both(vendor):
    """
    A model that does not exist is Budwood's error and LangChain's, also in streams.
    """
    async with budwood.AsyncClient("vendor/missing", settings=settings_of(vendor)) as client:
        model = ChatBudwood(async_client=client)
        with pytest.raises(ModelNotFoundError) as caught:
            [chunk async for chunk in model.astream("Hello")]

    assert isinstance(caught.value, budwood.NotFoundError)


def test_context_overflow_is_an_error_of_both(client, vendor):
    """
    Agents of LangChain summarize after this error.
    """
    error = {"message": "This model's maximum context length is 10 tokens.", "code": "context_length_exceeded"}
    vendor.fault = lambda *_: lambda handler: handler.send(400, {"error": error})

    with pytest.raises(ContextOverflowError) as caught:
        ChatBudwood(client=client).invoke("Hello")

    assert isinstance(pickle.loads(pickle.dumps(caught.value)), budwood.ContextLengthError)


@pytest.mark.parametrize("where", ["constructor", "call"])
def test_unknown_option_names_the_cure(client, where):
    """
    An option that Budwood does not know is an error, and the message says what to write instead.
    """
    model = ChatBudwood(client=client, **({"max_output_tokens": 5} if where == "constructor" else {}))

    with pytest.raises(budwood.ConfigurationError, match="max_tokens"):
        model.invoke("Hello", **({"max_output_tokens": 5} if where == "call" else {}))


def test_options_that_are_no_fields_reach_the_vendor(client, vendor):
    """
    Further options may be arguments of the model.
    """
    ChatBudwood(client=client, frequency_penalty=0.5).invoke("Hello")

    assert vendor.requests[0]["frequency_penalty"] == 0.5


@pytest.mark.parametrize("kind", [ChatBudwood, BudwoodLLM])
async def test_tokens_are_counted_with_an_async_client(vendor, kind):
    """
    Nothing is sent, so that no blocking client is needed; LangChain trims messages with it.
    """
    async with budwood.AsyncClient("vendor/parrot", settings=settings_of(vendor)) as client:
        model = kind(async_client=client)
        assert model.get_num_tokens("Roots take up water.") > 2

        if kind is ChatBudwood:
            history = [HumanMessage("Roots take up water. " * 50), HumanMessage("And leaves?")]
            assert trim_messages(history, max_tokens=50, token_counter=model) == history[1:]
    assert vendor.requests == []


@pytest.mark.parametrize("kind", [ChatBudwood, BudwoodLLM])
def test_names_of_other_models_of_langchain_are_aliases(kind):
    """
    They have the same meaning.
    """
    model = kind(model_name="offline/extractive", request_timeout=5)

    assert (model.model, model.timeout, model.options) == ("offline/extractive", 5, {})


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        ({"openai_api_key": "sk-secret"}, "Pass api_key="),
        ({"n": 2}, "Pass extra="),
        ({"model_kwargs": {"seed": 1}}, "as extra="),
        ({"cache": "memory"}, r'Pass client=Client\(…, cache="memory"\)'),
        ({"client": "groq/x"}, r"client=Client\(…, cache=…\)"),
        ({"async_client": "groq/x"}, r"async_client=AsyncClient\(…, cache=…\)"),
    ],
)
def test_argument_of_another_form_names_the_cure(arguments, cure):
    """
    The error comes at construction, and has no value, which may be a key.
    """
    with pytest.raises(budwood.ConfigurationError, match=cure) as caught:
        ChatBudwood(model="offline/extractive", **arguments)

    assert "sk-secret" not in str(caught.value)


def test_repr_is_short():
    """
    It begins with what the user wrote, without the profile of the model.
    """
    assert "profile" not in repr(ChatBudwood(model="offline/extractive"))
    assert "model='offline/extractive'" in repr(ChatBudwood(model="offline/extractive"))


def test_langchains_cache_tells_the_models_of_clients_apart(vendor):
    """
    A model without a name of its own is that of its client: another client may not get its stored reply.
    """
    cache, settings = InMemoryCache(), {"providers": {"vendor": vendor.provider}}
    for model in ("vendor/parrot", "vendor/parrot", "vendor/raven"):
        with budwood.Client(model, settings=settings) as client:
            ChatBudwood(client=client, cache=cache).invoke("Hello")

    assert [request["model"] for request in vendor.requests] == ["parrot", "raven"]
