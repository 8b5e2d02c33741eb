"""One try of a call at one endpoint: its own time limit, its own credential."""

from __future__ import annotations

import asyncio
import threading

import pytest

from budwood.errors import AuthenticationError, ConfigurationError, RequestTimeoutError
from budwood.types import AccessToken
from budwood_testing import ScriptedReply, chat_chunks, chat_reply, sse

ENDPOINT = "https://res.openai.azure.com"
CALLERS = 8


def ok(text="Hi"):
    """
    A reply with this text.
    """
    import json

    return ScriptedReply(200, {}, (json.dumps(chat_reply(text)).encode(),))


def late(clock, seconds):
    """
    A server that takes so many seconds, for a transport that keeps the deadline of the attempt.
    """

    def answer(call):
        clock.now += seconds
        raise RequestTimeoutError("The deadline passed.", phase="deadline")

    return answer


def test_attempt_that_takes_too_long_is_repeated(make_client, scripted, clock):
    """
    The limit of one attempt leaves the rest of the call's time to the next.
    """
    scripted.answer(late(clock, 20.0)).reply(200, chat_reply("Hi"))

    with make_client(attempt_timeout=20.0) as client:
        reply = client.ask("Hello")

    assert reply.text == "Hi"
    assert [attempt.error for attempt in reply.attempts] == ["RequestTimeoutError", None]
    assert scripted.timings[0].deadline == 1020.0


def test_attempt_that_took_too_long_is_told_as_such(make_client, scripted, clock):
    """
    The last error names the limit that was reached.
    """
    scripted.answer(late(clock, 20.0))

    with make_client(attempt_timeout=20.0, retries=0) as client, pytest.raises(RequestTimeoutError) as caught:
        client.ask("Hello")

    assert caught.value.phase == "attempt"
    assert "attempt_timeout (20 s)" in str(caught.value)


def test_deadline_of_the_call_is_not_repeated(make_client, scripted, clock):
    """
    Whatever the limit of one attempt: when the call's own time is over, it is over.
    """
    scripted.answer(late(clock, 30.0))

    with make_client(attempt_timeout=60.0, timeout=30.0) as client, pytest.raises(RequestTimeoutError) as caught:
        client.ask("Hello")

    assert caught.value.phase == "deadline"
    assert len(scripted.calls) == 1


def test_whole_reply_has_no_limit_of_its_own_by_default(make_client, scripted):
    """
    A model that thinks for minutes may.
    """
    scripted.reply(200, chat_reply("Hi"))

    with make_client(timeout=500.0) as client:
        client.ask("Hello")

    assert scripted.timings[0].deadline == 1500.0
    assert scripted.timings[0].head_deadline is None


@pytest.mark.parametrize(("options", "seconds"), [({}, 60.0), ({"attempt_timeout": 7.0}, 7.0)])
def test_stream_must_begin_in_time_and_may_then_go_on(make_client, scripted, options, seconds):
    """
    The limit holds until the head of the reply, by default a minute; the whole stream has the call's time.
    """
    scripted.reply(200, chunks=sse(*chat_chunks(["Hi"])))

    with make_client(timeout=500.0, **options) as client, client.stream("Hello") as stream:
        list(stream)

    assert scripted.timings[0].head_deadline == 1000.0 + seconds
    assert scripted.timings[0].deadline == 1500.0


@pytest.mark.parametrize("value", [0, -1, "soon", float("inf")])
def test_impossible_limit_is_refused(make_client, value):
    """
    Seconds are a positive number.
    """
    with make_client() as client, pytest.raises(ConfigurationError, match="attempt_timeout"):
        client.ask("Hello", attempt_timeout=value)


# Tokens that are revoked while they are in use.


class RevokingServer:
    """
    Accepts ``token-2`` alone, and lets each refusal arrive only after the call of the one before is over.

    The first request comes before the revocation.
    """

    def __init__(self):
        self.refusals = 0
        self.accepted = threading.Semaphore(0)
        self.sent = threading.Barrier(CALLERS)
        self.lock = threading.Lock()

    def __call__(self, call):
        if call.headers["authorization"] != "Bearer token-1":
            return ok()
        self.sent.wait(60)
        with self.lock:
            number, self.refusals = self.refusals, self.refusals + 1
        for _ in range(number):
            assert self.accepted.acquire(timeout=60)
        return ScriptedReply(401, {}, (b'{"error": {"message": "revoked", "code": "401"}}',))


@pytest.fixture
def source(clock):
    """
    Returns one token after the other, each for an hour, and lists them.
    """
    tokens = []

    def fetch():
        tokens.append(f"token-{len(tokens) + 1}")
        return AccessToken(secret=tokens[-1], expires_at=clock.time() + 3600)

    fetch.tokens = tokens
    return fetch


def settings(source):
    """
    Settings of Azure with a source of tokens.
    """
    return {"providers": {"azure": {"base_url": ENDPOINT, "token_source": source}}}


def test_revoked_token_fails_no_call_of_those_under_way(make_client, scripted, source):
    """
    Eight calls are refused one after the other, and each succeeds with the next token, which is fetched once.
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


def test_revoked_token_fails_no_task_of_those_under_way(make_async_client, scripted, source):
    """
    The same for tasks, with refusals that arrive after another task has already renewed the token.
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


def test_new_token_that_is_refused_is_not_fetched_for_ever(make_client, scripted, source):
    """
    A token that was fetched for this very attempt is refused for another reason than its age.
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
