from __future__ import annotations

import math
import threading
from decimal import Decimal

import pytest

import budwood
from budwood.errors import ConfigurationError, ServerError, StreamInterruptedError
from budwood.types import Attempt, CallFilter, FirstToken, RecordedFailure, RequestFinished, Usage
from budwood_testing import chat_chunks, chat_reply, sse
from budwood_usage.collector import MAX_STREAMS

TARGET = {"provider": "acme", "model": "large"}
EVERYTHING = CallFilter()


def finished(call="1", **fields):
    """
    Return the event at the end of a call.
    """
    event = {"service": "chat", **TARGET, "seconds": 1.0, "attempts": (), "response": None, "error": None}
    return RequestFinished(call=call, prompt="secret prompt", **event | fields)


def attempt(**fields):
    """
    Return an attempt, by default one without a cost.
    """
    return Attempt(**{**TARGET, "key": None, "status": 200, "duration": 1.0} | fields)


def record(observer, *events):
    """
    Record events, and return the records, the newest first.
    """
    for event in events:
        observer.observe(event)
    observer.flush()
    return observer.calls(EVERYTHING)


def test_record_of_a_call(observer, ask, scripted, clock):
    """
    It has the target, the label, the key's label, tokens, the cost of the ledger, and durations.
    """
    usage = {"prompt_tokens": 1000, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 600}}
    scripted.reply(200, chat_reply("Hello", usage=usage))
    reply = ask(observer).ask("Hi", label="nightly")

    [found] = record(observer)

    assert (found.service, found.provider, found.model, found.endpoint) == ("chat", "openai", "gpt-4.1", "openai")
    assert (found.label, found.key, found.status, found.error) == ("nightly", "default", 200, None)
    assert (found.input_tokens, found.uncached_input_tokens, found.cache_read_tokens) == (1000, 400, 600)
    assert (found.output_tokens, found.attempts, found.cached) == (7, 1, False)
    assert (found.cost, found.cost_unknown, found.saved) == (reply.cost, None, None)
    assert reply.cost > 0
    assert found.time == clock.time()


def test_tokens_and_cost_are_sums_over_the_ledger(observer, ask, scripted):
    """
    A call with a repair, which sends two requests, has the tokens and the cost of both.
    """
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    scripted.reply(200, chat_reply("no number", usage=usage)).reply(200, chat_reply('{"value":7}', usage=usage))
    reply = ask(observer).ask("Seven?", schema=int)

    [found] = record(observer)

    assert (found.input_tokens, found.output_tokens, found.attempts) == (20, 10, 2)
    assert found.cost == sum(entry.cost for entry in reply.attempts)


def test_failed_call_has_its_error(observer, ask, scripted):
    """
    The class of the error and the status are recorded; the tokens are unknown.
    """
    scripted.reply(500, {"error": {"message": "the reason"}})
    with pytest.raises(ServerError):
        ask(observer).ask("Hi")

    [found] = record(observer)

    assert (found.error, found.status, found.attempts) == ("ServerError", 500, 1)
    assert (found.input_tokens, found.output_tokens) == (None, None)


def test_rejected_attempts_cost_nothing(observer, ask, scripted):
    """
    The cost is that of the reply. A stream that broke is charged, so that its cost is not known.
    """
    started = {"headers": {"content-type": "text/event-stream"}}
    scripted.reply(503, {}).reply(200, chat_reply("Hello", usage={"prompt_tokens": 3, "completion_tokens": 2}))
    broken = [*chat_chunks(["Once"], finish_reason=None), {"error": {"message": "No.", "code": "server_error"}}]
    scripted.reply(200, chunks=sse(*broken, done=False), **started)
    client = ask(observer, retries=1)
    reply = client.ask("Hi")
    with pytest.raises(StreamInterruptedError), client.stream("Hi") as stream:
        list(stream)

    interrupted, complete = record(observer)

    assert (complete.cost, complete.cost_unknown) == (reply.cost, None)
    assert interrupted.cost_unknown is not None


def test_retries_count_as_attempts(observer, ask, scripted):
    """
    The number of requests is recorded, and the tokens of the one that succeeded.
    """
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    scripted.reply(503, {}).reply(200, chat_reply("Hello", usage=usage))
    ask(observer, retries=1).ask("Hi")

    [found] = record(observer)

    assert (found.attempts, found.input_tokens, found.status, found.error) == (2, 3, 200, None)


