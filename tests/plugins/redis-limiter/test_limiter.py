"""What is specific to the Redis limiter: its settings, its keys, and what the server may do to it."""

from __future__ import annotations

import time

import pytest
import structlog
from structlog.testing import capture_logs

from budwood import Client, logs
from budwood.errors import ConfigurationError
from budwood.types import Claim
from budwood_redis_limiter import RedisLimiterSettings
from budwood_redis_limiter.limiter import build_redis_limiter
from budwood_testing import FakeClock, chat_reply, plugin_context

SLOT = Claim("slots", "concurrency", 1)
SLOW = Claim("slow model", "rate", 1)
TOKENS = Claim("tokens", "rate", 6000, amount=10)
SECRET = "p4ssw0rd-that-never-shows"


@pytest.fixture
def log():
    """
    The lines of the log.
    """
    logs.configure_logging()
    with capture_logs() as lines:
        yield lines
    structlog.reset_defaults()


class PresentClock(FakeClock):
    """
    A fake clock with the time of day of the server.
    """

    def time(self):
        """
        Return seconds since 1970.
        """
        return time.time()


def make(url, **changes):
    """
    Make a limiter for a URL.
    """
    return build_redis_limiter(RedisLimiterSettings(url=url, **changes), plugin_context("redis"))


# Settings.


def test_wrong_url_is_a_configuration_error_without_its_text():
    """
    The message names the setting.
    """
    with pytest.raises(ConfigurationError, match=r"\[limiters.redis\] url: it is not a valid address") as caught:
        make(f"redis://:{SECRET}@host:port")

    assert SECRET not in f"{caught.value!r} {caught.value.hint} {caught.value.__context__!r}"


def test_password_shows_nowhere():
    """
    Not in the settings, nor in the limiter, nor in an error of the connection.
    """
    limiter = make(f"redis://user:{SECRET}@127.0.0.1:1/0")
    with pytest.raises(OSError, match="Redis") as caught:
        limiter.reserve("first", [SLOT])

    assert SECRET not in f"{caught.value!r} {caught.value.__context__!r} {limiter!r}"
    assert SECRET not in repr(RedisLimiterSettings(url=f"redis://:{SECRET}@host"))
    limiter.close()


# Keys.


@pytest.mark.real_server
def test_prefixes_are_separate(make_limiter, prefix):
    """
    Programs that do not share limits can share a server.
    """
    assert make_limiter().reserve("first", [SLOT]) is None
    assert make_limiter(prefix=f"{prefix}-other").reserve("first", [SLOT]) is None


@pytest.mark.real_server
def test_keys_expire(make_limiter, prefix):
    """
    Limits that are not used any more do not fill the server.
    """
    limiter = make_limiter()
    claims = [SLOT, Claim("tokens", "rate", 600, amount=30), Claim("day", "quota", 10, resets_at=4e9, is_lasting=True)]
    limiter.reserve("first", [*claims, Claim("own", "quota", 10)])
    limiter.reserve("second", claims)
    names = limiter._server.client.keys(f"{prefix}:*")

    assert len(names) > 5
    assert [name for name in names if limiter._server.client.ttl(name) < 0] == [f"{prefix}:tickets:".encode()]


# Order.


@pytest.mark.real_server
def test_ticket_that_waits_for_another_limit_does_not_block(make_limiter):
    """
    The limit of one model does not stop the other models of a provider, which share only some of its limits.
    """
    limiter = make_limiter()
    limiter.reserve("holder", [TOKENS, SLOW])
    assert limiter.reserve("waiting", [TOKENS, SLOW]).delay > 50

    assert limiter.reserve("other model", [TOKENS]) is None
    assert limiter.reserve("large", [TOKENS._replace(amount=10_000)]) is not None


@pytest.mark.real_server
def test_slots_of_a_waiting_ticket_are_not_taken(make_limiter):
    """
    Their end is unknown, so that a later ticket might delay an earlier one that waits for another limit.
    """
    limiter = make_limiter()
    limiter.reserve("holder", [SLOW])
    limiter.reserve("waiting", [SLOT, SLOW])

    assert limiter.reserve("later", [SLOT]) is not None


# Loss of the server.


@pytest.mark.real_server
def test_restarted_server_is_used_without_an_error(own_server):
    """
    The scripts and the connections of before are replaced.
    """
    limiter = make(own_server.url)
    assert limiter.reserve("first", [SLOT]) is None
    own_server.kill()
    own_server.start()

    assert limiter.reserve("second", [SLOT]) is None
    assert limiter.reserve("third", [SLOT]) is not None
    limiter.close()


@pytest.mark.real_server
def test_calls_survive_the_loss_of_the_server(own_server, scripted, log):
    """
    There is one warning, and the limits of the process hold until the server is back, which is then used again.
    """
    clock = PresentClock()
    settings = {
        "limiter": "redis",
        "limiters": {"redis": {"url": own_server.url, "timeout": 60}},
        "providers": {"openai": {"api_key": "sk-test-secret", "limits": {"requests_per_day": 100}}},
    }
    scripted.reply(body=chat_reply("one")).reply(body=chat_reply("two")).reply(body=chat_reply("two")).reply(
        body=chat_reply("three")
    )
    with Client("openai/gpt-4o", settings=settings, transport=scripted, clock=clock) as client:
        assert client.ask("hi").text == "one"
        assert count_quotas(own_server) == 1
        own_server.kill()
        assert client.ask("hi").text == "two"
        assert client.ask("hi").text == "two"
        own_server.start()
        clock.advance(10)
        assert client.ask("hi").text == "three"
    assert count_quotas(own_server) == 1
    assert [line["event"] for line in log if line["log_level"] == "warning"] == ["limiter failed"]


def count_quotas(server):
    """
    Return the number of quotas that the server counts.
    """
    limiter = make(server.url)
    names = limiter._server.client.keys("budwood:quota*")
    limiter.close()
    return len(names)
