"""Requests that create, sent again with the same ``idempotency-key``."""

from __future__ import annotations

import asyncio
import hashlib
import json

import pytest
from pydantic import BaseModel
from sqlalchemy import func, select, update
from starlette.requests import Request

from budwood_server.api.idempotency import create_once
from budwood_server.database.tables import AUDIT
from budwood_server.database.tables import IDEMPOTENT_REPLIES as REPLIES
from budwood_server.idempotency.replies import KEPT_SECONDS
from budwood_server.people.audit import record
from budwood_server.people.principals import Principal
from budwood_server.web.problems import ProblemError
from tests.plugins.server.databases import open_database

ANN = Principal("1", "ann", "account", frozenset(), "account-1")
BEN = Principal("2", "ben", "account", frozenset(), "account-2")


class Thing(BaseModel):
    """
    What is created.
    """

    number: int
    secret: str


class Creator:
    """
    Creates things in a database, and counts them in the audit log.
    """

    def __init__(self, database):
        self.database = database

    async def post(self, key, body=b"{}", principal=ANN, path="/api/things"):
        """
        Send a request that creates.
        """

        async def receive():
            return {"type": "http.request", "body": body}

        app = type("App", (), {"state": type("State", (), {"worker": self})})
        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": [], "app": app}
        request = Request(scope | {"server": ("localhost", 80), "scheme": "http"}, receive)
        reply = await create_once(request, principal, key, lambda connection: self._create(connection, principal))
        return reply.status_code, json.loads(reply.body), reply.headers.get("idempotent-replayed")

    async def _create(self, connection, principal):
        await record(connection, principal, "thing.create", "x")
        return Thing(number=await count(connection), secret="not to be stored")


async def count(connection):
    """
    Return how many things were created.
    """
    return (await connection.execute(select(func.count()).select_from(AUDIT))).scalar_one()


def run(url, scenario):
    """
    Run a coroutine function with a creator in a database.
    """

    async def main():
        async with open_database(url) as database:
            return await scenario(Creator(database))

    return asyncio.run(main())


def test_the_same_request_gets_the_first_reply_again(database_url):
    """
    It creates nothing, and a header says so. Another key, another principal, or none creates.
    """

    async def scenario(creator):
        replies = [await creator.post("a"), await creator.post("a")]
        others = [await creator.post("b"), await creator.post("a", principal=BEN), await creator.post(None)]
        return replies, others

    (first, second), others = run(database_url, scenario)

    assert first == (201, {"number": 1, "secret": "not to be stored"}, None)
    assert second == (201, {"number": 1, "secret": "not to be stored"}, "true")
    assert [body["number"] for _, body, _ in others] == [2, 3, 4]


@pytest.mark.parametrize("other", [{"body": b'{"x": 1}'}, {"path": "/api/others"}])
def test_a_key_is_for_one_request(sqlite_url, other):
    """
    Another body or another route is a 409, and creates nothing.
    """

    async def scenario(creator):
        await creator.post("a")
        with pytest.raises(ProblemError) as error:
            await creator.post("a", **other)
        async with creator.database.read() as connection:
            return error.value.problem, await count(connection)

    problem, created = run(sqlite_url, scenario)

    assert (problem.status, problem.code, created) == (409, "idempotency_conflict", 1)


def test_requests_at_the_same_time_create_once(database_url):
    """
    The others wait for the first, and get its reply.
    """

    async def scenario(creator):
        return await asyncio.gather(*(creator.post("a") for _ in range(4)))

    replies = run(database_url, scenario)

    assert {body["number"] for _, body, _ in replies} == {1}
    assert sorted(str(replayed) for _, _, replayed in replies) == ["None", "true", "true", "true"]


def test_a_reply_is_kept_for_a_day(sqlite_url):
    """
    Afterwards the key is free.
    """

    async def scenario(creator):
        await creator.post("a")
        async with creator.database.write() as connection:
            await connection.execute(update(REPLIES).values(expires=REPLIES.c.expires - KEPT_SECONDS))
        return await creator.post("a")

    assert run(sqlite_url, scenario)[1]["number"] == 2


def test_a_stored_reply_cannot_be_read_without_its_key(sqlite_url):
    """
    The database has neither the reply nor the key in clear.
    """

    async def scenario(creator):
        await creator.post("random-key")
        async with creator.database.read() as connection:
            return (await connection.execute(select(REPLIES))).one()

    row = run(sqlite_url, scenario)

    assert "random-key" not in str(row)
    assert b"not to be stored" not in row.reply


def test_a_stored_request_cannot_be_guessed_without_its_key(sqlite_url):
    """
    Bodies may contain passwords: no hash of one can be computed by those who read the table.
    """
    body = b'{"password": "correct horse"}'

    async def scenario():
        async with open_database(sqlite_url) as database:
            await Creator(database).post("k-1", body)
            async with database.read() as connection:
                return (await connection.execute(select(REPLIES.c.request_hash))).scalar_one()

    stored = asyncio.run(scenario())
    guesses = [body, b"POST /api/things?\n" + body]
    assert stored not in [hashlib.sha256(guess).digest() for guess in guesses]
