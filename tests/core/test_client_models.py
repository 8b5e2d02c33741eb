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


def test_vectors_are_in_the_order_of_the_texts(client, scripted):
    """
    The order does not depend on the order in the reply.
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


def test_a_single_text_is_embedded(client, scripted):
    """
    A text is not treated as a list of characters.
    """
    scripted.reply(body={"data": [{"embedding": [1.0]}]})

    assert client.embed("abc", model="openai/text-embedding-3-small").vectors == ((1.0,),)
    assert scripted.sent()["input"] == ["abc"]


@pytest.mark.parametrize("body", [{"data": [7]}, {"data": [{"embedding": "%%%"}]}, {"data": 7}, [], "no", {}])
def test_unexpected_embeddings_are_bad_responses(client, scripted, body):
    """
    An unexpected format is a `BadResponseError`.
    """
    scripted.reply(body=json.dumps(body))

    with pytest.raises(BadResponseError):
        client.embed("a", model="openai/text-embedding-3-small")


def test_an_empty_list_of_texts_is_refused(client, scripted):
    """
    An empty list of texts is an error before anything is sent.
    """
    with pytest.raises(PromptError, match="No texts"):
        client.embed([], model="openai/text-embedding-3-small")

    assert scripted.calls == []


def test_models_are_listed(client, scripted):
    """
    Each model has its provider, by default that of the client.
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
def test_unexpected_lists_of_models_are_bad_responses(client, scripted, body):
    """
    An unexpected format is a `BadResponseError`.
    """
    scripted.reply(body=body)

    with pytest.raises(BadResponseError):
        client.models()


def test_capabilities_need_no_request(make_client, scripted):
    """
    Capabilities exclude what the settings and the catalog list as lacking; nothing is sent.
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
def test_models_must_be_texts(client, scripted, ask):
    """
    A model of another type is an error that names the expected type.
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
def test_check_finds_the_errors_of_a_call(client, async_client, scripted, options, refusal):
    """
    Both clients check model, provider, key and options without sending anything.
    """
    error, message = refusal
    for checked in (client, async_client):
        checked.check(system="Be brief.", temperature=0.2, max_tokens=5)
        with pytest.raises(error, match=message):
            checked.check(**options)
    assert scripted.calls == []


def test_missing_capabilities_are_refused_before_sending(make_client, scripted):
    """
    Images and embeddings that a model does not support are an `UnsupportedError`; nothing is sent.
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
    The async client has the same methods as coroutines.
    """
    scripted.reply(body=chat_reply("one")).reply(chunks=sse(*chat_chunks(["t", "wo"])))
    scripted.reply(body={"data": [{"embedding": [1.0]}]}).reply(body={"data": [{"id": "gpt-4o"}]})

    async def run_scenario():
        async with async_client as client:
            asked = await client.ask("1")
            async with client.stream("2") as stream:
                deltas = [text async for text in stream.text_deltas()]
            vectors = (await client.embed("3", model="openai/text-embedding-3-small")).vectors
            (model,) = await client.models()
            return asked.text, deltas, stream.response.text, vectors, model.id, client.capabilities()

    *values, capabilities = asyncio.run(run_scenario())

    assert values == ["one", ["t", "wo"], "two", ((1.0,),), "gpt-4o"]
    assert Capability.TOOLS in capabilities
    with pytest.raises(BudwoodError, match="This client is closed"):
        asyncio.run(async_client.ask("4"))


def test_tokens_are_estimated_if_the_vendor_cannot_count(scripted):
    """
    Nothing is sent, and the count is marked as an estimate.
    """
    with Client("openrouter/x", api_key="k", transport=scripted, cache=False) as client:
        count = client.count_tokens("four characters a token " * 10, system="Be brief.")

    assert (count.exact, count.source, count.hint) == (False, "estimate", None)
    assert count.low < 44 < count.input_tokens < 60 < count.high
    assert (count.provider, count.model) == ("openrouter", "x")
    assert scripted.calls == []


def test_tokens_are_counted_by_the_vendor(client, scripted):
    """
    A separate request is sent, and the count is exact.
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
def test_unexpected_token_counts_are_bad_responses(client, scripted, body):
    """
    An unexpected format is a `BadResponseError`.
    """
    scripted.reply(body=json.dumps(body))

    with pytest.raises(BadResponseError):
        client.count_tokens("Hello")


def test_empty_prompts_are_not_counted(client):
    """
    Counting refuses the same prompts as asking.
    """
    with pytest.raises(PromptError):
        client.count_tokens("")


def test_the_hint_for_a_missing_address_is_right(make_client):
    """
    The hint names the section of the settings and the environment variables.
    """
    with pytest.raises(ConfigurationError, match="'base_url' is missing") as caught:
        make_client("openai-compatible/tiny")

    assert caught.value.hint == (
        "Set it in [providers.openai-compatible] of budwood.toml, or in OPENAI_COMPATIBLE_BASE_URL or "
        "BUDWOOD_PROVIDERS__OPENAI_COMPATIBLE__BASE_URL."
    )
