"""Records of calls in a real PostgreSQL server."""

from __future__ import annotations

import os
import signal
import traceback
from decimal import Decimal

import pytest

from budwood.errors import ConfigurationError
from budwood.types import Attempt, CallFilter, FirstToken, RequestFinished, Usage
from budwood_usage import writer
from budwood_usage.database.schema import LOCK
from budwood_usage.postgresql.address import parse_address
from tests.plugins.usage.test_processes import ask_together, sums_of
from tests.postgresql_server import PASSWORD, QUOTED_PASSWORD, PostgreSQLServer

pytestmark = pytest.mark.real_server
TARGET = {"provider": "acme", "model": "large"}
EVERYTHING = CallFilter()


@pytest.fixture(scope="module")
def server():
    """
    A server for the tests of this module.
    """
    with PostgreSQLServer() as server:
        yield server


@pytest.fixture
def own_server():
    """
    A server that the test may stop.
    """
    with PostgreSQLServer() as server:
        yield server


@pytest.fixture
def url(server):
    """
    The URL of an empty database.
    """
    return server.new_database()


def finished(call="1", **fields):
    """
    Return the event at the end of a call.
    """
    event = {"service": "chat", **TARGET, "seconds": 1.0, "attempts": (), "response": None, "error": None}
    return RequestFinished(call=call, prompt="secret prompt", **event | fields)


def attempt(**fields):
    """
    Return an attempt.
    """
    return Attempt(**{**TARGET, "key": "default", "status": 200, "duration": 1.0} | fields)


def record(observer, *events):
    """
    Record events, and write them.
    """
    for event in events:
        observer.observe(event)
    observer.flush()


def calls_of(observer, **fields):
    """
    Return the ids of calls, the newest first.
    """
    return [each.call for each in observer.calls(CallFilter(**fields))]


def lock_writes(connection):
    """
    Do what a writer does first, in the transaction of a connection.
    """
    connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")


def test_records_equal_those_of_sqlite(open_observer, url, clock):
    """
    The same events give the same records, totals and groups in both stores.
    """
    clock.now = 1_775_000_000 - clock.time() + clock.now
    usage = Usage(input_tokens=10, uncached_input_tokens=4, cache_read_tokens=6, output_tokens=2)
    paid = attempt(cost=Decimal("0.000000000003"), usage=usage)
    cached = attempt(cached=True, cost=Decimal(0), saved=Decimal("0.5"), status=None)
    events = [
        finished("1", label="a", tags={"user": "ada", "app.team-1": 'x"\\'}, attempts=(paid, paid)),
        FirstToken(call="2", **TARGET, seconds=0.25),
        finished("2", label="b", tags={"user": "bob"}, attempts=(cached,)),
        finished("3", error=ValueError(), attempts=(attempt(status=500, cost_unknown="the attempt failed"),)),
        finished("4", label="a\0\ud800", attempts=(attempt(cost=Decimal(9_000_000)),) * 3, seconds=9.0),
    ]
    stores = open_observer(url=url), open_observer()
    for observer in stores:
        record(observer, *events)

    first, second = (list(store.calls(EVERYTHING)) for store in stores)
    assert first == second
    assert len(first) == 4
    names = ("provider", "model", "key", "service")
    for groups in ((), ("label",), ("hour", "error"), ("day",), names, ("tag:user",), ("tag:app.team-1", "day")):
        assert stores[0].totals(groups, EVERYTHING) == stores[1].totals(groups, EVERYTHING)
    filters = ({"error": "*"}, {"label": "a"}, {"slower_than": 9}, {"until": 0}, {"since": 0, "provider": "acme"})
    assert calls_of(stores[0], tags={"user": "ada"}) == calls_of(stores[1], tags={"user": "ada"}) == ["1"]
    for fields in (*filters, {"model": "large"}, {"model": "acme/large"}, {"model": "other/large"}):
        assert calls_of(stores[0], **fields) == calls_of(stores[1], **fields)
    assert [each.call for each in stores[0].calls(EVERYTHING, after=first[-1].id, limit=2)] == ["2", "3"]
    assert len(stores[0].calls(EVERYTHING, limit=10**20)) == 4


