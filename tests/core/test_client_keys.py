"""What clients report about keys, how they are reset, and what clients of one process share."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from budwood import AsyncClient, Client, KeyState
from budwood.engine.endpoints.shared_state import reset_all
from budwood.errors import AuthenticationError, PluginNotFoundError, RateLimitError
from budwood_testing import ManualClock, ScriptedTransport, chat_reply
from tests.chat_server import ChatServer, completion

KEYS = ["sk-the-first-key", "sk-the-second-key", "sk-the-third-key"]
TROUBLE = {"error": {"message": "No.", "type": None, "param": None, "code": None}}
SPENT = {"error": {"message": "No.", "type": None, "param": None, "code": "insufficient_quota"}}


def describe(state: KeyState) -> tuple:
    """
    Return the fields of a state that change with its use.
    """
    return state.label, state.state, state.calls, state.tokens, state.last_error, state.ready_in


def list_statuses(client) -> list[str]:
    """
    Return whether the keys of a client can be used.
    """
    states = client.keys()
    return [state.state for state in states]


def test_states_of_several_keys(make_client, scripted, clock):
    """
    Each has its calls, tokens and last error; a limited one says when it is ready.
    """
    scripted.reply(401, TROUBLE).reply(429, TROUBLE, headers={"retry-after": "30"}).reply(body=chat_reply("hi"))

    with make_client(api_key=KEYS) as client:
        before = client.keys()
        client.ask("hi")
        clock.advance(10.0)
        after = client.keys()
        clock.advance(20.0)
        later = client.keys()

    assert [describe(state) for state in before] == [
        (f"key-{number}", "ready", 0, 0, None, None) for number in (1, 2, 3)
    ]
    assert [describe(state) for state in after] == [
        ("key-1", "rejected", 1, 0, "AuthenticationError", None),
        ("key-2", "limited", 1, 0, "RateLimitError", 20.0),
        ("key-3", "ready", 1, 12, None, None),
    ]
    assert [state.state for state in later] == ["rejected", "ready", "ready"]
    assert [state.group for state in later] == ["openai/key-1", "openai/key-2", "openai/key-3"]


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        ({"status": 401, "body": TROUBLE}, ("default", "rejected", 1, 0, "AuthenticationError", None)),
        ({"status": 429, "body": SPENT}, ("default", "exhausted", 1, 0, "QuotaExhaustedError", None)),
        (
            {"status": 429, "body": TROUBLE, "headers": {"retry-after": "9"}},
            ("default", "limited", 1, 0, "RateLimitError", 9.0),
        ),
        ({"status": 400, "body": TROUBLE}, ("default", "ready", 1, 0, "InvalidRequestError", None)),
    ],
)
def test_state_of_a_single_key(make_client, scripted, reply, state):
    """
    It is what the vendor said last; a success makes it ready again.
    """
    scripted.reply(**reply).reply(body=chat_reply("hi"))

    with make_client(api_key="sk-test-secret", retries=0) as client:
        assert describe(*client.keys()) == ("default", "ready", 0, 0, None, None)
        with pytest.raises(Exception, match=r"No\."):
            client.ask("hi")
        assert describe(*client.keys()) == state
        client.ask("hi")
        assert describe(*client.keys())[1:4] == ("ready", 2, 12)


def test_states_never_contain_a_key(make_client, make_async_client):
    """
    Neither a key nor a part of it, of any endpoint; both clients report the same.
    """
    keys = [{"secret": KEYS[0], "label": "first", "group": "team", "limits": {"requests_per_day": 5}}]
    section = {"keys": keys, "backups": [{"base_url": "https://b.example", "api_key": KEYS[1]}]}
    settings = {"providers": {"openai": section, "groq": {"api_key": KEYS[2]}}}
    options = {"api_key": None, "settings": settings, "fallbacks": ["groq/llama"]}

    with make_client(**options) as client:
        states = client.keys()

    assert [(state.endpoint, state.label, state.group, state.limits) for state in states] == [
        ("openai", "first", "team", {"requests_per_day": 5}),
        ("openai#2", "default", "openai#2/default", {}),
        ("groq", "default", "groq/default", {}),
    ]
    assert make_async_client(**options).keys() == states
    assert not any(part in repr(states) for key in KEYS for part in (key, key[3:12]))


def test_keys_of_one_provider(make_client):
    """
    They are listed although nothing has used them; an unknown provider is an error.
    """
    with make_client(settings={"providers": {"groq": {"api_key": ["a", "b"]}}}) as client:
        assert [state.label for state in client.keys("groq")] == ["key-1", "key-2"]
        with pytest.raises(PluginNotFoundError):
            client.keys("nothing")


def test_reset_keys_uses_rejected_and_exhausted_ones_again(make_client, scripted):
    """
    Those of a provider, or of all.
    """
    scripted.reply(401, TROUBLE).reply(429, SPENT).reply(401, TROUBLE)
    for _ in range(3):
        scripted.reply(body=chat_reply("hi"))
    with make_client(api_key=KEYS) as client:
        with pytest.raises(AuthenticationError):
            client.ask("hi")
        client.reset_keys("groq")
        assert [state.state for state in client.keys("openai")] == ["rejected", "exhausted", "rejected"]
        client.reset_keys()

        assert {client.ask("hi").attempts[0].key for _ in KEYS} == {"key-1", "key-2", "key-3"}


def test_reset_keys_wakes_a_call_that_waits():
    """
    It does not wait for a limited key once another one is usable again.
    """
    clock = ManualClock()
    scripted = ScriptedTransport(clock=clock)
    scripted.reply(401, TROUBLE).reply(429, TROUBLE, headers={"retry-after": "60"}).reply(body=chat_reply("hi"))
    with Client("openai/gpt-4o", api_key=KEYS[:2], transport=scripted, clock=clock, cache=False) as client:
        labels = []
        thread = threading.Thread(target=lambda: labels.append(client.ask("hi").attempts[-1].key))
        thread.start()
        clock.wait_for_sleepers(2)

        client.reset_keys()
        thread.join()

    assert labels == ["key-1"]


def test_a_cancelled_call_leaves_the_queue():
    """
    The next one that waits gets the key when it is ready.
    """

    async def run():
        clock = ManualClock()
        scripted = ScriptedTransport(clock=clock)
        for seconds in (30, 60):
            scripted.reply(429, TROUBLE, headers={"retry-after": str(seconds)})
        scripted.reply(body=chat_reply("hi"))
        options = {"transport": scripted.asynchronous, "clock": clock, "cache": False}
        async with AsyncClient("openai/gpt-4o", api_key=KEYS[:2], **options) as client:
            first = asyncio.create_task(client.ask("hi"))
            await asyncio.to_thread(clock.wait_for_sleepers, 2)  # the sleep and the wait of the first in the queue
            second = asyncio.create_task(client.ask("hi"))
            await asyncio.to_thread(clock.wait_for_sleepers, 3)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            await asyncio.to_thread(clock.wait_for_sleepers, 2)
            clock.advance(30.0)
            return await second, client._engine.endpoints.get("openai").pool._queue.first

    reply, waiting = asyncio.run(run())

    assert [(attempt.key, attempt.queued) for attempt in reply.attempts] == [("key-1", 30.0)]
    assert waiting is None


class SharedTransport(ScriptedTransport):
    """
    A transport that can be the key of the state that its clients share.
    """

    __hash__ = object.__hash__


def test_clients_with_equal_settings_and_keys_share_their_state(make_client):
    """
    A client with other keys, or another order of them, has its own.
    """
    scripted = SharedTransport().reply(401, TROUBLE).reply(body=chat_reply("hi"))
    make_client(api_key=KEYS, transport=scripted).ask("hi")

    same, others = (make_client(api_key=keys, transport=scripted) for keys in (KEYS, [*KEYS[:2], "sk-another-key"]))

    assert list_statuses(same) == ["rejected", "ready", "ready"]
    assert list_statuses(others) == ["ready"] * 3


def test_groups_of_one_name_are_one_in_the_process(make_client):
    """
    Also those of different providers and clients.
    """
    scripted = SharedTransport().reply(429, SPENT)
    section = {"keys": [{"secret": KEYS[0], "group": "team"}]}
    settings = {"providers": {"openai": section, "groq": section}}
    with pytest.raises(Exception, match=r"No\."):
        make_client(api_key=None, settings=settings, transport=scripted).ask("hi")

    with make_client("groq/llama", api_key=None, settings=settings, transport=scripted) as client:
        assert list_statuses(client) == ["exhausted"]


def test_a_conversation_stays_with_its_key_while_it_has_room(make_client, scripted):
    """
    Other calls take turns, and after a rate limit it stays with the next key.
    """
    for _ in range(5):
        scripted.reply(body=chat_reply("hi"))
    with make_client(api_key=KEYS) as client:
        labels = [client.ask("hi", conversation="talk").attempts[-1].key]
        labels += [client.ask("hi").attempts[-1].key for _ in range(2)]
        labels += [client.ask("hi", conversation="talk").attempts[-1].key for _ in range(2)]
        scripted.reply(429, TROUBLE, headers={"retry-after": "900"})
        for _ in range(3):
            scripted.reply(body=chat_reply("hi"))
        labels += [client.ask("hi", conversation="talk").attempts[-1].key for _ in range(3)]

    assert labels[:5] == ["key-1", "key-2", "key-3", "key-1", "key-1"]
    assert len(set(labels[5:])) == 1
    assert labels[5] != "key-1"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_begins_anew():
    """
    It tries the keys again that were rejected before, even if another thread held the lock.
    """
    with ChatServer(fault=_reject_first_key) as server, Client("local/tiny", settings=_local(server)) as client:
        client.ask("hi")
        lock = client._engine.endpoints.get("local").pool._groups.lock
        assert list_statuses(client) == ["rejected", "ready"]
        reader, writer = os.pipe()
        lock.acquire()
        child = os.fork()
        if child == 0:
            try:
                os.write(writer, " ".join(list_statuses(client)).encode())
                client.ask("hi")
                os.write(writer, (" " + " ".join(list_statuses(client))).encode())
            finally:
                os._exit(0)
        os.close(writer)
        lock.release()
        with os.fdopen(reader, "rb") as pipe:
            output = pipe.read().decode()
        os.waitpid(child, 0)
        reset_all()

    assert output == "ready ready rejected ready"


def _local(server):
    section = server.settings["providers"]["local"]
    return {"providers": {"local": {**section, "api_key": KEYS[:2]}}}


def _reject_first_key(_number, body):
    def answer(handler):
        is_first = handler.headers["authorization"] == f"Bearer {KEYS[0]}"
        handler.send(*((401, TROUBLE) if is_first else (200, completion(body["model"], "hi"))))

    return answer


def test_async_clients_report_limited_keys(make_async_client, scripted):
    """
    The error of a call that cannot wait says when the first key is ready.
    """
    for _ in KEYS:
        scripted.reply(429, TROUBLE, headers={"retry-after": "900"})
    client = make_async_client(api_key=KEYS)

    with pytest.raises(RateLimitError) as caught:
        asyncio.run(client.ask("hi"))

    assert caught.value.retry_after == 900.0
    assert list_statuses(client) == ["limited"] * 3
