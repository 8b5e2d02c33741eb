"""Records of calls in the database of the server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from types import SimpleNamespace

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import SQLAlchemyError

from budwood.contracts import SelectiveObserver
from budwood.types import CallFilter, FirstToken, RequestFinished
from budwood_server import usage as module
from budwood_server.usage import UsageRecorder
from budwood_testing import FakeClock
from budwood_usage.database import upgrade
from tests.plugins.server.databases import open_database

TARGET = {"provider": "acme", "model": "large"}
EVERYTHING = CallFilter()


@pytest.fixture
def logged(monkeypatch):
    """
    The log events of the recorder.
    """
    events = []
    monkeypatch.setattr(module, "logs", SimpleNamespace(emit=lambda name, **fields: events.append((name, fields))))
    return events


@pytest.fixture
def run(database_url):
    """
    Return a function that runs a coroutine function with a recorder and its database.
    """

    def run_one(scenario, **settings):
        async def main():
            async with open_database(database_url) as database:
                async with database.write() as connection:
                    await connection.run_sync(upgrade)
                clock = settings.pop("clock", None) or FakeClock()
                return await scenario(UsageRecorder(database.engine, clock, **settings), database)

        return asyncio.run(main())

    return run_one


def finished(call="1", **fields):
    """
    Return the event at the end of a call.
    """
    ended = {"service": "chat", **TARGET, "seconds": 1.0, "attempts": (), "response": None, "error": None}
    return RequestFinished(call=call, prompt="secret prompt", **ended | fields)


async def list_calls(recorder, **fields):
    """
    Return the ids of the calls that are written, the oldest first.
    """
    return [each.call for each in reversed(await recorder.calls(CallFilter(**fields), limit=10_000))]


async def fail_writes(database):
    """
    Make the database refuse records.
    """
    async with database.write() as connection:
        await connection.execute(text("ALTER TABLE budwood_calls RENAME TO away"))


async def allow_writes(database):
    """
    Undo `fail_writes`.
    """
    async with database.write() as connection:
        await connection.execute(text("ALTER TABLE away RENAME TO budwood_calls"))


def test_calls_are_written_and_read(run):
    """
    Totals and records are those of the usage store, with tags and the time to the first token.
    """

    async def scenario(recorder, _):
        assert isinstance(recorder, SelectiveObserver)
        recorder.observe(FirstToken(call="1", **TARGET, seconds=0.25))
        recorder.observe(finished("1", tags={"user": "ada"}, label="a"))
        recorder.observe(finished("2", error=ValueError("secret")))
        assert await recorder.flush()

        first, second = reversed(await recorder.calls(EVERYTHING))
        totals = await recorder.totals(("tag:user",), EVERYTHING)
        assert (first.first_token, first.tags, first.label) == (0.25, {"user": "ada"}, "a")
        assert (second.tags, second.error) == ({}, "ValueError")
        assert [(each.group, each.calls) for each in totals] == [((None,), 1), (("ada",), 1)]
        assert await list_calls(recorder, tags={"user": "ada"}) == ["1"]
        assert [each.call for each in await recorder.calls(EVERYTHING, after=first.id)] == ["2"]
        with pytest.raises(ValueError, match="cannot be grouped"):
            await recorder.totals(("color",), EVERYTHING)

    run(scenario)


def test_task_writes_what_arrives(run):
    """
    A call is in the database soon after it has ended, without a flush.
    """

    async def scenario(recorder, database):
        is_committed = asyncio.Event()
        recorder.start()
        recorder.observe(finished())
        event.listen(database.engine.sync_engine, "commit", lambda _: is_committed.set())
        await is_committed.wait()
        assert await list_calls(recorder) == ["1"]
        await recorder.stop()

    run(scenario)


def test_stop_writes_the_last_records(run):
    """
    None waits for the interval, and the recorder can be started again.
    """

    async def scenario(recorder, _):
        for name in ("1", "2"):
            recorder.start()
            recorder.observe(finished(name))
            await recorder.stop()
        await recorder.stop()
        assert await list_calls(recorder) == ["1", "2"]

    run(scenario)


def test_records_wait_while_the_database_fails(run, logged):
    """
    There is one warning without values of rows, and one event when it works again; nothing is lost or written twice.
    """

    async def scenario(recorder, database):
        recorder.observe(finished("1", label="secret label"))
        await fail_writes(database)
        assert not await recorder.flush()
        recorder.observe(finished("2"))
        assert not await recorder.flush()
        await allow_writes(database)
        recorder.observe(finished("3"))
        assert await recorder.flush()
        assert await list_calls(recorder) == ["1", "2", "3"]

    run(scenario)

    assert [name for name, _ in logged] == ["usage store failed", "usage store works again"]
    assert "secret" not in repr(logged)


def test_task_survives_failures(run, logged, monkeypatch):
    """
    It tries again, with longer pauses, until the database works.
    """
    monkeypatch.setattr(module, "WRITE_SECONDS", 1e-3)

    async def scenario(recorder, database):
        attempts, pauses = asyncio.Semaphore(0), []
        sleep = recorder._sleep

        async def count_pause(seconds):
            pauses.append(seconds)
            attempts.release()
            await sleep(1e-3)

        recorder._sleep = count_pause
        await fail_writes(database)
        recorder.observe(finished())
        recorder.start()
        for _ in range(4):
            await attempts.acquire()
        await allow_writes(database)
        await recorder.stop()
        assert await list_calls(recorder) == ["1"]
        assert pauses[:4] == [1e-3, 2e-3, 4e-3, 8e-3]

    run(scenario)


def test_waiting_records_are_bounded(run, monkeypatch):
    """
    Further ones are dropped, and their number is stored with the next records.
    """
    monkeypatch.setattr(module, "MAX_WAITING", 3)

    async def scenario(recorder, database):
        for number in range(5):
            recorder.observe(finished(str(number)))
        assert await recorder.dropped() == 2
        recorder.observe(finished("bad", tags={"user": object()}))
        await recorder.flush()
        recorder.observe(finished("bad", tags={"user": object()}))
        await recorder.flush()
        assert await UsageRecorder(database.engine, FakeClock()).dropped() == 4
        assert await list_calls(recorder) == ["0", "1", "2"]

    run(scenario)


def test_many_records_are_several_transactions(run, monkeypatch):
    """
    None is lost, and their order stays.
    """
    monkeypatch.setattr(module, "BATCH", 64)

    async def scenario(recorder, database):
        commits = []
        event.listen(database.engine.sync_engine, "commit", commits.append)
        for number in range(200):
            recorder.observe(finished(str(number)))
        await recorder.flush()
        assert len(commits) == 4  # 64, 64, 64 and 8
        assert await list_calls(recorder) == [str(number) for number in range(200)]

    run(scenario)


def test_flushes_at_the_same_time_write_once(run):
    """
    The end of the server meets the task.
    """

    async def scenario(recorder, _):
        for number in range(120):
            recorder.observe(finished(str(number)))
        assert await asyncio.gather(*(recorder.flush() for _ in range(4))) == [True] * 4
        assert len(await list_calls(recorder)) == 120

    run(scenario)


def test_old_records_are_removed(run):
    """
    Once an hour, also if no call is recorded.
    """
    clock = FakeClock()

    async def scenario(recorder, _):
        recorder.observe(finished("old"))
        await recorder.flush()
        await recorder._prune()
        clock.advance(2 * 86_400)
        recorder.observe(finished("new"))
        recorder.start()
        await recorder.stop()
        await recorder._prune()
        assert await list_calls(recorder) == ["new"]

    run(scenario, clock=clock, retention_days=1)


def test_database_that_cannot_be_read_is_an_error(run):
    """
    Reading does not pretend that there are no calls.
    """

    async def scenario(recorder, database):
        await fail_writes(database)
        with pytest.raises(SQLAlchemyError, match="budwood_calls"):
            await recorder.calls(EVERYTHING)

    run(scenario)


def test_importing_it_does_not_import_alembic():
    """
    A worker never changes tables.
    """
    program = "import sys, budwood_server.usage; print('alembic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
