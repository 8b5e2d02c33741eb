"""``/v1/events`` as a WebSocket, on loopback."""

from __future__ import annotations

import asyncio
import json
import resource

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from budwood_server.events import hub as hubs
from budwood_server.events.reading import format_id
from budwood_server.people.accounts import create_account
from budwood_server.people.logins import issue_ticket, start_login
from budwood_server.people.principals import COMMAND
from tests.plugins.server.events import streaming as in_process
from tests.plugins.server.events.sockets import receive, serve, take_numbers


def run(url, scenario, **settings):
    """
    Run a coroutine function with a server of a new database.
    """

    async def main():
        async with serve(url, **settings) as served:
            await scenario(served)

    asyncio.run(main())


async def find_close(client):
    """
    Return the code and the reason with which the server closes a connection.
    """
    await client.wait_closed()
    return client.close_code, client.close_reason


def test_events_arrive_as_messages(sqlite_url):
    """
    New ones and those after an id, each a CloudEvent, after a notice that tells where the stream begins.
    """

    async def scenario(served):
        async with served.connect(served.admin) as client:
            assert await receive(client) == {"notice": "ready", "id": format_id(0)}
            await client.send("clients may send what they like")
            await served.write(1, 2)
            event = await receive(client)
            assert (event["id"], event["type"], event["data"]) == (format_id(1), "run.finished", {"number": 1})
            assert await take_numbers(client, 1) == [2]
        async with served.connect(served.admin, f"after={format_id(1)}") as client:
            await receive(client)
            assert await take_numbers(client, 1) == [2]

    run(sqlite_url, scenario)


def test_programs_get_errors_of_http(sqlite_url, caplog):
    """
    Before the connection is accepted, without a line in the log: the server has not failed.
    """

    async def read_error(served, **options):
        with pytest.raises(InvalidStatus) as caught:
            async with served.connect(**options):
                pass
        return caught.value.response.status_code, json.loads(caught.value.response.body)["error"]["code"]

    async def scenario(served):
        assert await read_error(served) == (401, "invalid_api_key")
        assert await read_error(served, token=served.admin, query="after=x") == (400, "invalid_value")
        assert await read_error(served, token=served.red, query="types=token.added") == (403, "missing_scope")
        assert await read_error(served, token=served.admin, path="/v1/models") == (404, "unknown_route")

    run(sqlite_url, scenario)
    assert [record.message for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_pages_learn_why_they_may_not_connect(sqlite_url):
    """
    By the code of the close: those of other origins, and those whose ticket was used.
    """

    async def scenario(served):
        async with served.worker.database.write() as connection:
            account = await create_account(connection, COMMAND, "ada", "viewer", "")
            ticket = await issue_ticket(connection, await start_login(connection, account.id, "page"))
        query = f"ticket={ticket}"
        for origin in ("https://evil.example", "null"):
            async with served.connect(query=query, origin=origin) as client:
                assert (await find_close(client))[0] == 4403
        async with served.connect(query=query, origin="https://app.example.com") as client:
            await receive(client)
            await served.write(1)
            assert await take_numbers(client, 1) == [1]
            async with served.connect(query=query, origin=served.url) as second:
                assert await find_close(second) == (4401, "The login is not valid, or has ended.")

    run(sqlite_url, scenario, allowed_origins=["https://app.example.com"])


def test_a_revoked_key_closes_the_connection(sqlite_url):
    """
    With a code and the reason.
    """

    async def scenario(served):
        async with served.connect(served.admin) as client:
            await receive(client)
            key = await served.worker.find_key(served.admin)
            await served.worker.services.keys.store.revoke(key.id)
            assert await find_close(client) == (4401, "The API key was revoked.")

    run(sqlite_url, scenario)


def test_large_messages_of_clients_are_refused(sqlite_url):
    """
    The server needs none, so it takes no memory for them.
    """

    async def scenario(served):
        async with served.connect(served.admin) as client:
            await receive(client)
            await client.send("x" * 5000)
            assert (await find_close(client))[0] == 1009

    run(sqlite_url, scenario)


def test_a_client_that_reads_nothing_is_disconnected(sqlite_url, monkeypatch):
    """
    When its time is over.
    """
    monkeypatch.setattr(hubs, "SEND_SECONDS", 0.01)

    async def scenario(gateway):
        client = StalledClient()
        scope = {
            "type": "websocket",
            "path": "/v1/events",
            "query_string": b"",
            "headers": client.list_headers(gateway),
        }
        await gateway.app(scope, client.receive, client.send)
        assert client.sent == ["websocket.accept"]
        assert client.gone.is_set()

    in_process.run(sqlite_url, scenario)


class StalledClient:
    """
    Connects, and reads nothing more, until its connection is aborted.
    """

    def __init__(self):
        self.transport = self
        self.gone = asyncio.Event()
        self.messages = [{"type": "websocket.connect"}]
        self.sent = []

    def list_headers(self, gateway):
        return [(b"authorization", f"Bearer {gateway.admin}".encode())]

    def abort(self):
        self.gone.set()

    async def receive(self):
        if self.messages:
            return self.messages.pop()
        await self.gone.wait()
        return {"type": "websocket.disconnect"}

    async def send(self, message):
        if self.sent:
            await asyncio.Event().wait()
        self.sent.append(message["type"])


@pytest.mark.parametrize("number", [200, pytest.param(1000, marks=pytest.mark.deep)])
def test_many_streams_survive_a_restart(sqlite_url, number):
    """
    All get the same events, also those that are written while the server restarts, once.
    """
    raise_open_files(4 * number)

    async def follow(served, ready):
        numbers, after = [], ""
        while len(numbers) < 30:
            try:
                async with served.connect(served.admin, after, open_timeout=None) as client:
                    after = f"after={(await receive(client))['id']}"
                    ready.release()
                    while len(numbers) < 30:
                        event = await receive(client)
                        numbers.append(event["data"]["number"])
                        after = f"after={event['id']}"
            except (OSError, ConnectionClosed, InvalidStatus):
                await served.restarted.wait()
        return numbers

    async def scenario(served):
        ready, served.restarted = asyncio.Semaphore(0), asyncio.Event()
        clients = [asyncio.create_task(follow(served, ready)) for _ in range(number)]
        for _ in clients:
            await ready.acquire()
        await served.write(*range(10))
        await served.stop()
        await served.start()
        await served.write(*range(10, 20))
        served.restarted.set()
        await served.write(*range(20, 30))
        for numbers in await asyncio.gather(*clients):
            assert numbers == list(range(30))

    run(sqlite_url, scenario)


def raise_open_files(number):
    """
    Raise the limit of open files of this process, if it is lower.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(number, hard), hard))