def test_failures_before_a_reply_are_recorded(observer, ask, scripted):
    """
    The last error of each endpoint and key that failed, although another key replied.
    """
    scripted.reply(503, {}).reply(401, {}).reply(200, chat_reply("Hello"))
    keys = [{"secret": "sk-1", "label": "first"}, {"secret": "sk-2", "label": "second"}]
    ask(observer, retries=2, api_key=None, settings={"providers": {"openai": {"keys": keys}}}).ask("Hi")

    [found] = record(observer)

    assert (found.error, found.key) == (None, "second")
    assert found.failures == (RecordedFailure(endpoint="openai", key="first", error="AuthenticationError"),)
    assert observer.calls(CallFilter(has_failures=True)) == [found]


def test_failures_of_a_failed_call_have_its_error(observer):
    """
    It is that of the last attempt. Attempts that lost against others, and endpoints that were skipped, have not failed.
    """
    attempts = (
        attempt(endpoint="acme", key="a", error="ServerError"),
        attempt(endpoint="acme", key="b", error="RequestTimeoutError", hedge=True),
        attempt(endpoint="acme", key="c", error="RateLimitError", skipped="rate limit"),
        attempt(endpoint="acme", key="d"),
    )

    [found] = record(observer, finished(attempts=attempts, error=ValueError()))

    assert [(failure.key, failure.error) for failure in found.failures] == [("a", "ServerError"), ("d", "ValueError")]


def test_hit_costs_nothing_and_has_what_it_saved(observer, ask, scripted):
    """
    A reply from the cache spends no tokens and no money; `saved` is the cost of the request.
    """
    scripted.reply(200, chat_reply("Hello", usage={"prompt_tokens": 1000, "completion_tokens": 10}))
    client = ask(observer, cache="memory")
    first, second = client.ask("Hi"), client.ask("Hi")

    hit, miss = record(observer)
    [totals] = observer.totals((), EVERYTHING)

    assert (hit.cached, hit.attempts, hit.input_tokens, hit.cost, hit.saved) == (True, 0, 0, 0, first.cost)
    assert (miss.cached, miss.cost, miss.saved) == (False, first.cost, None)
    assert (totals.calls, totals.cached, totals.input_tokens) == (2, 1, 1000)
    assert (totals.cost, totals.saved) == (first.cost, second.saved)


def test_calls_that_share_a_request_are_charged_once(observer, ask, scripted):
    """
    Equal calls at the same time send one request: one of them has its cost, the others have what they saved.
    """
    scripted.reply(200, chat_reply("Hello", usage={"prompt_tokens": 1000, "completion_tokens": 10}))
    replies = ask(observer, cache="memory").ask_many(["Hi"] * 4, temperature=0, concurrency=4).in_order()

    record(observer)
    [totals] = observer.totals((), EVERYTHING)

    assert (totals.calls, totals.attempts, totals.cached, totals.input_tokens) == (4, 1, 3, 1000)
    assert totals.cost == sum(reply.cost for reply in replies) > 0
    assert totals.saved == totals.cost * 3


def test_refresh_of_a_stale_reply_is_a_call_of_its_own(observer, ask, scripted, clock):
    """
    The caller gets the stale reply for nothing, and the request in the background is charged.
    """
    ends = Ends()
    for text in ("old", "new"):
        scripted.reply(200, chat_reply(text, usage={"prompt_tokens": 1000, "completion_tokens": 10}))
    options = {"cache_ttl": 10, "cache_stale": 1000, "observers": [observer, ends]}
    client = ask(observer, cache="memory", **options)
    cost = client.ask("Hi").cost
    clock.advance(20)
    assert client.ask("Hi").text == "old"
    for _ in range(3):
        ends.ended.acquire()

    record(observer)
    [totals] = observer.totals((), EVERYTHING)

    assert (totals.calls, totals.cached, totals.attempts) == (3, 1, 2)
    assert (totals.cost, totals.saved) == (cost * 2, cost)


class Ends:
    """
    Counts calls that have ended.
    """

    event_types = (RequestFinished,)

    def __init__(self):
        self.ended = threading.Semaphore(0)

    def observe(self, event):
        self.ended.release()


def test_stream_has_the_time_to_its_first_token(observer, ask, scripted, clock):
    """
    The time to the first content is recorded for streams alone.
    """
    scripted.reply(200, chunks=sse(*chat_chunks(["Hel", "lo"])), headers={"content-type": "text/event-stream"})
    scripted.reply(200, chat_reply("Hello"))
    client = ask(observer)
    with client.stream("Hi") as stream:
        for _ in stream:
            clock.advance(1.5)
    client.ask("Hi")

    plain, streamed = record(observer)

    assert (streamed.first_token, plain.first_token) == (0.0, None)
    assert streamed.seconds >= 1.5


