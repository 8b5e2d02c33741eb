"""Attempts of a call: each has its own time limit and credential."""

from __future__ import annotations

import asyncio
import threading

import pytest

from budwood.errors import AuthenticationError, ConfigurationError, RequestTimeoutError
from budwood.types import AccessToken
from budwood_testing import ScriptedReply, chat_chunks, chat_reply, sse

ENDPOINT = "https://res.openai.azure.com"
CALLERS = 8


def make_reply(text="Hi"):
    """
    A reply with this text.
    """
    import json

    return ScriptedReply(200, {}, (json.dumps(chat_reply(text)).encode(),))


def make_late_answer(clock, seconds):
    """
    Return an answer that takes this many seconds and exceeds the deadline of the attempt.
    """

    def answer(call):
        clock.now += seconds
        raise RequestTimeoutError("The deadline passed.", phase="deadline")

    return answer


def test_attempt_that_takes_too_long_is_retried(make_client, scripted, clock):
    """
    The next attempt has the rest of the call's time.
    """
    scripted.answer(make_late_answer(clock, 20.0)).reply(200, chat_reply("Hi"))

    with make_client(attempt_timeout=20.0) as client:
        reply = client.ask("Hello")

    assert reply.text == "Hi"
    assert [attempt.error for attempt in reply.attempts] == ["RequestTimeoutError", None]
    assert scripted.timings[0].deadline == 1020.0


def test_error_names_the_limit_of_the_attempt(make_client, scripted, clock):
    """
    The last error says that attempt_timeout passed.
    """
    scripted.answer(make_late_answer(clock, 20.0))

    with make_client(attempt_timeout=20.0, retries=0) as client, pytest.raises(RequestTimeoutError) as caught:
        client.ask("Hello")

    assert caught.value.phase == "attempt"
    assert "attempt_timeout (20 s)" in str(caught.value)


def test_deadline_of_the_call_is_not_retried(make_client, scripted, clock):
    """
    The limit of an attempt does not matter.
    """
    scripted.answer(make_late_answer(clock, 30.0))

    with make_client(attempt_timeout=60.0, timeout=30.0) as client, pytest.raises(RequestTimeoutError) as caught:
        client.ask("Hello")

    assert caught.value.phase == "deadline"
    assert len(scripted.calls) == 1


def test_complete_reply_has_no_attempt_timeout_by_default(make_client, scripted):
    """
    A model may reason for minutes.
    """
    scripted.reply(200, chat_reply("Hi"))

    with make_client(timeout=500.0) as client:
        client.ask("Hello")

    assert scripted.timings[0].deadline == 1500.0
    assert scripted.timings[0].head_deadline is None


@pytest.mark.parametrize(("options", "seconds"), [({}, 60.0), ({"attempt_timeout": 7.0}, 7.0)])
def test_stream_must_start_in_time(make_client, scripted, options, seconds):
    """
    The limit applies until the response headers, by default a minute; the stream itself has the call's time.
    """
    scripted.reply(200, chunks=sse(*chat_chunks(["Hi"])))

    with make_client(timeout=500.0, **options) as client, client.stream("Hello") as stream:
        list(stream)

    assert scripted.timings[0].head_deadline == 1000.0 + seconds
    assert scripted.timings[0].deadline == 1500.0


@pytest.mark.parametrize("value", [0, -1, "soon", float("inf")])
def test_invalid_limit_is_an_error(make_client, value):
    """
    Seconds are a positive number.
    """
    with make_client() as client, pytest.raises(ConfigurationError, match="attempt_timeout"):
        client.ask("Hello", attempt_timeout=value)


# Tokens that are revoked while they are in use.


class RevokingServer:
    """
    Accepts only ``token-2``, and delays each rejection until the previous call has finished.
    """

    def __init__(self):
        self.refusals = 0
        self.accepted = threading.Semaphore(0)
        self.sent = threading.Barrier(CALLERS)
        self.lock = threading.Lock()

    def __call__(self, call):
        if call.headers["authorization"] != "Bearer token-1":
            return make_reply()
        self.sent.wait(60)
        with self.lock:
            number, self.refusals = self.refusals, self.refusals + 1
        for _ in range(number):
            assert self.accepted.acquire(timeout=60)
        return ScriptedReply(401, {}, (b'{"error": {"message": "revoked", "code": "401"}}',))


@pytest.fixture
def source(clock):
    """
    Returns a new token each time, each valid for an hour, and stores them.
    """
    tokens = []

    def fetch():
        tokens.append(f"token-{len(tokens) + 1}")
        return AccessToken(secret=tokens[-1], expires_at=clock.time() + 3600)

    fetch.tokens = tokens
    return fetch


def settings(source):
    """
    Return settings of Azure with a token source.
    """
    return {"providers": {"azure": {"base_url": ENDPOINT, "token_source": source}}}


def test_revoked_token_fails_no_concurrent_call(make_client, scripted, source):
    """
    Eight calls are rejected one after the other, and each succeeds with the next token, which is fetched once.
    """
    server = RevokingServer()
    scripted.reply(200, chat_reply("Hi"))
    for _ in range(2 * CALLERS):
        scripted.answer(server)
    texts = []
    with make_client("azure/chat", api_key=None, settings=settings(source)) as client:
        client.ask("Hello")  # fetches the first token

        def ask():
            texts.append(client.ask("Hello").text)
            server.accepted.release(CALLERS)

        threads = [threading.Thread(target=ask) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    assert texts == ["Hi"] * CALLERS
    assert source.tokens == ["token-1", "token-2"]


def test_revoked_token_fails_no_concurrent_task(make_async_client, scripted, source):
    """
    Rejections may arrive after another task has renewed the token.
    """
    replies = asyncio.Queue()

    class Transport:
        async def open(self, call, timing):
            if call.headers["authorization"] == "Bearer token-1" and source.revoked:
                if source.refused:
                    await source.turn.wait()
                source.refused += 1
                scripted.reply(401, {"error": {"message": "revoked", "code": "401"}})
            else:
                scripted.reply(200, chat_reply("Hi"))
            return await scripted.asynchronous.open(call, timing)

        async def close(self):
            pass

    async def run():
        source.revoked, source.refused, source.turn = False, 0, asyncio.Event()
        async with make_async_client(
            "azure/chat", api_key=None, settings=settings(source), transport=Transport()
        ) as client:
            await client.ask("Hello")
            source.revoked = True

            async def ask():
                reply = await client.ask("Hello")
                source.turn.set()
                replies.put_nowait(reply.text)

            await asyncio.gather(*(ask() for _ in range(CALLERS)))

    asyncio.run(run())

    assert [replies.get_nowait() for _ in range(CALLERS)] == ["Hi"] * CALLERS
    assert source.tokens == ["token-1", "token-2"]


def test_rejected_new_token_is_not_fetched_again(make_client, scripted, source):
    """
    It was rejected for a reason other than its age.
    """
    for _ in range(3):
        scripted.reply(401, {"error": {"message": "no", "code": "401"}})

    with (
        make_client("azure/chat", api_key=None, settings=settings(source)) as client,
        pytest.raises(AuthenticationError) as caught,
    ):
        client.ask("Hello")

    assert len(caught.value.attempts) == 1
    assert source.tokens == ["token-1"]
