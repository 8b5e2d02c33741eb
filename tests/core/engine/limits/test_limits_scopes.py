"""What limits apply to, what replies say about them, and overloads of endpoints without limits."""

from __future__ import annotations

import asyncio
import json

import pytest

from budwood import AsyncClient, Client
from budwood.endpoint_settings import EndpointSettings, Limits
from budwood.engine.limits.claims import Scope, build_claims, quota_name
from budwood.errors import RateLimitError
from budwood_testing import ScriptedReply, ScriptedTransport, chat_reply
from budwood_testing.scripted import AsyncScriptedExchange, AsyncScriptedTransport
from tests.rate_limited_server import VirtualClock, run_simulated

SECRET = "sk-test-secret"
SETTLED = {"usage": {"prompt_tokens": 5, "completion_tokens": 5}}


@pytest.fixture
def make_client(scripted, clock):
    """
    Return a function that creates a client with settings of a provider, and any number of replies.
    """
    for _ in range(20):
        scripted.reply(body=chat_reply("hello"))

    def make(model="openai/gpt-4o", **section):
        settings = {"providers": {model.partition("/")[0]: {"api_key": SECRET, **section}}}
        if "keys" in section:
            del settings["providers"]["openai"]["api_key"]
        return Client(model, settings=settings, transport=scripted, clock=clock, cache=False)

    return make


def test_each_group_of_keys_has_its_limits(make_client, clock):
    """
    Limits of keys apply to the keys of one group together, and not to other groups.
    """
    limits = {"requests_per_minute": 1}
    client = make_client(
        keys=[
            {"secret": "sk-one-of-org-1", "group": "org-1", "limits": limits},
            {"secret": "sk-two-of-org-1", "group": "org-1"},
            {"secret": "sk-one-of-org-2", "label": "spare", "limits": limits},
        ]
    )

    client.ask("hi")
    client.ask("hi")
    assert clock.slept == []
    with pytest.raises(RateLimitError, match=r"The limit \[(org-1|openai/spare)\]:requests_per_minute has no room"):
        client.ask("hi", timeout=1)


@pytest.mark.parametrize(
    ("label", "group", "name"),
    [("azure", None, "azure"), ("azure#2", None, "azure#2"), ("azure#2", "eu", "azure[eu]"), ("b", "azure", "azure")],
)
def test_a_backup_has_its_own_quota(make_client, label, group, name):
    """
    The limits of a backup count for itself, unless it names a group; the name of the provider is that of the first.
    """
    endpoint = make_client()._engine.endpoints.get("openai")
    endpoint = endpoint._replace(name="azure", label=label, settings=EndpointSettings(group=group))

    assert quota_name(endpoint) == name


@pytest.mark.parametrize(
    ("now", "timezone", "next_"),
    [
        (0, "UTC", 86_400),
        (86_399, "UTC", 86_400),
        (1_774_746_000, "Europe/Oslo", 1_774_821_600),  # 2026-03-29, 02:00, when clocks go forward: 23 hours
        (1_792_879_200, "Europe/Oslo", 1_792_969_200),  # 2026-10-25, 00:00, when clocks go back: 25 hours
    ],
)
def test_day_may_be_shorter_or_longer(now, timezone, next_):
    """
    A day ends at midnight in its time zone, also when clocks are changed.
    """
    scope = Scope("x", Limits(requests_per_day=5, timezone=timezone))

    assert [claim.resets_at for claim in build_claims([scope], 0, now)] == [next_]


def test_headers_lower_the_count(make_client, scripted, clock):
    """
    If the vendor reports that fewer requests are left than were counted, the next one waits for them.
    """
    scripted._script.clear()
    scripted.reply(body=chat_reply("hello"), headers={"x-ratelimit-remaining-requests": "0"})
    scripted.reply(body=chat_reply("hello"))
    client = make_client(limits={"requests_per_minute": 600})

    client.ask("hi")
    queued = client.ask("hi").attempts[0].queued

    assert queued == pytest.approx(60 / (600 * 0.98))


def test_retry_after_delays_only_its_request(make_client, scripted, clock):
    """
    A rejected request waits as long as the vendor asks; others do not wait for it.
    """
    scripted._script.clear()
    scripted.reply(429, {"error": {"message": "Slow down."}}, headers={"retry-after": "50"})
    scripted.reply(body=chat_reply("hello"))
    client = make_client(limits={"requests_per_minute": 6000, "concurrency": 1})

    with pytest.raises(RateLimitError):
        client.ask("hi", retries=0)
    client.ask("hi")

    assert clock.slept == []


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ratelimit-remaining-requests": "400"},
        {"x-ratelimit-remaining-requests": "no number"},
        {"x-ratelimit-remaining-tokens": "0"},
        {},
    ],
)
def test_other_headers_do_not_lower_it(make_client, scripted, clock, headers):
    """
    Numbers that are not near the limit, invalid ones, and those of another limit change nothing.
    """
    scripted._script.clear()
    scripted.reply(body=chat_reply("hello"), headers=headers).reply(body=chat_reply("hello"))
    client = make_client(limits={"requests_per_minute": 600})

    client.ask("hi")
    client.ask("hi")

    assert clock.slept == []