def test_reading_an_empty_database_creates_nothing(open_observer, server, url):
    """
    A store that was never written is empty, and stays without tables.
    """
    observer = open_observer(url=url)

    assert (observer.totals(("model",), EVERYTHING), observer.calls(EVERYTHING), observer.dropped()) == ([], [], 0)
    assert server.query(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []


def test_totals_equal_the_sums_of_the_ledger(start, open_observer, url):
    """
    Processes that create the tables together, and write at once, lose no call and no digit.
    """
    expected = ask_together(start, url, processes=4, threads=2, calls=40)

    assert sums_of(open_observer(url=url)) == expected


def test_batch_that_is_written_again_adds_no_row_twice(open_observer, url):
    """
    If the server has committed, but the connection broke before it said so, the batch is sent again.
    """
    observer = open_observer(url=url)
    write, calls = observer._store.write, []

    def write_and_break(*arguments):
        write(*arguments)
        calls.append(arguments)
        if len(calls) == 1:
            raise OSError("the connection broke")

    observer._store.write = write_and_break
    record(observer, finished("1"), finished("2"))
    record(observer, finished("3"))

    assert len(calls) == 2
    assert sorted(calls_of(observer)) == ["1", "2", "3"]


def test_batches_are_committed_one_after_the_other(open_observer, server, url):
    """
    A batch waits while another writer has rows that are not committed, so that those who follow the ids miss none.
    """
    observer = open_observer(url=url)
    record(observer, finished("1"))
    with server.connect(url) as other, pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "WRITE_SECONDS", 0.1)
        with other.transaction():
            lock_writes(other)
            record(observer, finished("2"))
            assert calls_of(observer) == ["1"]
    record(observer, finished("3"))

    assert sorted(calls_of(observer)) == ["1", "2", "3"]


def test_outage_keeps_the_records(open_observer, own_server, logged):
    """
    While the server is away, records wait; there is one warning, and one event when it works again.
    """
    url = own_server.new_database()
    observer = open_observer(url=url)
    record(observer, finished("1"))
    own_server.crash()
    record(observer, finished("2"))
    record(observer, finished("3"))
    with pytest.raises(OSError, match="the server is running"):
        observer.calls(EVERYTHING)
    own_server.start()
    record(observer, finished("4"))

    assert sorted(calls_of(observer)) == ["1", "2", "3", "4"]
    assert [event for event, _ in logged] == ["usage store failed", "usage store works again"]


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system has no SIGSTOP")
def test_end_does_not_wait_for_a_server_that_hangs(open_observer, own_server, monkeypatch):
    """
    `close` returns while the server does not answer, and the records are written when it does.
    """
    monkeypatch.setattr(writer, "FLUSH_SECONDS", 1e-3)
    monkeypatch.setattr(writer, "CLOSE_SECONDS", 0.1)
    observer = open_observer(url=own_server.new_database())
    record(observer, finished("1"))
    [(process,)] = own_server.query(
        own_server.url("test_0"), "SELECT pid FROM pg_stat_activity WHERE application_name = 'budwood'"
    )
    os.kill(process, signal.SIGSTOP)
    try:
        observer.observe(finished("2"))
        thread = observer._writer._thread
        observer.close()
    finally:
        os.kill(process, signal.SIGCONT)
    thread.join()

    assert sorted(calls_of(observer)) == ["1", "2"]


def test_newer_tables_are_left_alone(open_observer, server, url, logged):
    """
    Usage is off with one warning, and reading is an error with the cure.
    """
    record(open_observer(url=url), finished("1"))
    with server.connect(url) as connection:
        connection.execute("UPDATE budwood_usage_version SET version_num = '0999'")
    observer = open_observer(url=url)

    record(observer, finished("2"))
    record(open_observer(url=url), finished("3"))

    [(event, fields)] = logged
    assert event == "usage is not recorded"
    assert "newer version" in fields["reason"]
    with pytest.raises(ConfigurationError, match="newer version of budwood-usage"):
        observer.calls(EVERYTHING)
    assert server.query(url, "SELECT call FROM budwood_calls") == [("1",)]