def test_stream_that_is_left_early_is_recorded(observer, ask, scripted):
    """
    The row has the class of the exception that ended it.
    """
    scripted.reply(200, chunks=sse(*chat_chunks(["Hel", "lo"])), headers={"content-type": "text/event-stream"})
    with ask(observer).stream("Hi") as stream:
        next(iter(stream))

    [found] = record(observer)

    assert found.error == "Abandoned"
    assert found.cost_unknown is not None


def test_times_of_streams_that_never_end_are_bounded(observer):
    """
    The time of the oldest stream is dropped when there are too many.
    """
    for number in range(MAX_STREAMS + 1):
        observer.observe(FirstToken(call=str(number), **TARGET, seconds=float(number)))

    oldest, newest = (record(observer, finished(str(number)))[0] for number in (0, MAX_STREAMS))

    assert (oldest.first_token, newest.first_token) == (None, float(MAX_STREAMS))


@pytest.mark.parametrize("text", ["\0", "\ud800 lone", "a\0b\udfff", "x" * 100_000, "'; DROP TABLE calls; --", "ü😀"])
def test_any_text_can_be_recorded(observer, text):
    """
    Null characters, lone surrogates, long texts and SQL are stored as texts, at most 200 characters long.
    """
    entry = attempt(key=text, endpoint=text, cost_unknown=text)
    event = finished(
        text,
        provider=text,
        model=text,
        label=text,
        attempts=(entry,),
        error=type(text[:9], (OSError,), {})() if "\0" not in text and text.isascii() else OSError(),
    )

    [found] = record(observer, event)

    assert found.label == found.provider == found.model == found.key == found.endpoint == found.cost_unknown
    assert len(found.label) <= 200
    assert "\0" not in found.label
    assert found.label.encode()


@pytest.mark.parametrize("cost", ["NaN", "Infinity", "-Infinity", "1e9999"])
def test_record_without_valid_numbers_does_not_block_others(observer, cost):
    """
    A cost that is no number is dropped, and counted; the records around it are stored.
    """
    entry = attempt(cost=Decimal(cost))
    found = record(observer, finished("before"), finished("bad", attempts=(entry,)), finished("after"))

    assert [each.call for each in found] in (["after", "before"], ["after", "bad", "before"])
    assert observer.dropped() == 3 - len(found)


def test_numbers_beyond_64_bits_are_unknown(observer):
    """
    An absurd cost or count of tokens, which a server may report, is recorded as unknown.
    """
    entry = attempt(cost=Decimal(10**12), usage=Usage(input_tokens=10**30, output_tokens=-1))
    [found] = record(observer, finished(attempts=(entry,)))

    assert (found.input_tokens, found.output_tokens) == (None, None)
    assert (found.cost, found.cost_unknown) == (0, "too large")


def test_sums_are_exact(observer):
    """
    Costs are added as integers, also beyond 64 bits: 0.1 + 0.2 is 0.3, and no digit of a large sum is lost.
    """
    costs = [Decimal("0.1"), Decimal("0.2"), Decimal("0.000000000001"), *[Decimal("9000000.000000000007")] * 3]
    events = [finished(str(n), attempts=(attempt(cost=cost),)) for n, cost in enumerate(costs)]
    record(observer, *events)

    [totals] = observer.totals((), EVERYTHING)

    assert totals.cost == sum(costs) == Decimal("27000000.300000000022")


def test_totals_by_groups(observer, clock):
    """
    Calls are grouped by any of the names, in order; errors and unknown costs are counted.
    """
    clock.now = 1_775_000_000 - clock.time() + clock.now
    paid = attempt(cost=Decimal("0.5"), usage=Usage(input_tokens=3, output_tokens=1))
    record(observer, finished("1", label="a", attempts=(paid,)), finished("2", label="b", error=ValueError()))
    clock.advance(86_400)
    record(observer, finished("3", label="a", attempts=(attempt(cost_unknown="no price known"),)))

    by_label = {each.group: each for each in observer.totals(("label",), EVERYTHING)}
    days = [each.group for each in observer.totals(("day", "error"), EVERYTHING)]

    assert [(each.calls, each.errors, each.unknown_costs) for each in by_label.values()] == [(2, 0, 1), (1, 1, 0)]
    assert (by_label["a",].cost, by_label["a",].input_tokens) == (Decimal("0.5"), 3)
    assert days == [("2026-03-31", None), ("2026-03-31", "ValueError"), ("2026-04-01", None)]
    assert [each.group for each in observer.totals(("hour",), EVERYTHING)] == [("2026-03-31T23",), ("2026-04-01T23",)]


