from __future__ import annotations

import asyncio
import json

import pytest

from budwood import Client
from budwood.errors import (
    BadResponseError,
    BudwoodError,
    ConfigurationError,
    CredentialError,
    PluginNotFoundError,
    PromptError,
    UnsupportedError,
)
from budwood.types import Capability, ImagePart, Message, TextPart
from budwood_testing import chat_chunks, chat_reply, sse


def test_texts_are_embedded_in_their_order(client, scripted):
    """
    Vectors stand in the order of the texts, whatever the order of the reply.
    """
    rows = [{"index": 1, "embedding": [0.3, 0.4]}, {"index": 0, "embedding": [0.1, 0.2]}]
    scripted.reply(body={"data": rows, "model": "small", "usage": {"prompt_tokens": 4}})

    reply = client.embed(["a", "b"], model="openai/text-embedding-3-small", dimensions=2, extra={"user": "u"})

    assert reply.vectors == ((0.1, 0.2), (0.3, 0.4))
    assert (reply.provider, reply.model, reply.usage.input_tokens) == ("openai", "small", 4)
    assert reply.attempts[0].usage.input_tokens == 4
    assert scripted.sent() == {
        "model": "text-embedding-3-small",
        "input": ["a", "b"],
        "encoding_format": "float",
        "dimensions": 2,
        "user": "u",
    }


def test_one_text_is_a_list_of_one(client, scripted):
    """
    A text is not taken for a list of its letters.
    """
    scripted.reply(body={"data": [{"embedding": [1.0]}]})

    assert client.embed("abc", model="openai/text-embedding-3-small").vectors == ((1.0,),)
    assert scripted.sent()["input"] == ["abc"]


@pytest.mark.parametrize("body", [{"data": [7]}, {"data": [{"embedding": "%%%"}]}, {"data": 7}, [], "no", {}])
def test_embeddings_in_no_known_form_are_the_servers_fault(client, scripted, body):
    """
    A reply that nobody foresaw is a `BadResponseError`, not a crash.
    """
    scripted.reply(body=json.dumps(body))

    with pytest.raises(BadResponseError):
        client.embed("a", model="openai/text-embedding-3-small")


def test_no_texts_are_not_embedded(client, scripted):
    """
    An empty list of texts is an error before sending.
    """
    with pytest.raises(PromptError, match="No texts"):
        client.embed([], model="openai/text-embedding-3-small")

    assert scripted.calls == []


def test_models_are_listed(client, scripted):
    """
    The list names each model with its provider, by default the client's.
    """
    row = {"id": "gpt-4o", "created": 5, "owned_by": "system"}
    scripted.reply(body={"data": [row]}).reply(body={"data": [row]})

    (model,) = client.models()

    assert (model.id, model.provider, model.created, model.owned_by, model.raw) == (
        "gpt-4o", "openai", 5, "system", row
    )  # fmt: skip
    assert client.models("openai") == (model,)
    assert (scripted.calls[0].method, scripted.calls[0].url) == ("GET", "https://api.openai.com/v1/models")


@pytest.mark.parametrize("body", ["7", "null", "{", '{"data": 7}'])
def test_a_list_of_models_in_no_known_form_is_the_servers_fault(client, scripted, body):
    """
    A reply that nobody foresaw is a `BadResponseError`, not a crash.
    """
    scripted.reply(body=body)

    with pytest.raises(BadResponseError):
        client.models()


def test_capabilities_are_known_without_asking(make_client, scripted):
    """
    What settings and catalog say that a server or a model lacks is missing from what it can do; nothing is sent.
    """
    settings = {
        "providers": {"here": {"plugin": "openai-compatible", "base_url": "http://localhost:1/v1", "lacks": ["tools"]}},
        "models": {"openai/blind*": {"lacks": ["image_input"]}},
    }
    client = make_client(settings=settings)

    assert {Capability.TOOLS, Capability.IMAGE_INPUT} <= client.capabilities()
    assert Capability.TOOLS not in client.capabilities("here/llama")
    assert client.capabilities("openai/new-1") - client.capabilities("openai/blind-1") == {Capability.IMAGE_INPUT}
    assert scripted.calls == []


