"""``/v1/events`` as server-sent events."""

from __future__ import annotations

import asyncio
import json
from functools import partial

import pytest
from sqlalchemy import delete, select, update

from budwood_server.database.tables import EVENT_INTERESTS, EVENTS, VERSIONS
from budwood_server.events import hub as hubs
from budwood_server.events.reading import Event, format_id
from budwood_server.people.accounts import change_account, create_account, remove_account
from budwood_server.people.logins import end_login, issue_ticket, issue_tokens, start_login
from budwood_server.people.principals import COMMAND
from tests.plugins.server.events.streaming import open_gateway, run, write


def test_new_events_arrive(database_url):
    """
    A stream tells where it begins, and has the events after that in their order, as CloudEvents with their ids.
    """

    async def scenario(gateway):
        await gateway.write(0)
        async with gateway.follow(gateway.admin, "after=0") as first:
            assert (await first.next()).notice == "ready"
            assert await first.take_numbers(1) == [0]
            async with gateway.follow(gateway.admin) as second:
                ready = await second.next()
                await gateway.write(1, 2)
                received = await second.take(2)
            assert await first.take_numbers(2) == [1, 2]
        assert (ready.id, ready.notice, ready.data["id"]) == (format_id(1), "ready", format_id(1))
        assert [each.id for each in received] == [format_id(2), format_id(3)]
        assert [each.data["id"] for each in received] == [format_id(2), format_id(3)]
        assert received[0].notice is None
        assert received[0].data["type"] == "run.finished"
        assert received[0].data["data"] == {"number": 1}
        assert second.headers["content-type"].startswith("text/event-stream")

    run(database_url, scenario)


def test_streams_resume_after_many_events(database_url):
    """
    10,000 events and those that are written meanwhile arrive once, wherever the stream begins.

    The header of browsers takes precedence.
    """

    async def scenario(gateway):
        for start in range(0, 10_000, 1000):
            await gateway.write(*range(start, start + 1000))
        token = gateway.admin
        async with gateway.follow(token, "after=0") as first:
            await first.next()
            await gateway.write(*range(10_000, 10_100))
            assert await first.take_numbers(10_100) == list(range(10_100))
        async with gateway.follow(token, "after=0", last_event_id=format_id(9000)) as second:
            await second.next()
            assert await second.take_numbers(1100) == list(range(9000, 10_100))

    run(database_url, scenario)


def test_a_reader_that_stops_falls_behind_alone(sqlite_url):
    """
    Others get all events meanwhile. It is told that it fell behind memory, and gets the rest from the table.
    """

    async def scenario(gateway):
        gateway.hub.ring.__init__("budwood", 20)
        token = gateway.admin
        async with gateway.follow(token) as slow, gateway.follow(token) as quick:
            await slow.next()
            await quick.next()
            await gateway.write(0)
            assert await quick.take_numbers(1) == await slow.take_numbers(1) == [0]
            slow.may_receive.clear()
            for start in range(1, 301, 15):
                await gateway.write(*range(start, start + 15))
                assert await quick.take_numbers(15) == list(range(start, start + 15))
            assert len(slow.body) < 2000
            slow.may_receive.set()
            received = await slow.take(301)
        notices = [each for each in received if each.notice]
        assert [each.notice for each in notices] == ["lagged"]
        assert notices[0].data["after"] == notices[0].id
        assert notices[0].data["until"] == format_id(301 - 20)
        assert [each.data["data"]["number"] for each in received if not each.notice] == list(range(1, 301))

    run(sqlite_url, scenario)


def test_a_client_that_reads_nothing_is_disconnected(sqlite_url, monkeypatch):
    """
    After a time.
    """
    monkeypatch.setattr(hubs, "SEND_SECONDS", 0.01)

    async def scenario(gateway):
        async with gateway.follow(gateway.admin) as client:
            await client.next()
            client.may_receive.clear()
            await gateway.write(1)
            await client.wait_for_end()
            assert client.is_aborted

    run(sqlite_url, scenario)


def test_removed_events_are_told(database_url):
    """
    A stream that begins before them, and one that finds them missing in the middle.
    """

    async def scenario(gateway):
        token = gateway.admin
        async with gateway.follow(token) as waiting:
            await waiting.next()
            await gateway.write(*range(2000))
            await waiting.take_numbers(2000)
        removed = (EVENTS.c.place <= 1200) | EVENTS.c.place.between(1301, 1400)
        async with gateway.worker.database.write() as connection:
            await connection.execute(delete(EVENTS).where(removed))
        async with gateway.follow(token, "after=0") as client:
            await client.next()
            received = []
            while len([each for each in received if not each.notice]) < 700:
                received.append(await client.next())
        counts = [each.data["count"] for each in received if each.notice == "removed"]
        assert sum(counts) == 1300
        assert received[0].data == {"notice": "removed", "after": format_id(0), "until": format_id(1200), "count": 1200}

    run(database_url, scenario)


