from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import BaseModel

from budwood.errors import (
    ConfigurationError,
    ProviderError,
    RequestTimeoutError,
    StreamInterruptedError,
    UnsupportedError,
)
from budwood.types import ModelFacts, ModelPrices, Usage
from budwood_testing import chat_chunks, chat_reply, sse

USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
CACHED = USAGE | {"prompt_tokens_details": {"cached_tokens": 400}}
SETTINGS = {
    "providers": {"work": {"plugin": "openai", "api_key": "k"}},
    "models": {"work/*": {"prices": {"input": "2", "cached_input": "0.5", "output": "8"}}},
}
MOMENT = datetime(2026, 11, 1, 12, tzinfo=UTC)
ONE_CALL = Decimal("0.0028")


@pytest.fixture
def work(make_client):
    """
    A client of models with prices in the settings: 2 dollars for input, 8 for output.
    """
    return make_client("work/m", settings=SETTINGS)


def make_facts(**prices):
    """
    Return the facts of a model with these prices.
    """
    return ModelFacts.model_validate({"prices": prices})


# Costs of replies.


def test_cost_is_calculated_from_the_tokens(work, scripted):
    """
    Cached input has its own price, and the attempt has the same cost.
    """
    scripted.reply(body=chat_reply("Hi", usage=CACHED))

    reply = work.ask("Hello")

    assert reply.cost == Decimal("0.6") * 2 / 1000 + Decimal("0.4") / 2 / 1000 + Decimal("0.1") * 8 / 1000
    assert (reply.cost_unknown, reply.attempts[0].cost) == (None, reply.cost)


def test_known_models_need_no_settings(client, scripted):
    """
    The catalog has the prices of vendors.
    """
    scripted.reply(body=chat_reply("Hi", usage=CACHED))

    assert (
        client.ask("Hello").cost
        == Decimal("0.6") * Decimal("2.5") / 1000 + Decimal("0.4") * Decimal("1.25") / 1000 + Decimal("0.1") * 10 / 1000
    )