@pytest.mark.parametrize("ask", ["model", "capabilities", "pull"])
def test_a_model_that_is_no_text_is_a_clear_error(client, scripted, ask):
    """
    What takes a model as its argument says what it wants instead of falling over it.
    """
    with pytest.raises(ConfigurationError, match=r"model must be a text; got int\. Pass model=\"provider/model\"\."):
        getattr(client, ask)(3)
    assert scripted.calls == []


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"model": "plain"}, (ConfigurationError, "provider/model")),
        ({"model": "nobody/tiny"}, (PluginNotFoundError, "nobody")),
        ({"model": "deepseek/tiny"}, (CredentialError, "deepseek: no API key")),
        ({"temperature": -1}, (ConfigurationError, "temperature")),
        ({"reasoning_effort": "foo"}, (ConfigurationError, "reasoning_effort")),
        ({"retries": -5}, (ConfigurationError, "retries")),
        ({"heat": 1}, (ConfigurationError, "Unknown option 'heat'")),
    ],
)
def test_a_check_finds_what_a_call_would_stumble_over(client, async_client, scripted, options, refusal):
    """
    Address, provider, key and options are looked at by both clients, and nothing is sent.
    """
    error, said = refusal
    for checked in (client, async_client):
        checked.check(system="Be brief.", temperature=0.2, max_tokens=5)
        with pytest.raises(error, match=said):
            checked.check(**options)
    assert scripted.calls == []


def test_what_a_model_cannot_do_is_refused_before_sending(make_client, scripted):
    """
    Images and embeddings that a model has not are `UnsupportedError`, and nothing is sent.
    """
    client = make_client(settings={"models": {"openai/gpt-4o": {"lacks": ["image_input", "embeddings", "models"]}}})
    picture = Message(role="user", parts=(TextPart(text="?"), ImagePart(url="https://example.org/a.png")))

    with pytest.raises(UnsupportedError, match="openai/gpt-4o does not take images"):
        client.ask(picture)
    with pytest.raises(UnsupportedError, match="does not support embeddings"):
        client.embed("a")
    assert scripted.calls == []


def test_async_client_asks_streams_embeds_and_lists(async_client, scripted):
    """
    The async client gives what the blocking one gives, awaited.
    """
    scripted.reply(body=chat_reply("one")).reply(chunks=sse(*chat_chunks(["t", "wo"])))
    scripted.reply(body={"data": [{"embedding": [1.0]}]}).reply(body={"data": [{"id": "gpt-4o"}]})

    async def story():
        async with async_client as client:
            asked = await client.ask("1")
            async with client.stream("2") as stream:
                deltas = [text async for text in stream.text_deltas()]
            vectors = (await client.embed("3", model="openai/text-embedding-3-small")).vectors
            (model,) = await client.models()
            return asked.text, deltas, stream.response.text, vectors, model.id, client.capabilities()

    *told, capabilities = asyncio.run(story())

    assert told == ["one", ["t", "wo"], "two", ((1.0,),), "gpt-4o"]
    assert Capability.TOOLS in capabilities
    with pytest.raises(BudwoodError, match="This client is closed"):
        asyncio.run(async_client.ask("4"))


def test_tokens_are_estimated_where_the_vendor_counts_none(scripted):
    """
    Nothing is sent, and the count says that it is an estimate.
    """
    with Client("openrouter/x", api_key="k", transport=scripted, cache=False) as client:
        count = client.count_tokens("four characters a token " * 10, system="Be brief.")

    assert (count.exact, count.source, count.hint) == (False, "estimate", None)
    assert count.low < 44 < count.input_tokens < 60 < count.high
    assert (count.provider, count.model) == ("openrouter", "x")
    assert scripted.calls == []


def test_tokens_are_counted_by_the_vendor(client, scripted):
    """
    By a request of its own; a vendor's count is exact.
    """
    scripted.reply(body={"input_tokens": 12})

    assert client.count_tokens("Hello").model_dump() == {
        "input_tokens": 12,
        "exact": True,
        "low": 12,
        "high": 12,
        "source": "vendor",
        "hint": None,
        "provider": "openai",
        "model": "gpt-4o",
    }


@pytest.mark.parametrize("body", [{}, {"input_tokens": "12"}, [], "no"])
def test_a_count_in_no_known_form_is_the_servers_fault(client, scripted, body):
    """
    A reply that nobody foresaw is a `BadResponseError`, not a crash.
    """
    scripted.reply(body=json.dumps(body))

    with pytest.raises(BadResponseError):
        client.count_tokens("Hello")


def test_an_empty_prompt_has_no_tokens_to_count(client):
    """
    Counting refuses what asking refuses.
    """
    with pytest.raises(PromptError):
        client.count_tokens("")


def test_an_address_that_is_missing_is_written_where_the_hint_says(make_client):
    """
    The section of the settings and the variables that give it are named.
    """
    with pytest.raises(ConfigurationError, match="'base_url' is missing") as caught:
        make_client("openai-compatible/tiny")

    assert caught.value.hint == (
        "Set it in [providers.openai-compatible] of budwood.toml, or in OPENAI_COMPATIBLE_BASE_URL or "
        "BUDWOOD_PROVIDERS__OPENAI_COMPATIBLE__BASE_URL."
    )
