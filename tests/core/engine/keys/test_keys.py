"""Several keys of one endpoint: which one each attempt uses, and what happens when it is not usable."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

import pytest

from budwood.errors import AuthenticationError, ConnectionFailedError, QuotaExhaustedError, RateLimitError
from budwood_testing import ScriptedReply, chat_chunks, chat_reply, sse

KEYS = ["sk-the-first-key", "sk-the-second-key", "sk-the-third-key"]
HELLO = chat_reply("hello")


def make_error(code=None, message="No."):
    """
    Return the body of an error in OpenAI's format.
    """
    return {"error": {"message": message, "type": None, "param": None, "code": code}}


def sent_keys(scripted):
    """
    Return the number of the key of each request that was sent.
    """
    return [KEYS.index(call.headers["authorization"].removeprefix("Bearer ")) + 1 for call in scripted.calls]


@pytest.fixture(params=["blocking", "async", "blocking stream", "async stream"])
def make_ask(request, make_client, make_async_client):
    """
    Return a function that creates a client of either kind, and returns its function that asks, plain or streamed.
    """

    def make(**options):
        options.setdefault("api_key", KEYS)
        if request.param == "blocking":
            return make_client(**options).ask
        if request.param == "blocking stream":
            return partial(read, make_client(**options))
        client = make_async_client(**options)
        ask = client.ask if request.param == "async" else partial(read_async, client)
        return lambda prompt, **more: runner.run(ask(prompt, **more))

    def read(client, prompt, **more):
        with client.stream(prompt, **more) as stream:
            list(stream)
            return stream.response

    async def read_async(client, prompt, **more):
        async with client.stream(prompt, **more) as stream:
            async for _ in stream:
                pass
            return stream.response

    make.streamed = "stream" in request.param
    with asyncio.Runner() as runner:
        yield make


@pytest.fixture
def hello(make_ask):
    """
    The arguments of a reply of the text "hello", streamed or not.
    """
    return {"chunks": sse(*chat_chunks(["hello"]))} if make_ask.streamed else {"body": HELLO}


def test_keys_take_turns(make_ask, scripted, hello):
    """
    The least recently used key is used, and the ledger has its label.
    """
    for _ in range(4):
        scripted.reply(**hello)
    ask = make_ask()

    labels = [ask("hi").attempts[0].key for _ in range(4)]

    assert labels == ["key-1", "key-2", "key-3", "key-1"]
    assert sent_keys(scripted) == [1, 2, 3, 1]


@pytest.mark.parametrize(
    "refusal", [(401, "invalid_api_key"), (429, "insufficient_quota"), (429, "rate_limit_exceeded")]
)
def test_the_next_key_is_used_at_once_and_without_a_retry(make_ask, scripted, clock, hello, refusal):
    """
    After a rejected key, an exhausted quota and a rate limit, even if retries are off.
    """
    status, code = refusal
    scripted.reply(status, make_error(code), headers={"retry-after": "30"}).reply(**hello)

    reply = make_ask(retries=0)("hi")

    assert [(attempt.key, attempt.status) for attempt in reply.attempts] == [("key-1", status), ("key-2", 200)]
    assert clock.slept == []


def test_a_rejected_key_is_not_used_again(make_ask, scripted, hello):
    """
    Later calls do not send it.
    """
    scripted.reply(401, make_error())
    for _ in range(4):
        scripted.reply(**hello)
    ask = make_ask()

    for _ in range(4):
        ask("hi")

    assert sent_keys(scripted) == [1, 2, 3, 2, 3]


def test_a_limited_key_rests_until_its_reset_and_is_used_again(make_ask, scripted, clock, hello):
    """
    It is not used before, and is the next one after.
    """
    scripted.reply(429, make_error(), headers={"retry-after": "30"})
    for _ in range(4):
        scripted.reply(**hello)
    ask = make_ask()

    ask("hi")
    clock.advance(29.9)
    ask("hi")
    ask("hi")
    clock.advance(0.1)
    ask("hi")

    assert sent_keys(scripted) == [1, 2, 3, 2, 1]


def test_when_all_keys_rest_the_call_waits_for_the_first(make_ask, scripted, clock, hello):
    """
    It waits once, the wait is no retry, and the ledger shows it apart from the duration of the attempt.
    """
    for seconds in (7, 3, 5):
        scripted.reply(429, make_error(), headers={"retry-after": str(seconds)})
    scripted.reply(**hello)

    reply = make_ask(retries=0)("hi")

    assert sent_keys(scripted) == [1, 2, 3, 2]
    assert clock.slept == [3.0]
    assert (reply.attempts[-1].queued, reply.attempts[-1].duration) == (3.0, 0.0)


@pytest.mark.parametrize("options", [{"timeout": 3.0}, {"max_retry_after": 2.0}])
def test_a_call_that_may_not_wait_says_when_the_first_key_is_ready(make_ask, scripted, clock, options):
    """
    The error is raised at once, and its ledger has an entry that was not sent.
    """
    for _ in KEYS:
        scripted.reply(429, make_error(), headers={"retry-after": "3"})

    with pytest.raises(RateLimitError) as caught:
        make_ask(**options)("hi")

    error = caught.value
    assert (error.retry_after, error.code, clock.slept) == (3.0, "no_key", [])
    assert [(attempt.key, attempt.status, bool(attempt.skipped)) for attempt in error.attempts] == [
        ("key-1", 429, False),
        ("key-2", 429, False),
        ("key-3", 429, False),
        (None, None, True),
    ]


def test_when_all_keys_are_rejected_the_last_error_of_the_vendor_is_raised(make_ask, scripted):
    """
    Also by later calls, which send nothing, until the keys are reset.
    """
    for number in (1, 2, 3):
        scripted.reply(401, make_error("invalid_api_key", f"Refusal {number}."))
    ask = make_ask()

    for _ in range(2):
        with pytest.raises(AuthenticationError, match=r"Refusal 3\..*reset_keys"):
            ask("hi")

    assert sent_keys(scripted) == [1, 2, 3]


def test_when_all_quotas_are_exhausted_the_error_says_so(make_ask, scripted):
    """
    Waiting does not help, so the call does not wait.
    """
    for _ in KEYS:
        scripted.reply(429, make_error("insufficient_quota"))
    ask = make_ask()

    for _ in range(2):
        with pytest.raises(QuotaExhaustedError, match="reset_keys"):
            ask("hi")

    assert len(scripted.calls) == 3


def test_a_key_that_is_limited_is_awaited_when_the_others_are_rejected(make_ask, scripted, clock, hello):
    """
    One usable key is enough.
    """
    scripted.reply(401, make_error()).reply(429, make_error("insufficient_quota"))
    scripted.reply(429, make_error(), headers={"retry-after": "4"}).reply(**hello)

    assert make_ask()("hi").attempts[-1].key == "key-3"
    assert clock.slept == [4.0]


def test_rate_limits_without_end_are_retried_as_often_as_others(make_ask, scripted, clock):
    """
    A vendor that limits every request, and says to come back at once, gets a bounded number of them.
    """
    for _ in range(100):
        scripted.reply(429, make_error(), headers={"retry-after": "0"})

    with pytest.raises(RateLimitError):
        make_ask(retries=2)("hi")

    assert len(scripted.calls) <= 2 * len(KEYS) + 2
    assert sum(clock.slept) > 0.5


def test_other_errors_stay_with_their_key_and_count_as_retries(make_ask, scripted, hello):
    """
    A server's failure says nothing about the key; the next attempt of the call uses the same one.
    """
    scripted.reply(500, make_error()).fail(ConnectionFailedError("Lost.")).reply(**hello)

    reply = make_ask(retries=2)("hi")

    assert [attempt.key for attempt in reply.attempts] == ["key-1"] * 3


def test_groups_share_their_quota(make_ask, scripted, hello):
    """
    If a key is limited, the others of its group are not tried.
    """
    keys = [
        {"secret": KEYS[0], "group": "team", "label": "first"},
        {"secret": KEYS[1], "group": "team"},
        {"secret": KEYS[2]},
    ]
    scripted.reply(429, make_error(), headers={"retry-after": "30"}).reply(**hello).reply(**hello)
    ask = make_ask(api_key=None, settings={"providers": {"openai": {"keys": keys}}})

    assert [attempt.key for attempt in ask("hi").attempts] == ["first", "key-3"]
    assert [attempt.key for attempt in ask("hi").attempts] == ["key-3"]


def test_headers_say_which_key_has_room(make_ask, scripted, clock, hello):
    """
    A key without requests left is passed over until some are left again.
    """
    spent = {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "60s",
    }
    scripted.reply(**hello, headers=spent)
    for _ in range(4):
        scripted.reply(**hello)
    ask = make_ask(api_key=KEYS[:2])

    ask("hi")
    ask("hi")
    ask("hi")
    clock.advance(6.0)  # a tenth of the limit has been refilled
    ask("hi")

    assert sent_keys(scripted) == [1, 2, 2, 1]


def test_rounds_of_one_call_stay_with_their_key(make_ask, scripted):
    """
    The vendor's prompt cache belongs to the key.
    """
    call = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}

    def now() -> str:
        """
        Return the time.
        """
        return "noon"

    if make_ask.streamed:
        delta = {"tool_calls": [{"index": 0, **call}]}
        chunks = [
            {"id": "1", "model": "m", "choices": [{"index": 0, "delta": delta}]},
            {"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
        ]
        scripted.reply(chunks=sse(*chunks)).reply(chunks=sse(*chat_chunks(["noon"])))
    else:
        scripted.reply(body=chat_reply(None, tool_calls=[call], finish_reason="tool_calls")).reply(body=HELLO)

    make_ask()("When?", tools=[now])

    assert sent_keys(scripted) == [1, 1]


def test_services_use_keys_too(make_client, scripted):
    """
    Embeddings move on to the next key.
    """
    vectors = {"data": [{"index": 0, "embedding": [0.5]}], "model": "e", "usage": {"prompt_tokens": 1}}
    scripted.reply(401, make_error()).reply(body=vectors)

    with make_client("openai/text-embedding-3-small", api_key=KEYS) as client:
        reply = client.embed("hi")

    assert [attempt.key for attempt in reply.attempts] == ["key-1", "key-2"]


def test_the_time_of_an_attempt_begins_after_the_wait_for_its_key(make_client, scripted, clock):
    """
    attempt_timeout does not include the time in which all keys rest.
    """
    for _ in KEYS:
        scripted.reply(429, make_error(), headers={"retry-after": "20"})
    scripted.reply(body=HELLO)

    make_client(api_key=KEYS, attempt_timeout=10.0).ask("hi")

    assert scripted.timings[-1].deadline == clock.now + 10.0


@pytest.mark.parametrize(
    ("backup", "sent"),
    [({}, ["api.openai.com", "backup"]), ({"group": "team"}, ["api.openai.com"])],
    ids=["own quota", "shared quota"],
)
def test_a_backup_has_a_quota_of_its_own_unless_it_names_a_group(make_client, scripted, clock, backup, sent):
    """
    A limited key is used at a backup with its own quota, but not at one with the same.
    """
    section = {
        "keys": [{"secret": KEYS[0], "group": "team"}],
        "backups": [{"base_url": "http://backup", **backup}],
    }
    scripted.reply(429, make_error(), headers={"retry-after": "900"}).reply(body=HELLO)
    client = make_client(api_key=None, settings={"providers": {"openai": section}}, retries=0)

    with contextlib.suppress(RateLimitError):
        client.ask("hi")

    assert [call.url.split("/")[2] for call in scripted.calls] == sent


def test_a_call_with_another_endpoint_does_not_wait_for_a_key(make_ask, scripted, clock, hello):
    """
    It asks the other endpoint at once, and the ledger says why.
    """
    section = {"api_key": KEYS[:2], "backups": [{"base_url": "http://backup"}]}
    for _ in range(2):
        scripted.reply(429, make_error(), headers={"retry-after": "5"})
    scripted.reply(**hello)

    reply = make_ask(api_key=None, settings={"providers": {"openai": section}})("hi")

    assert [(attempt.endpoint, attempt.status) for attempt in reply.attempts] == [
        ("openai", 429),
        ("openai", 429),
        ("openai", None),
        ("openai#2", 200),
    ]
    assert "rate limited" in reply.attempts[2].skipped
    assert clock.slept == []


def test_one_key_with_a_group_is_retried_like_one_without(make_ask, scripted, clock):
    """
    There is no other key to move on to, so that a rate limit counts as a retry.
    """
    section = {"keys": [{"secret": KEYS[0], "group": "team"}]}
    scripted.reply(429, make_error(), headers={"retry-after": "3"})

    with pytest.raises(RateLimitError) as caught:
        make_ask(api_key=None, settings={"providers": {"openai": section}}, retries=0)("hi")

    assert (caught.value.code, len(scripted.calls), clock.slept) == (None, 1, [])


def test_a_key_whose_own_limits_have_no_room_is_passed_over(make_ask, scripted, clock, hello):
    """
    The settings limit the first key to one request at a time of a slow rate; calls wait only if no key has room.
    """
    limits = {"requests_per_minute": 2}
    section = {"keys": [{"secret": KEYS[0], "limits": limits}, {"secret": KEYS[1], "limits": {"requests_per_day": 3}}]}
    for _ in range(5):
        scripted.reply(**hello)
    ask = make_ask(api_key=None, settings={"providers": {"openai": section}})

    replies = [ask("hi") for _ in range(5)]

    assert sent_keys(scripted) == [1, 2, 2, 2, 1]
    assert [reply.attempts[-1].queued > 0 for reply in replies] == [False, False, False, False, True]
    assert 0 < sum(clock.slept) < 60


def test_a_key_that_was_passed_over_keeps_its_room(make_ask, scripted, clock, hello):
    """
    Attempts that were not sent with it do not count against what its headers left.
    """
    keys = [{"secret": KEYS[0], "limits": {"requests_per_minute": 4}}, {"secret": KEYS[1]}]
    left = {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "50s"}
    scripted.reply(**hello, headers=left)
    for _ in range(5):
        scripted.reply(**hello)
    ask = make_ask(api_key=None, settings={"providers": {"openai": {"keys": keys}}})

    for _ in range(5):
        ask("hi")
    clock.advance(20.0)
    ask("hi")

    assert sent_keys(scripted) == [1, 2, 2, 2, 2, 1]


def test_a_key_is_revoked_in_the_middle_of_parallel_calls(make_client, scripted):
    """
    Each call that used it moves on, and the log has one warning, with the label only.
    """
    import structlog

    def answer(call):
        is_revoked = call.headers["authorization"].endswith(KEYS[1])
        body = b'{"error": {"message": "Revoked."}}' if is_revoked else REPLY
        return ScriptedReply(401 if is_revoked else 200, {}, (body,))

    for _ in range(200):
        scripted.answer(answer)
    with structlog.testing.capture_logs() as logs, make_client(api_key=KEYS) as client:
        structlog.configure()
        try:
            replies = client.ask_many(["hi"] * 64, concurrency=32).in_order()
        finally:
            structlog.reset_defaults()

    assert [reply.text for reply in replies] == ["hello"] * 64
    warnings = [entry for entry in logs if entry["log_level"] == "warning"]
    assert warnings == [{"event": "key rejected", "log_level": "warning", "endpoint": "openai", "key": "key-2"}]


REPLY = b'{"id": "1", "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}]}'  # noqa: E501


def test_stored_response_is_continued_with_its_key(make_client, scripted):
    """
    What a vendor has stored belongs to the organisation of the key.
    """
    for number in (1, 2):
        scripted.reply(200, {**HELLO, "id": f"resp_{number}"})
    part = {"type": "output_text", "text": "hello"}
    output = [{"type": "message", "role": "assistant", "content": [part]}]
    scripted.reply(200, {"id": "resp_3", "status": "completed", "output": output})
    client = make_client(api_key=KEYS)
    client.ask("Hi")
    client.ask("Hi")

    client.ask("Go on", extra={"previous_response_id": "resp_1"})

    assert sent_keys(scripted) == [1, 2, 1]