def test_a_stream_has_what_it_asks_for(sqlite_url):
    """
    Types, subjects and values of data are filters, from memory and from the table.
    """

    async def scenario(gateway):
        token = gateway.admin
        query = "types=run.*,key.created&subject=s_1,s_2,s_3&model=a&model=b&key=k"
        async with gateway.follow(token, query) as now:
            await now.next()
            for number, (kind, model) in enumerate(
                [("run.finished", "a"), ("run.finished", "a"), ("key.created", "b"), ("run.finished", "c")]
            ):
                await gateway.write(number, kind=kind, model=model, key="k")
            await gateway.write(1, model="a", key="other")
            await gateway.write(1, kind="key.revoked", model="a", key="k")
            await gateway.write(3, model="a", key="k")
            expected = [1, 2, 3]
            assert await now.take_numbers(3) == expected
        async with gateway.follow(token, f"{query}&after=0") as later:
            await later.next()
            assert await later.take_numbers(3) == expected

    run(sqlite_url, scenario)


def test_others_are_not_seen(sqlite_url):
    """
    A key without admin sees the events of its own owner, of types that are within its scopes.
    """

    async def scenario(gateway):
        token = gateway.red
        async with gateway.follow(token) as client, gateway.follow(token, "after=0") as past:
            await client.next()
            await past.next()
            for number, (kind, owner) in enumerate(
                [
                    ("job.finished", "team-blue"),
                    ("job.finished", None),
                    ("key.created", "team-red"),
                    ("job.finished", "team-red"),
                ]
            ):
                await gateway.write(number, kind=kind, owner=owner)
            assert await client.take_numbers(1) == await past.take_numbers(1) == [3]
        refused = await read_error(gateway, token, "types=job.*,token.added")
        assert refused == (403, "missing_scope")

    run(sqlite_url, scenario)


async def read_error(gateway, token, query="", **headers):
    """
    Return the status and the code of an error.
    """
    async with gateway.follow(token, query, **headers) as client:
        await client.wait_for_end()
    return client.status, json.loads(client.body)["error"]["code"]


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        ("types=nothing.*", {}, (400, "unknown_event_type")),
        ("after=x", {}, (400, "invalid_value")),
        ("after=99", {}, (400, "unknown_event")),
        ("", {"last_event_id": "x"}, (400, "invalid_value")),
        ("limit=3", {}, (400, "invalid_value")),
        ("texts=perhaps", {}, (400, "invalid_value")),
        ("texts=true", {}, (403, "missing_scope")),
        ("ticket=wrong", {"authorization": ""}, (401, "invalid_login")),
        ("ticket=wrong", {}, (400, "invalid_value")),
        ("", {"authorization": ""}, (401, "invalid_api_key")),
        ("", {"authorization": "Bearer bw_access_x"}, (401, "invalid_login")),
        ("", {"accept": "application/json"}, (406, "invalid_value")),
    ],
)
def test_invalid_requests_are_refused(sqlite_url, query, headers, expected):
    """
    With a status, before a stream begins.
    """

    async def scenario(gateway):
        return await read_error(gateway, gateway.red, query, **headers)

    assert run(sqlite_url, scenario) == expected


async def log_in(gateway):
    """
    Return the id of a login of a new account, an access token and a ticket.
    """
    async with gateway.worker.database.write() as connection:
        account = await create_account(connection, COMMAND, "ada", "viewer", "")
        login = await start_login(connection, account.id, "program")
        tokens = await issue_tokens(connection, login)
        return login, tokens.access, await issue_ticket(connection, login)


def test_a_ticket_opens_one_stream(database_url):
    """
    The second use is refused. The stream lasts as long as the login.
    """

    async def scenario(gateway):
        login, access, ticket = await log_in(gateway)
        async with gateway.follow("", f"ticket={ticket}") as client, gateway.follow(access) as other:
            await client.next()
            await other.next()
            assert await read_error(gateway, "", f"ticket={ticket}") == (401, "invalid_login")
            await gateway.write(1)
            assert await client.take_numbers(1) == await other.take_numbers(1) == [1]
            async with gateway.worker.database.write() as connection:
                await end_login(connection, login)
            for each in (client, other):
                end = await each.next()
                assert (end.notice, end.data["code"]) == ("end", 4401)
                assert await each.next() is None

    run(database_url, scenario)


@pytest.mark.parametrize("act", [partial(change_account, is_disabled=True), remove_account])
def test_a_stream_ends_with_its_account(database_url, act):
    """
    At once: it does not wait for the next heartbeat.
    """

    async def scenario(gateway):
        _, access, _ = await log_in(gateway)
        async with gateway.follow(access, "types=run.*") as client:
            await client.next()
            async with gateway.worker.database.write() as connection:
                await act(connection, COMMAND, "ada")
            end = await client.next()
            assert (end.notice, end.data["code"]) == ("end", 4401)

    run(database_url, scenario)


