"""Keys and accounts that pay for runs: budgets, limits, and what happens without them."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import update

from budwood.types import CallFilter
from budwood_server.database.tables import ACCOUNTS, API_KEYS
from budwood_server.people import passwords
from budwood_server.runs import store
from budwood_server.runs.run_worker import RunWorker
from tests.chat_server import ChatServer
from tests.plugins.server.people.conftest import AccountsGateway
from tests.plugins.server.runs.running import RunGateway, conversation


class PeopleGateway(RunGateway, AccountsGateway):
    """
    A gateway with runs and accounts.
    """


@pytest.fixture
def gateway(tmp_path, monkeypatch):
    """
    A gateway whose model ``paid`` is one of a vendor, each reply of which has the same tokens.
    """
    monkeypatch.setattr(passwords, "_N", 16)
    with (
        ChatServer() as vendor,
        PeopleGateway(
            tmp_path, server={"models": {"fast": "offline/extractive", "paid": "local/tiny"}}, **vendor.settings
        ) as gateway,
    ):
        yield gateway


def paid(rows):
    """
    Return a specification of rows that are made one after the other.
    """
    made = conversation(rows, concurrency=1)
    return made | {"conversation": made["conversation"] | {"answerer": "paid", "answerer_options": {"max_tokens": 50}}}


def change(gateway, table, row_id, **values):
    """
    Change a row of the database.
    """

    async def write():
        async with gateway.worker.database.write() as connection:
            await connection.execute(update(table).where(table.c.id == row_id).values(**values))

    gateway.run(write())


def test_a_budget_that_is_used_up_ends_a_run_which_can_be_resumed(gateway):
    """
    The error says so, the finished rows stay, and the others are made when the budget is larger.
    """
    token = gateway.create_key(budget={"tokens": 440, "per": "month"})
    run = gateway.submit(paid(3), token)
    gateway.execute()

    found = gateway.find(run, token)
    assert (found["state"], found["error"]["code"]) == ("failed", "budget_exceeded")
    assert "budget" in found["error"]["message"]
    assert 0 < found["progress"]["rows_done"] < 3, found["error"]

    key = gateway.run(gateway.worker.find_key(token))
    change(gateway, API_KEYS, key.id, budget={"tokens": 10_000, "per": "month"}, version=key.version + 1000)
    assert gateway.request("POST", f"/{run['id']}/resume", key=token)[0] == 200
    gateway.execute()

    found = gateway.find(run, token)
    assert (found["state"], found["error"], found["progress"]["rows_done"]) == ("complete", None, 3)
    assert found["progress"]["calls"] == 3


def test_a_run_waits_when_its_key_has_used_its_requests_of_a_minute(gateway):
    """
    It says why it waits, and can be cancelled meanwhile.
    """
    token = gateway.create_key(requests_per_minute=1)
    run = gateway.submit(conversation(30, concurrency=1), token)

    async def cancel_while_it_waits():
        stopping = asyncio.Event()
        working = asyncio.create_task(RunWorker(gateway.worker, stopping=stopping).run())
        waits = await look(gateway, run, lambda found: found.progress.waiting is not None)
        async with gateway.worker.database.write() as connection:
            await store.cancel_run(connection, waits)
        ended = await look(gateway, run, lambda found: found.state != "running")
        stopping.set()
        await working
        return waits, ended

    waits, ended = gateway.run(cancel_while_it_waits())

    assert waits.state == "running"
    assert "1 requests per minute" in waits.progress.waiting
    assert ended.state == "cancelled"
    assert 0 < ended.progress.rows_done < 30


async def look(gateway, run, is_reached):
    """
    Return a run once it is in a state.
    """
    while True:
        async with gateway.worker.database.read() as connection:
            found = await store.find_run(connection, run["id"], None)
        if is_reached(found):
            return found
        await asyncio.sleep(0.05)


def test_an_account_pays_for_its_runs(gateway):
    """
    Its calls are recorded under the account, of which the keys of a team see nothing.
    """
    token = gateway.log_in("oli").json["access_token"]
    run = gateway.submit(conversation(1), token, name="of-oli")
    gateway.execute()

    assert gateway.find(run, token)["state"] == "complete"
    assert gateway.request("GET", f"/{run['id']}")[0] == 404
    gateway.run(gateway.worker.services.usage.flush())
    (call,) = gateway.run(gateway.worker.services.usage.calls(CallFilter(label="of-oli")))
    account = gateway.call("GET", "/api/auth/me", token=token).json["id"]
    assert (call.tags["key"], call.tags["run"]) == (f"account-{account}", run["id"])


@pytest.mark.parametrize("values", [{"disabled": 1.0}, {"role": "viewer"}])
def test_a_run_of_an_account_that_may_not_call_models_any_more_fails(gateway, values):
    """
    An administrator sees why.
    """
    token = gateway.log_in("oli").json["access_token"]
    account = gateway.call("GET", "/api/auth/me", token=token).json["id"]
    run = gateway.submit(conversation(1), token)
    change(gateway, ACCOUNTS, account, **values)
    gateway.execute()

    found = gateway.find(run, "admin")
    assert found["state"] == "failed"
    assert found["error"]["message"] == "The account that submitted the run may not call models any more."
