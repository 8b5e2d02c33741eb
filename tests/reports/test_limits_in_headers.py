"""Headers about rate limits: delays and resets in various formats, and invalid values."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import formatdate

import pytest

from budwood_testing import chat_reply
from tests.reports.wire import CLAUDE, encode_json, make_claude_reply


@pytest.mark.report("pydantic/pydantic-ai#7065", outcome="right")
@pytest.mark.report("AstroVela/vane#469", outcome="right")
@pytest.mark.parametrize("value", ["-1", "nan", "inf", "1e999", "2814, 2", "soon", ""])
def test_an_invalid_retry_after_is_ignored(value, scripted, make_client, clock):
    """
    With a negative, infinite or non-numeric Retry-After, the request is retried after the usual delay at most.
    """
    scripted.reply(429, {"error": {"message": "Slow down."}}, headers={"retry-after": value})
    scripted.reply(200, chat_reply("Hello."))

    assert make_client(retries=1).ask("Hi").text == "Hello."

    (delay,) = clock.slept
    assert 0 <= delay <= 0.5


@pytest.mark.report("NousResearch/hermes-agent#84738", outcome="right")
def test_a_delay_may_be_a_date(scripted, make_client, clock):
    """
    A date in Retry-After delays the retry until then; a past date does not delay it.
    """
    for moment in (30, -30):
        date = formatdate(time.time() + moment, usegmt=True)
        scripted.reply(429, {"error": {"message": "Slow down."}}, headers={"retry-after": date})
        scripted.reply(200, chat_reply("Hello."))
    client = make_client(retries=1)

    client.ask("Hi")
    client.ask("Hi")

    assert clock.slept[0] == pytest.approx(30, abs=5)
    assert clock.slept[1:] in ([], [0.0])


@pytest.mark.report("diegosouzapw/OmniRoute#13321", outcome="right")
@pytest.mark.parametrize(("text", "seconds"), [("6m0s", 360), ("2m59.56s", 179.56), ("500ms", 0.5), ("7.66s", 7.66)])
def test_resets_that_are_durations_are_read(text, seconds, scripted, make_client):
    """
    OpenAI and Groq send the time until a reset as a duration, possibly with fractions.
    """
    headers = {"x-ratelimit-reset-requests": text, "x-ratelimit-remaining-requests": "3"}
    scripted.reply(200, chat_reply("Hello."), headers=headers)

    limits = make_client("groq/llama-3.3-70b-versatile").ask("Hi").rate_limits

    assert limits.reset_requests == pytest.approx(seconds)


@pytest.mark.report("promptfoo/promptfoo#10322", outcome="right")
def test_resets_that_are_timestamps_are_read(scripted, make_client, clock):
    """
    Anthropic sends the time of a reset as a timestamp.
    """
    moment = datetime.fromtimestamp(clock.time() + 45, UTC).isoformat().replace("+00:00", "Z")
    headers = {"anthropic-ratelimit-requests-reset": moment, "anthropic-ratelimit-requests-remaining": "3"}
    scripted.reply(200, encode_json(make_claude_reply({"type": "text", "text": "Hello."})), headers=headers)

    limits = make_client(CLAUDE).ask("Hi").rate_limits

    assert limits.remaining_requests == 3
    assert limits.reset_requests == pytest.approx(45, abs=1)