def test_stream_costs_the_same(work, scripted):
    """
    The cost is known when the stream is complete.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Hi"]), {"id": "chatcmpl-1", "choices": [], "usage": USAGE}))

    with work.stream("Hello") as stream:
        list(stream)

    assert (stream.response.cost, stream.response.attempts[0].cost) == (ONE_CALL, ONE_CALL)


def test_async_reply_costs_the_same(scripted, async_client):
    """
    Both drivers calculate it in the same way.
    """
    scripted.reply(body=chat_reply("Hi", usage=USAGE))

    assert asyncio.run(async_client.ask("Hello")).cost == Decimal("0.0035")


def test_all_rounds_and_repairs_count(work, scripted):
    """
    The cost of a reply includes all requests for it.
    """

    class City(BaseModel):
        name: str

    scripted.reply(body=chat_reply("{}", usage=USAGE)).reply(body=chat_reply('{"name": "Oslo"}', usage=USAGE))

    reply = work.ask("Which city?", schema=City)

    assert reply.parsed == City(name="Oslo")
    assert [attempt.cost for attempt in reply.attempts] == [ONE_CALL, ONE_CALL]
    assert reply.cost == 2 * ONE_CALL


def test_rounds_of_tools_count(work, scripted):
    """
    Each round is a request.
    """

    def weather(city: str) -> str:
        return f"rain in {city}"

    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    scripted.reply(body=chat_reply("", tool_calls=[call], usage=USAGE)).reply(body=chat_reply("Rain.", usage=USAGE))

    assert work.ask("Weather?", tools=[weather]).cost == 2 * ONE_CALL


def test_round_without_usage_makes_the_total_unknown(work, scripted):
    """
    Unknown is not zero.
    """
    scripted.reply(body=chat_reply("{}", usage=USAGE)).reply(body=chat_reply("{}", usage=None))

    with pytest.raises(Exception, match="schema") as caught:
        work.ask("Which?", schema={"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}})

    response = caught.value.response
    assert (response.cost, response.cost_unknown) == (None, "the vendor reported no usage")


# Attempts that failed.


def test_rejected_attempt_does_not_make_the_total_unknown(work, scripted):
    """
    Its own cost is None, not 0.
    """
    scripted.reply(429, headers={"retry-after": "1"}).reply(body=chat_reply("Hi", usage=USAGE))

    reply = work.ask("Hello")

    assert reply.cost == ONE_CALL
    assert [attempt.cost for attempt in reply.attempts] == [None, ONE_CALL]
    assert "failed" in reply.attempts[0].cost_unknown


def test_interrupted_attempt_makes_the_total_unknown(work, scripted):
    """
    The vendor may have charged for it, and the reason says so.
    """
    scripted.fail().reply(body=chat_reply("Hi", usage=USAGE))

    reply = work.ask("Hello")

    assert (reply.cost, reply.attempts[1].cost) == (None, ONE_CALL)
    assert reply.cost_unknown == "the attempt failed, and its usage is not known"


def test_stream_that_an_error_ended_has_no_known_cost(work, scripted):
    """
    The tokens until then are charged, whatever the status of the error inside the stream.
    """
    chunks = [*chat_chunks(["Once"], finish_reason=None), {"error": {"message": "No.", "code": "server_error"}}]
    scripted.reply(chunks=sse(*chunks, done=False))

    with pytest.raises(StreamInterruptedError) as caught, work.stream("Hello") as stream:
        list(stream)

    assert (caught.value.status, caught.value.response.text) == (500, "Once")
    assert (caught.value.response.cost, caught.value.response.cost_unknown is None) == (None, False)


def test_attempt_without_a_connection_costs_nothing(work, scripted):
    """
    Nothing was sent.
    """
    scripted.fail(RequestTimeoutError("No connection.", phase="connect")).reply(body=chat_reply("Hi", usage=USAGE))

    reply = work.ask("Hello")

    assert (reply.cost, reply.attempts[0].cost) == (ONE_CALL, 0)


def test_error_has_the_costs_of_its_attempts(work, scripted):
    """
    They are None if they are unknown.
    """
    scripted.reply(body="no JSON")

    with pytest.raises(ProviderError) as caught:
        work.ask("Hello", retries=0)

    assert caught.value.attempts[0].cost is None
    assert "not known" in caught.value.attempts[0].cost_unknown


# Which prices apply.


@pytest.mark.parametrize(("tier", "cost"), [("default", ONE_CALL), ("auto", ONE_CALL), ("flex", None)])
def test_service_tier_of_the_reply_decides(work, scripted, tier, cost):
    """
    The standard tier has standard prices; the price of another is not guessed.
    """
    scripted.reply(body=chat_reply("Hi", usage=USAGE) | {"service_tier": tier})

    reply = work.ask("Hello")

    assert reply.cost == cost
    assert reply.cost_unknown == (None if cost else "no price known for the service tier flex")


def test_service_tier_with_prices_is_charged_by_them(make_client, scripted):
    """
    Rows of a tier are used for replies of that tier.
    """
    rows = [{"input": "2", "output": "8"}, {"service_tier": "flex", "input": "1", "output": "4"}]
    client = make_client("work/m", settings=SETTINGS | {"models": {"work/*": {"prices": rows}}})
    scripted.reply(body=chat_reply("Hi", usage=USAGE) | {"service_tier": "flex"})

    assert client.ask("Hello").cost == ONE_CALL / 2


def test_model_in_the_reply_determines_the_price(make_client, scripted):
    """
    An alias refers to another model.
    """
    client = make_client("openai/my-alias", api_key="k")
    scripted.reply(body=chat_reply("Hi", usage=USAGE) | {"model": "gpt-4o-2024-08-06"})

    assert client.ask("Hello").cost == Decimal("0.0035")


def test_prices_in_the_settings_apply_to_the_requested_name(make_client, scripted):
    """
    The name in the reply does not matter.
    """
    settings = {"models": {"openai/gpt-4o": {"prices": {"input": "1", "output": "1"}}}}
    client = make_client("openai/gpt-4o", api_key="k", settings=settings)
    scripted.reply(body=chat_reply("Hi", usage=USAGE) | {"model": "gpt-4o-2024-08-06"})

    assert client.ask("Hello").cost == Decimal("0.0011")


def test_prices_depend_on_the_day():
    """
    The last row that applies at the time of the call counts; days are in UTC.
    """
    facts = ModelFacts(prices=({"input": 1}, {"input": 2, "since": "2026-11-01"}))

    assert facts.price(datetime(2026, 10, 31, 23, 59, tzinfo=UTC)).input == 1
    assert facts.price(MOMENT).input == 2


@pytest.mark.parametrize(("hour", "price"), [(0, 2), (5, 1), (23, 2), (22, 2), (2, 1)])
def test_prices_by_the_hour_may_pass_midnight(hour, price):
    """
    From 22:00 to 02:00 is four hours.
    """
    facts = ModelFacts(prices=({"input": 1}, {"input": 2, "hours": ("22:00", "02:00")}))

    assert facts.price(MOMENT.replace(hour=hour)).input == price


def test_long_requests_have_their_own_prices():
    """
    They apply to all tokens of a request with more input than the limit; missing ones stay the same.
    """
    long_input = [{"tokens": 100, "input": 10}]
    row = ModelPrices.model_validate({"input": 1, "output": 3, "long_input": long_input})

    assert row.cost(Usage(input_tokens=100, output_tokens=1)).dollars == Decimal(103) / 1_000_000
    assert row.cost(Usage(input_tokens=101, output_tokens=1)).dollars == Decimal(1013) / 1_000_000


def test_tokens_with_separate_prices_are_not_charged_as_text():
    """
    Audio tokens without a known price make the cost unknown.
    """
    facts = ModelFacts(prices=({"input": 1, "output": 1},), apart={"audio"})

    def cost(raw):
        return facts.cost(Usage(input_tokens=1, output_tokens=0, raw=raw), MOMENT)

    assert cost({"prompt_tokens_details": {"audio_tokens": 0}}).dollars is not None
    assert cost({"prompt_tokens_details": {"audio_tokens": 5}}) == (None, "no price known for audio tokens")
    assert cost({"promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 5}]}).dollars is None
    assert cost({"promptTokensDetails": [{"modality": "TEXT", "tokenCount": 5}]}).dollars is not None


def test_input_without_any_price_is_not_free():
    """
    A missing price makes the cost unknown if there are such tokens.
    """
    assert make_facts(input=1).cost(Usage(input_tokens=1, output_tokens=1), MOMENT) == (
        None,
        "no price known for output",
    )
    assert make_facts(input=1).cost(Usage(input_tokens=1), MOMENT).dollars == Decimal(1) / 1_000_000


# Calls without a price.


@pytest.mark.parametrize(
    ("base_url", "reason"),
    [
        ("http://localhost:8000/v1", "no price known, because it runs on this machine"),
        ("http://127.0.0.1:8000/v1", "no price known, because it runs on this machine"),
        ("https://example.com/v1", "no price known"),
    ],
)
def test_reason_says_that_the_server_is_local(make_client, scripted, base_url, reason):
    """
    Such a server has no price.
    """
    settings = {"providers": {"here": {"plugin": "openai-compatible", "base_url": base_url}}}
    scripted.reply(body=chat_reply("Hi", usage=USAGE))

    reply = make_client("here/m", settings=settings).ask("Hello")

    assert (reply.cost, reply.cost_unknown) == (None, reason)


def test_model_inside_the_process_has_no_price(make_client):
    """
    It has no vendor.
    """
    reply = make_client("offline/extractive", api_key=None).ask("What?\n\n<passage>The shoot gives fruit.</passage>")

    assert (reply.cost, reply.cost_unknown) == (None, "no price known, because it runs in this process")


def test_section_with_a_presets_name_is_not_that_vendor(make_client, scripted):
    """
    Its server does not have the prices of the vendor with that name.
    """
    settings = {"providers": {"deepseek": {"plugin": "openai-compatible", "base_url": "https://example.com/v1"}}}
    scripted.reply(body=chat_reply("Hi", usage=USAGE))

    assert make_client("deepseek/deepseek-chat", settings=settings).ask("Hello").cost is None


def test_preset_is_charged_by_its_vendors_prices(make_client, scripted):
    """
    Its plugin serves many vendors.
    """
    scripted.reply(body=chat_reply("Hi", usage=USAGE) | {"model": ""})

    client = make_client("deepseek/deepseek-chat", api_key="k")
    assert client.ask("Hello").cost == client.model().price.cost(Usage(input_tokens=1000, output_tokens=100)).dollars


# Embeddings and other services.


def test_embeddings_cost_their_input(client, scripted):
    """
    They have no output.
    """
    scripted.reply(body={"data": [{"embedding": [1.0]}], "usage": {"prompt_tokens": 1000, "total_tokens": 1000}})

    reply = client.embed("a", model="openai/text-embedding-3-small")

    assert (reply.cost, reply.cost_unknown) == (Decimal("0.00002"), None)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-image-1", "openai/gpt-image-1 is an image model. It does not support chat"),
        ("text-embedding-3-small", "is an embedding model. It does not support chat. Call client.embed"),
        ("omni-moderation-latest", "is a moderation model. It does not support chat. Call client.moderate"),
    ],
)
def test_chat_with_another_kind_of_model_is_an_error(client, scripted, model, expected):
    """
    The error has the kind and what to do; nothing is sent, and `check` finds it too.
    """
    for ask in (lambda: client.ask("Hi", model=f"openai/{model}"), lambda: client.check(model=f"openai/{model}")):
        with pytest.raises(UnsupportedError, match=expected.replace(".", r"\.")):
            ask()

    assert scripted.calls == []


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gemini/imagen-4.0-generate-001", "an image model"),
        ("gemini/veo-3.0-generate-001", "a video model"),
        ("groq/playai-tts", "a speech model"),
    ],
)
def test_chat_with_other_kinds_of_models_of_other_vendors_is_an_error(make_client, scripted, model, expected):
    """
    The error has the kind.
    """
    with pytest.raises(UnsupportedError, match=expected):
        make_client(model).ask("Hello")
    assert scripted.calls == []


def test_embeddings_of_an_image_model_are_an_error(client, scripted):
    """
    The kind of a model limits all services.
    """
    with pytest.raises(UnsupportedError, match="does not support embeddings"):
        client.embed("a", model="openai/gpt-image-1")


def test_settings_override_the_kind(make_client, scripted):
    """
    A row of the user may make it a chat model.
    """
    client = make_client("openai/gpt-image-chat", api_key="k", settings={"models": {"openai/*": {"kind": "chat"}}})
    scripted.reply(body=chat_reply("Hi"))

    assert client.ask("Hello").text == "Hi"


# Facts of a model.


def test_details_of_a_model(client, scripted):
    """
    Capabilities, rules, limits, today's price and shutdown day are returned; nothing is sent.
    """
    details = client.model("openai/gpt-5-mini")

    assert (details.provider, details.model, details.facts.context_window) == ("openai", "gpt-5-mini", 400_000)
    assert details.capabilities == client.capabilities("openai/gpt-5-mini")
    assert "temperature" in details.rules.refuses
    assert (details.price.input, details.price.output) == (Decimal("0.25"), Decimal(2))
    assert (str(details.facts.shutdown), details.facts.successor) == ("2026-12-11", "gpt-6.1-terra")
    assert details.facts.source.startswith("genai-prices")
    assert scripted.calls == []


def test_details_of_an_unknown_model(client):
    """
    They are None, with a reason for the price.
    """
    details = client.model("openai/nobody-knows")

    assert (details.facts, details.price, details.price_unknown) == (ModelFacts(), None, "no price known")


# Settings.


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"prices": {"inputs": "1"}}, r"unknown key 'prices\.0\.inputs'"),
        ({"prices": {"input": "-1"}}, r"'prices\.0\.input': input should be greater than or equal to 0"),
        ({"prices": {"input": "cheap"}}, r"'prices\.0\.input': input should be a valid decimal"),
        ({"context_window": 0}, r"'context_window': input should be greater than or equal to 1"),
        ({"context": 5}, r"unknown key 'context' \(did you mean context_window"),
        ({"own": ["prices"]}, "unknown key 'own'"),
        ({"shutdown": "soon"}, "'shutdown': input should be a valid date"),
        ({"kind": "poem"}, "'kind': input should be 'chat'"),
    ],
)
def test_invalid_row_is_reported(make_client, row, expected):
    """
    The error has the row, the place in it and the problem.
    """
    with pytest.raises(ConfigurationError, match=rf"\[models\.'openai/m'\]: {expected}"):
        make_client("openai/m", settings={"models": {"openai/m": row}})