def test_a_stream_ends_when_its_key_is_revoked(database_url):
    """
    At once, with the reason. Other streams continue.
    """

    async def scenario(gateway):
        token, other = gateway.admin, gateway.other_admin
        key = await gateway.worker.find_key(token)
        async with gateway.follow(token, "types=run.*") as client, gateway.follow(other, "types=run.*") as continued:
            await client.next()
            await continued.next()
            await gateway.worker.services.keys.store.revoke(key.id)
            end = await client.next()
            assert (end.notice, end.data["code"], end.data["reason"]) == ("end", 4401, "The API key was revoked.")
            assert await client.next() is None
            await gateway.write(5)
            assert await continued.take_numbers(1) == [5]

    run(database_url, scenario)


def test_streams_end_with_the_server(sqlite_url):
    """
    Those that wait and those that do not read; new ones are refused.
    """

    async def scenario(gateway):
        token = gateway.admin
        async with gateway.follow(token) as client:
            await client.next()
            gateway.worker.drain()
            assert (await client.next()).data["code"] == 1012
            assert await client.next() is None
        assert await read_error(gateway, token) == (503, "server_stopping")

    run(sqlite_url, scenario)


def test_streams_have_heartbeats(sqlite_url):
    """
    With the place up to which a stream has come, also if it got none of the events.
    """

    async def scenario(gateway):
        async with gateway.follow(gateway.admin, "types=key.*") as client:
            await client.next()
            await gateway.write(1, 2)
            while (beat := await client.next()).id != format_id(2):
                assert beat.notice == "heartbeat"

    run(sqlite_url, scenario, heartbeat=0.01)


def test_streams_are_limited(sqlite_url):
    """
    A stream more than the maximum is refused, until another one has ended.
    """

    async def scenario(gateway):
        token = gateway.admin
        async with gateway.follow(token) as client:
            await client.next()
            assert await read_error(gateway, token) == (429, "too_many_streams")
        async with gateway.follow(token) as client:
            assert (await client.next()).notice == "ready"

    run(sqlite_url, scenario, max_streams=1)


def test_events_of_calls_are_written_while_a_stream_wants_them(database_url):
    """
    In all workers. The wish ends some time after the stream.
    """

    async def scenario(gateway):
        async with open_gateway(database_url) as other:
            services = gateway.worker.services.events
            token = gateway.admin
            async with gateway.follow(token, "types=job.*") as client:
                await client.next()
                assert not services.calls.is_wanted
            async with gateway.follow(token, "types=inference.*") as client:
                await client.next()
                assert services.calls.is_wanted
                await other.worker.services.watch.check()
                assert other.worker.services.events.calls.is_wanted
                await services._interests.renew()
                assert await count_interests(gateway) == 1
            await services._interests.renew()
            assert await count_interests(gateway) == 0

    run(database_url, scenario)


async def count_interests(gateway):
    """
    Return the number of processes that want events of calls.
    """
    async with gateway.worker.database.read() as connection:
        return len((await connection.execute(select(EVENT_INTERESTS.c.worker))).all())


def test_all_workers_have_all_events(database_url):
    """
    Streams of two workers get the events that either has written.
    """

    async def scenario(gateway):
        async with open_gateway(database_url) as other:
            token = gateway.admin
            async with gateway.follow(token) as first, other.follow(token) as second:
                await first.next()
                await second.next()
                for number in range(0, 20, 2):
                    await gateway.write(number)
                    await write(other.worker.database, number + 1)
                numbers = await first.take_numbers(20)
                assert sorted(numbers) == list(range(20))
                assert await second.take_numbers(20) == numbers

    run(database_url, scenario)


def test_events_for_others_do_not_delay_heartbeats(sqlite_url):
    """
    While events of other types come without a pause, a stream gets heartbeats.
    """

    async def scenario(gateway):
        now = asyncio.get_running_loop().time
        end = now() + 100 * gateway.hub.heartbeat
        async with gateway.follow(gateway.admin, "types=run.*") as client:
            await client.next()
            (stream,) = gateway.hub._streams
            beat = asyncio.create_task(client.next())
            ring = gateway.hub.ring
            while not beat.done() and now() < end:
                ring.add([Event(ring.last + 1, "key.created", 0.0, "k", None, {})], ring.last + 1)
                stream.wake()
                await asyncio.sleep(0)
            assert beat.done()
            assert (await beat).notice == "heartbeat"

    run(sqlite_url, scenario, heartbeat=0.01)


def test_a_restored_database_continues(sqlite_url):
    """
    After a backup was restored, its last place is the one after which streams get the next events.
    """

    async def scenario(gateway):
        async with gateway.follow(gateway.admin) as client:
            await client.next()
            await gateway.write(1, 2, 3)
            await client.take_numbers(3)
            async with gateway.worker.database.write() as connection:
                await connection.execute(delete(EVENTS).where(EVENTS.c.place > 1))
                await connection.execute(update(VERSIONS).where(VERSIONS.c.subject == "events").values(version=1))
            await gateway.hub._read_new()
            await gateway.write(4)
            assert await client.take_numbers(1) == [4]

    run(sqlite_url, scenario)
