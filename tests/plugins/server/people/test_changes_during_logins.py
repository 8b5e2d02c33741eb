"""Logins that are made while their account is changed, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from budwood_server.api import auth
from budwood_server.database.tables import LOGINS
from budwood_server.people import logins
from budwood_server.people.accounts import change_account, remove_account
from budwood_server.people.passwords import hash_password
from budwood_server.people.principals import COMMAND
from tests.plugins.server.people.conftest import PASSWORD
from tests.plugins.server.people.test_logins import PAGE, me, refresh

CHANGES = {
    "password": lambda connection: change_account(connection, COMMAND, "ann", password_hash=hash_password("x" * 12)),
    "disabled": lambda connection: change_account(connection, COMMAND, "ann", is_disabled=True),
    "removed": lambda connection: remove_account(connection, COMMAND, "ann"),
}


@pytest.fixture(params=[*CHANGES])
def change(gateway, request):
    """
    Return a function that changes the account of ann, in a transaction of its own.
    """

    async def run():
        async with gateway.worker.database.write() as connection:
            await CHANGES[request.param](connection)

    return run


def change_after(monkeypatch, module, name, change):
    """
    Let the account be changed after a function has returned.
    """
    original = getattr(module, name)

    async def replaced(*arguments):
        result = await original(*arguments)
        monkeypatch.setattr(module, name, original)
        await change()
        return result

    monkeypatch.setattr(module, name, replaced)


@pytest.mark.parametrize(("kind", "headers"), [("program", {}), ("page", PAGE)])
def test_no_login_begins_after_a_change(gateway, change, monkeypatch, kind, headers):
    """
    The password was right when it was compared, and the account is changed before the login is made.
    """
    change_after(monkeypatch, auth, "verify_password", change)
    body = {"name": "ann", "password": PASSWORD, "kind": kind}
    answer = gateway.call("POST", "/api/auth/login", body, **headers)

    assert (answer.status, answer.json["error"]["code"]) == (401, "wrong_password")
    assert gateway.execute(select(LOGINS.c.id)) == []


def test_a_change_that_waits_for_a_login_ends_it(gateway, change, monkeypatch):
    """
    A change that comes while the login is written is made after it.
    """
    waiting = []

    async def start_change():
        waiting.append(asyncio.create_task(change()))

    change_after(monkeypatch, auth, "hold_account", start_change)
    tokens = gateway.log_in().json
    gateway.run(asyncio.wait_for(waiting[0], None))

    assert me(gateway, tokens["access_token"]) == 401
    assert refresh(gateway, tokens["refresh_token"]).status == 401


@pytest.mark.parametrize("kind", ["refresh", "ticket"])
def test_a_login_that_has_ended_proves_nothing(gateway, change, monkeypatch, kind):
    """
    A token or a ticket was valid when it was read, and the account is changed before it is used.
    """
    tokens = gateway.log_in().json
    ticket = gateway.call("POST", "/api/auth/tickets", token=tokens["access_token"]).json["ticket"]
    if gateway.worker.database.is_postgresql:  # SQLite admits no other transaction from its start
        change_after(monkeypatch, logins, "find_login", change)
    else:
        gateway.run(change())
    if kind == "refresh":
        answer = refresh(gateway, tokens["refresh_token"])
    else:
        answer = gateway.call("POST", "/api/auth/login", {"ticket": ticket})

    assert answer.status == 401
    assert gateway.execute(select(LOGINS.c.id)) == []


def test_a_password_is_changed_only_from_the_present_one(gateway, change, monkeypatch):
    """
    Who knows the password before the last change cannot set another one, also while it is changed.
    """
    token = gateway.log_in().json["access_token"]
    change_after(monkeypatch, auth, "verify_password", change)
    body = {"current": PASSWORD, "new": "yet another password"}

    assert gateway.call("POST", "/api/auth/password", body, token=token).status == 401
    assert gateway.log_in(password=body["new"]).status == 401