def test_headers_of_a_limit_per_day_do_not_correct_one_per_minute(make_client, scripted, clock):
    """
    A vendor whose requests are counted per day says so, and its headers leave the limit per minute alone.
    """
    scripted._script.clear()
    scripted.reply(body=chat_reply("hello"), headers={"x-ratelimit-remaining-requests": "0"})
    scripted.reply(body=chat_reply("hello"))
    client = make_client("groq/llama-3.3-70b-versatile", limits={"requests_per_minute": 600})

    client.ask("hi")
    client.ask("hi")

    assert clock.slept == []


def test_headers_correct_the_limit_of_the_model(make_client, scripted, clock):
    """
    Vendors report the limit of the model, so the limit of all models together is not corrected.
    """
    scripted._script.clear()
    scripted.reply(body=chat_reply("hello"), headers={"x-ratelimit-remaining-requests": "0"})
    scripted.reply(body=chat_reply("hello"))
    client = make_client(limits={"requests_per_minute": 600}, model_limits={"gpt-4*": {"requests_per_minute": 600}})

    client.ask("hi")
    client.ask("hi", model="openai/o3")

    assert clock.slept == []


def test_count_of_a_vendor_is_used(clock, scripted):
    """
    A vendor that counts max_tokens at arrival does not give back what was not written.
    """
    for _ in range(2):
        scripted.reply(body=chat_reply("hello"))
    section = {"base_url": "https://x.openai.azure.com", "api_key": SECRET, "limits": {"tokens_per_minute": 6000}}
    client = Client(
        "azure/chat", settings={"providers": {"azure": section}}, transport=scripted, clock=clock, cache=False
    )

    client.ask("hi", max_tokens=980)
    queued = client.ask("hi", max_tokens=10).attempts[0].queued

    assert queued == pytest.approx(9.2, abs=0.3)  # 980 tokens and a few, of which 98 were available at once


def test_texts_of_embeddings_count(make_client, scripted, clock):
    """
    The tokens of embeddings are those of their texts.
    """
    scripted._script.clear()
    data = [{"index": 0, "embedding": [1.0]}]
    for _ in range(2):
        scripted.reply(body={"data": data, "model": "m", "usage": {"prompt_tokens": 200, "total_tokens": 200}})
    client = make_client(limits={"tokens_per_minute": 6000})

    client.embed("word " * 190, model="openai/text-embedding-3-small")
    queued = client.embed("hi", model="openai/text-embedding-3-small").attempts[0].queued

    assert queued == pytest.approx(1.05, abs=0.2)


def test_services_without_tokens_do_not_wait_for_them(make_client, scripted, clock):
    """
    A list of models, or a count of tokens, takes a request and no tokens.
    """
    scripted._script.clear()
    scripted.reply(body=chat_reply("hello", usage={"prompt_tokens": 5, "completion_tokens": 5000}))
    scripted.reply(body={"data": [{"id": "gpt-4o"}]}).reply(body={"input_tokens": 9})
    client = make_client(limits={"tokens_per_minute": 600, "requests_per_minute": 60_000})

    client.ask("hi")
    client.models("openai")
    client.count_tokens("hi")

    assert clock.slept == []


def test_failed_limiter_is_no_limit_of_the_vendor(make_client, clock):
    """
    A denial of our own limits does not count as an overload of the endpoint.
    """
    client = make_client(limits={"requests_per_minute": 1})
    client.ask("hi")
    for _ in range(5):
        with pytest.raises(RateLimitError):
            client.ask("hi", timeout=1)

    (state,) = client.endpoints()
    assert (state.state, state.failures, state.concurrency, state.in_flight) == ("closed", 0, None, 0)


class CrowdedTransport(AsyncScriptedTransport):
    """
    A transport to a vendor in simulated time, which rejects requests while it answers 6 others.
    """

    def __init__(self, clock):
        super().__init__(ScriptedTransport(clock=clock))
        self._running = 0

    async def open(self, call, timing):
        if self._running == 6:
            return self._reply(429, {"error": {"message": "Too many."}})
        self._running += 1
        await asyncio.sleep(0.05)
        self._running -= 1
        return self._reply(200, chat_reply("hi"))

    def _reply(self, status, body):
        return AsyncScriptedExchange(self.script.start(ScriptedReply(status, {}, (json.dumps(body).encode(),))))


def test_overload_limits_the_concurrency():
    """
    After rejections at high concurrency, a client asks as many at a time as the server answers, and shows that number.
    """

    async def run():
        clock = VirtualClock()
        settings = {"providers": {"openai": {"api_key": SECRET}}}
        options = {"settings": settings, "transport": CrowdedTransport(clock), "clock": clock, "cache": False}
        async with AsyncClient("openai/gpt-4o", retries=30, **options) as client:
            replies = await client.ask_many(["hi"] * 400, concurrency=24).in_order()
            return replies, client.endpoints()

    replies, (state,) = run_simulated(run)

    assert [type(reply).__name__ for reply in replies] == ["ChatResponse"] * 400
    assert state.concurrency is not None
    assert state.concurrency <= 10
    assert state.in_flight == 0