def test_unknown_group_is_an_error(observer):
    """
    The error lists the names.
    """
    record(observer, finished())

    with pytest.raises(ValueError, match=r"'prompt', only by model, provider, label"):
        observer.totals(("prompt",), EVERYTHING)


def test_filters_select_calls(observer, clock):
    """
    Each field of the filter selects the calls that have it.
    """
    start = clock.time()
    record(observer, finished("1", label="a", seconds=0.1, error=ValueError()))
    clock.advance(10)
    record(observer, finished("2", provider="other", model="small", seconds=5.0))

    def calls(**fields):
        return [each.call for each in observer.calls(CallFilter(**fields))]

    assert calls(since=start + 5) == calls(provider="other") == calls(model="small") == calls(slower_than=5) == ["2"]
    assert calls(until=start + 5) == calls(label="a") == calls(error="ValueError") == calls(error="*") == ["1"]
    assert calls(error="KeyError") == []
    assert calls(model="other/small") == ["2"]
    assert calls(model="acme/small") == []


@pytest.mark.parametrize("text", ["\udcff", "nul\0", "x" * 300])
def test_filters_accept_any_text(observer, text):
    """
    They select the calls that were recorded with the same text, however it is stored.
    """
    record(observer, finished("1", label=text, provider=text), finished("2"))

    for where in (CallFilter(label=text), CallFilter(provider=text)):
        assert [each.call for each in observer.calls(where)] == ["1"]
        assert [each.calls for each in observer.totals((), where)] == [1]
    assert observer.calls(CallFilter(model=text, error=text, key=text)) == []


def test_any_limit_is_valid(observer):
    """
    One beyond the integers of the store selects all calls.
    """
    record(observer, finished("1"))

    assert [each.call for each in observer.calls(EVERYTHING, limit=10**20)] == ["1"]


def test_new_calls_can_be_followed(observer):
    """
    With `after`, only later records are returned, the oldest first, up to the limit.
    """
    first = record(observer, finished("1"))[0]
    record(observer, finished("2"), finished("3"), finished("4"))

    assert [each.call for each in observer.calls(EVERYTHING, after=first.id, limit=2)] == ["2", "3"]
    assert [each.call for each in observer.calls(EVERYTHING, limit=2)] == ["4", "3"]


def test_store_of_the_settings_is_in_the_data_folder(tmp_path, scripted):
    """
    By name, the observer records to the user's data folder, which others cannot read, and closes with the client.
    """
    scripted.reply(200, chat_reply("Hello"))
    with budwood.Client("openai/gpt-4.1", api_key="sk-test", transport=scripted, observers=["usage"]) as client:
        client.ask("Hi")

    [file] = tmp_path.rglob("usage.sqlite3")

    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_no_content_and_no_key_is_stored(observer, ask, scripted, path):
    """
    Neither prompts and replies nor messages of errors, tools and keys are in any file of the store.
    """
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"word":"tool-argument"}'}}
    scripted.reply(200, chat_reply(tool_calls=[call], finish_reason="tool_calls")).reply(
        200, chat_reply("secret reply")
    )
    scripted.reply(400, {"error": {"message": "server message about secret prompt"}})
    client = ask(observer)
    client.ask("secret prompt", system="secret system", tools=[look])
    with pytest.raises(budwood.BudwoodError):
        client.ask("secret prompt")
    observer.flush()

    data = b"".join(file.read_bytes() for file in path.parent.iterdir())

    assert len(observer.calls(EVERYTHING)) == 2
    for text in (b"secret", b"tool-", b"server message", b"sk-test"):
        assert text not in data


def look(word: str) -> str:
    """
    Look up a word.
    """
    return f"tool-result of {word}"


@pytest.mark.parametrize("days", [0, -1, math.inf, math.nan])
def test_retention_must_be_positive(open_observer, days):
    """
    Other numbers of days are rejected.
    """
    with pytest.raises(ValueError, match="retention_days"):
        open_observer(retention_days=days)


def test_old_records_are_removed(open_observer, clock):
    """
    Records older than `retention_days` are removed with a later write, at most hourly.
    """
    observer = open_observer(retention_days=1)
    record(observer, finished("old"))
    clock.advance(86_400 - 1)
    record(observer, finished("day"))
    clock.advance(1800)
    record(observer, finished("soon"))
    clock.advance(3600)

    assert [each.call for each in record(observer, finished("new"))] == ["new", "soon", "day"]


def test_settings_error_names_the_key():
    """
    A wrong setting is an error that names the file and the key.
    """
    settings = {"observer": {"usage": {"retention": 3}}}
    with pytest.raises(ConfigurationError, match="retention"):
        budwood.Client("openai/gpt-4.1", api_key="sk-test", settings=settings, observers=["usage"])