def test_database_without_unicode_is_refused(open_observer, server, logged):
    """
    It could not store all texts.
    """
    url = server.new_database("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    record(open_observer(url=url), finished("1"))

    assert "encoding LATIN1" in logged[0][1]["reason"]


@pytest.mark.parametrize("change", ["password", "database", "port"])
def test_errors_have_a_cure_and_no_secret(open_observer, server, logged, change):
    """
    Neither the log nor the exception, with its causes, has the password or values of rows.
    """
    url = server.new_database()
    if change == "password":
        url = url.replace(QUOTED_PASSWORD, "wrong-pass-word")
    url = url.replace("test_", "missing_") if change == "database" else url
    url = url.replace(str(server.port), "1") if change == "port" else url
    observer = open_observer(url=url)
    record(observer, finished("1", label="label of a person"))
    with pytest.raises(OSError, match=r"(?i)check|create the database") as caught:
        observer.calls(EVERYTHING)

    text = f"{logged} {''.join(traceback.format_exception(caught.value))} {observer._store.__dict__!r}"
    for secret in (PASSWORD, QUOTED_PASSWORD, "wrong-pass-word", "label of"):
        assert secret not in text


def test_secrets_are_removed_from_messages():
    """
    The driver's own messages lose passwords of the URL, of its options and of the settings.
    """
    url = "postgresql://user:one-secret@host/name?sslpassword=two-secret"
    address = parse_address(url, None, "url"), parse_address("postgresql://user@host/name", "three-secret", "url")
    text = "one-secret two-secret three-secret"

    assert address[0].redact(text) == "*** *** three-secret"
    assert address[1].redact(text) == "one-secret two-secret ***"
    assert "secret" not in repr(address)


def test_password_may_be_apart_from_the_url(open_observer, server):
    """
    The setting `password` is used if the URL has none.
    """
    url = server.new_database().replace(f":{QUOTED_PASSWORD}", "")
    observer = open_observer(url=url, password=PASSWORD)
    record(observer, finished("1"))

    assert calls_of(observer) == ["1"]


def test_dropped_and_old_calls(open_observer, url, clock, monkeypatch):
    """
    The number of dropped calls is stored, and old records are removed.
    """
    monkeypatch.setattr(writer, "MAX_WAITING", 2)
    observer = open_observer(url=url, retention_days=1)
    for number in range(5):
        observer.observe(finished(str(number)))
    observer.flush()
    clock.advance(2 * 86_400)
    record(observer, finished("new"))

    assert observer.dropped() == 3
    assert calls_of(observer) == ["new"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_fork_records_each_call_once(run, open_observer, url):
    """
    The child connects for itself, and drops what its parent has collected.
    """
    assert run("fork", url) == ["0"]

    labels = sorted(each.label for each in open_observer(url=url).calls(EVERYTHING))
    assert labels == ["before", "child", "parent", "written"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_fork_inside_a_transaction(run, open_observer, url):
    """
    The child neither ends the transaction of its parent, nor waits for its locks.
    """
    assert run("fork_while_writing", url) == ["0"]

    assert sorted(each.label for each in open_observer(url=url).calls(EVERYTHING)) == ["child", "parent"]


@pytest.mark.parametrize("way", ["return", "forked"])
def test_end_of_the_program_writes_the_last_records(start, open_observer, url, way):
    """
    A client that is not closed loses nothing.
    """
    start("end", url, way).communicate()

    assert [each.output_tokens for each in open_observer(url=url).calls(EVERYTHING)] == [1]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://host/name", "must begin with postgresql://"),
        ("usage.sqlite3", "must begin with postgresql://"),
        ("postgresql://host", "names no database"),
        ("postgresql://user:pass-word@host:port/name", "not a valid URL"),
    ],
)
def test_invalid_urls_are_errors(open_observer, url, message):
    """
    The error names the setting, and does not quote the URL.
    """
    with pytest.raises((ConfigurationError, ValueError), match=message) as caught:
        open_observer(url=url)

    assert "url" in str(caught.value)
    assert "pass-word" not in "".join(traceback.format_exception(caught.value))


def test_path_and_url_exclude_each_other(open_observer):
    """
    There is one store.
    """
    with pytest.raises(ValueError, match="remove one of them"):
        open_observer(url="postgresql://host/name", path="usage.sqlite3")


def test_missing_requirements_are_named(open_observer, monkeypatch):
    """
    The error says what to install.
    """
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "alembic" else name)

    with pytest.raises(ConfigurationError, match="needs alembic") as caught:
        open_observer(url="postgresql://host/name")
    assert "pip install alembic 'psycopg[binary]' sqlalchemy" in caught.value.hint
