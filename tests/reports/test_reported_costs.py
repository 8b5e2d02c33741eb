"""The cost that a vendor reports is the cost of the call."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from budwood import AsyncClient, Client
from budwood_openai_compatible.costs import reported_cost
from budwood_testing import FakeClock, ScriptedTransport, chat_chunks, chat_reply, sse

USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
SERVERS = {
    "providers": {
        "gateway": {"plugin": "openai-compatible", "base_url": "http://gateway.test/v1"},
        "responses": {"plugin": "openai-compatible", "base_url": "http://gateway.test/v1", "api": "responses"},
    }
}

REPORTS = [
    ({"cost": 0.00123}, "0.00123"),
    ({"cost": 0}, "0"),
    ({"cost": "0.00123"}, "0.00123"),
    ({"cost": 1e-07}, "0.0000001"),
    ({"cost_in_usd_ticks": 37_756_000}, "0.0037756"),
    ({"cost_in_usd_ticks": 0}, "0"),
    ({"cost": {"input_tokens_cost": 0.001, "output_tokens_cost": 0.002, "total_cost": 0.008}}, "0.008"),
    ({"estimated_cost": 0.0000268}, "0.0000268"),
    ({"cost": 0.5, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.5}}, "0.5"),
    ({"cost": 0.05, "is_byok": True, "cost_details": {"upstream_inference_cost": 1.0}}, "1.05"),
]

NO_REPORTS = [
    {},
    {"cost": None},
    {"cost": True},
    {"cost": -1},
    {"cost": "free"},
    {"cost": float("nan")},
    {"cost": float("inf")},
    {"cost": [0.1]},
    {"cost": {"currency": "USD"}},
    {"cost": 10**5000},
    {"cost": "9" * 5000},
    {"cost": "1e999999"},
    {"cost_in_usd_ticks": "many"},
    {"cost": 0.05, "is_byok": True, "cost_details": None},
]


def ask(model: str, body: object, **options: object):
    """
    Ask one question with a scripted reply.
    """
    transport = ScriptedTransport().reply(200, body)
    with Client(model, api_key="key-of-the-test", transport=transport, clock=FakeClock(), **options) as client:
        return client.ask("Hi")


@pytest.mark.report("BerriAI/litellm#15448", outcome="mended")
@pytest.mark.parametrize("model", ["openrouter/lab/model-x", "gateway/lab/model-x"])
def test_an_unknown_model_has_the_reported_cost(model):
    """
    The reply, its attempt and its usage have the cost that the server reports, even without a price in the catalog.
    """
    reply = ask(model, chat_reply("ok", usage=USAGE | {"cost": 0.00123}), settings=SERVERS)

    assert (reply.cost, reply.cost_unknown) == (Decimal("0.00123"), None)
    assert (reply.attempts[0].cost, reply.usage.reported_cost) == (reply.cost, reply.cost)


@pytest.mark.parametrize(("stated", "dollars"), REPORTS)
def test_each_form_of_a_reported_cost_is_read(stated, dollars):
    """
    A cost in dollars can be a number, a text or a table; ticks, and fees with the upstream cost, are converted.
    """
    assert reported_cost(stated) == Decimal(dollars)
    assert ask("gateway/m", chat_reply("ok", usage=USAGE | stated), settings=SERVERS).cost == Decimal(dollars)


@pytest.mark.parametrize("stated", NO_REPORTS)
def test_an_invalid_cost_is_unknown(stated):
    """
    An invalid cost counts as unknown, with a reason.
    """
    assert reported_cost(stated) is None


def test_the_reported_cost_takes_precedence_over_prices():
    """
    The reported cost includes discounts and fees that the catalog does not contain.
    """
    settings = {"models": {"openrouter/*": {"prices": {"input": "1", "output": "2"}}}}

    reply = ask("openrouter/lab/model-x", chat_reply("ok", usage=USAGE | {"cost": 0.5}), settings=settings)

    assert reply.cost == Decimal("0.5")


@pytest.mark.parametrize("last", [{"cost": 0.25}, {"cost_in_usd_ticks": 2_500_000_000}])
def test_a_stream_reports_the_cost_at_its_end(last):
    """
    The cost in the last chunk of a stream is read, by both clients.
    """
    chunks = sse(*chat_chunks(["ok"]), {"id": "c", "choices": [], "usage": USAGE | last})
    transport = ScriptedTransport().reply(chunks=chunks).reply(chunks=chunks)
    options = {"api_key": "key-of-the-test", "transport": transport, "settings": SERVERS}

    with Client("gateway/m", **options) as client, client.stream("Hi") as stream:
        list(stream)

    async def read():
        asynchronous = options | {"transport": transport.asynchronous}
        async with AsyncClient("gateway/m", **asynchronous) as client, client.stream("Hi") as stream:
            async for _ in stream:
                pass
            return stream.response

    assert stream.response.cost == asyncio.run(read()).cost == Decimal("0.25")


def test_a_cost_in_a_separate_chunk_is_retained():
    """
    A later chunk with only token counts does not remove the cost.
    """
    early = {"id": "c", "choices": [], "usage": USAGE | {"cost": 0.25}}
    chunks = sse(*chat_chunks(["ok"]), early, {"id": "c", "choices": [], "usage": USAGE})
    transport = ScriptedTransport().reply(chunks=chunks)

    with Client("gateway/m", transport=transport, settings=SERVERS) as client, client.stream("Hi") as stream:
        list(stream)

    assert stream.response.cost == Decimal("0.25")
    assert stream.response.usage.input_tokens == 1000


def test_responses_and_embeddings_report_costs_too():
    """
    The cost is read from the usage of Responses and embeddings as well.
    """
    usage = {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12, "cost_in_usd_ticks": 10_000_000_000}
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "ok"}]}
    reply = ask(
        "responses/m", {"id": "r", "status": "completed", "output": [message], "usage": usage}, settings=SERVERS
    )
    vectors = {"data": [{"index": 0, "embedding": [1.0]}], "usage": {"prompt_tokens": 3, "cost": 0.125}}
    transport = ScriptedTransport().reply(200, vectors)

    with Client("gateway/m", transport=transport, settings=SERVERS) as client:
        embedded = client.embed(["a"])

    assert reply.cost == Decimal(1)
    assert embedded.cost == Decimal("0.125")


def test_the_costs_of_rounds_are_added():
    """
    The cost of a reply, and of its usage, is the sum over all its requests.
    """

    def weather(city: str) -> str:
        return f"rain in {city}"

    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    transport = ScriptedTransport().reply(200, chat_reply("", tool_calls=[call], usage=USAGE | {"cost": 0.1}))
    transport.reply(200, chat_reply("Rain.", usage=USAGE | {"cost": 0.2}))

    with Client("gateway/m", transport=transport, settings=SERVERS) as client:
        reply = client.ask("Weather?", tools=[weather])

    assert reply.cost == reply.usage.reported_cost == Decimal("0.3")
