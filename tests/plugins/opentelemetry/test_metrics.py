"""The metrics of the conventions."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from budwood.errors import ServerError
from budwood.types import Attempt, AttemptFinished, Usage
from budwood_testing import chat_chunks, chat_reply, sse

PROGRAM = Path(__file__).parent / "programs" / "late_setup.py"
DURATION = "gen_ai.client.operation.duration"
TOKENS = "gen_ai.client.token.usage"
FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk"
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "server.address": "api.openai.com",
    "server.port": 443,
    "budwood.provider": "openai",
}


def test_duration_and_tokens_are_measured(telemetry, open_client, scripted):
    """
    A request has one duration, and its tokens by type, in the buckets of the conventions.
    """
    scripted.reply(200, chat_reply("Hi"))

    reply = open_client(telemetry).ask("Hello")

    ((attributes, duration),) = telemetry.points(DURATION)
    assert attributes == {**CHAT, "gen_ai.response.model": "scripted"}
    assert (duration.count, duration.explicit_bounds[0], duration.explicit_bounds[-1]) == (1, 0.01, 81.92)
    tokens = {attributes["gen_ai.token.type"]: (attributes, point) for attributes, point in telemetry.points(TOKENS)}
    assert tokens["input"][0] == {**CHAT, "gen_ai.token.type": "input"}
    sums = {kind: point.sum for kind, (_, point) in tokens.items()}
    assert sums == {"input": reply.usage.input_tokens, "output": reply.usage.output_tokens}
    assert tokens["input"][1].explicit_bounds[-1] == 67108864


def test_time_to_first_chunk_is_measured_for_streams(telemetry, open_client, scripted):
    """
    Streams have the time to their first content; other calls have none.
    """
    scripted.reply(200, chat_reply("Hi")).reply(200, chunks=sse(*chat_chunks(["Hi"])))
    client = open_client(telemetry)

    client.ask("Hello")
    assert telemetry.points(FIRST_CHUNK) == []
    with client.stream("Hello") as stream:
        list(stream)

    ((attributes, point),) = telemetry.points(FIRST_CHUNK)
    assert (attributes, point.count) == (CHAT, 1)


def test_failed_request_has_its_error(telemetry, open_client, scripted):
    """
    The duration of a failed request has the class of the error.
    """
    scripted.reply(500, {"error": {"message": "no"}})

    with pytest.raises(ServerError):
        open_client(telemetry, retries=0).ask("Hello")

    ((attributes, _),) = telemetry.points(DURATION)
    assert attributes == {**CHAT, "error.type": "ServerError"}
    assert telemetry.points(TOKENS) == []


def test_cached_reply_costs_no_tokens(telemetry, open_client, scripted):
    """
    Tokens are those that the vendor charges: a reply from the cache has none, and its duration is marked.
    """
    scripted.reply(200, chat_reply("Hi"))
    client = open_client(telemetry, cache="memory")

    client.ask("Hello")
    client.ask("Hello")

    assert {attributes.get("budwood.cached"): point.count for attributes, point in telemetry.points(DURATION)} == {
        None: 1,
        True: 1,
    }
    assert [point.count for _, point in telemetry.points(TOKENS)] == [1, 1]


def test_attempt_from_the_cache_is_not_measured(telemetry):
    """
    An attempt that is marked as cached has no tokens, whatever its usage.
    """
    usage = Usage(input_tokens=12, output_tokens=3)
    cached = Attempt(provider="openai", model="gpt-4o", key=None, status=None, duration=0.0, usage=usage, cached=True)

    telemetry.observer.observe(AttemptFinished(call="1", number=1, attempt=cached))

    assert telemetry.points(TOKENS) == []


def test_tokens_of_all_rounds_are_counted(telemetry, open_client, scripted):
    """
    A request with tools counts the tokens of each of its rounds once.
    """

    def look() -> str:
        """Look."""
        return "seen"

    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    scripted.reply(200, chat_reply(tool_calls=[call], finish_reason="tool_calls")).reply(200, chat_reply("Done."))

    reply = open_client(telemetry).ask("Look.", tools=[look])

    sums = {attributes["gen_ai.token.type"]: point.sum for attributes, point in telemetry.points(TOKENS)}
    assert sums == {"input": reply.usage.input_tokens, "output": reply.usage.output_tokens}


def test_threads_lose_no_measurement(telemetry, open_client, scripted):
    """
    Calls of eight threads are all measured.
    """
    for _ in range(80):
        scripted.reply(200, chat_reply("Hi"))
    client = open_client(telemetry)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client.ask, ["Hello"] * 80))

    assert [point.count for _, point in telemetry.points(DURATION)] == [80]
    assert [point.count for _, point in telemetry.points(TOKENS)] == [80, 80]


def test_sdk_may_be_set_up_after_the_client():
    """
    A client that was created from settings before the program set up the SDK uses it all the same.
    """
    run = subprocess.run([sys.executable, PROGRAM], capture_output=True, text=True, check=False, env=os.environ)

    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["attempt", "openai", "chat", "gpt-4o", "14"]
