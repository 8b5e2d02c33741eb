"""Secrets that work once, used by several clients at the same time."""

from __future__ import annotations

import asyncio
import json

from sqlalchemy import func, select

from budwood_server.database.tables import AUDIT, LOGINS
from tests.plugins.server.in_process import send_request
from tests.plugins.server.people.test_logins import PAGE, me, refresh

TIMES = 6


def send_at_once(gateway, path, body, **headers):
    """
    Send the same request several times at once, and return the replies.
    """
    content = json.dumps(body).encode()
    headers |= {"authorization": "", "content_type": "application/json"}

    async def run():
        sent = [send_request(gateway.worker, "POST", path, content, headers) for _ in range(TIMES)]
        return await asyncio.gather(*sent)

    return gateway.run(run())


def test_of_several_refreshes_at_once_at_most_one_succeeds(gateway):
    """
    The others mean that the token was copied, so the login ends, also for the first.
    """
    tokens = gateway.log_in().json
    answers = send_at_once(gateway, "/api/auth/refresh", {"refresh_token": tokens["refresh_token"]})
    renewed = [answer.json for answer in answers if answer.status == 200]

    assert sorted(answer.status for answer in answers) == [200] + [401] * (TIMES - 1)
    assert me(gateway, tokens["access_token"]) == 401
    assert me(gateway, renewed[0]["access_token"]) == 401
    assert refresh(gateway, renewed[0]["refresh_token"]).status == 401
    reuses = gateway.execute(select(func.count()).select_from(AUDIT).where(AUDIT.c.action == "login.reuse"))
    assert reuses[0][0] >= 1


def test_a_ticket_starts_one_login_however_often_it_is_sent(gateway):
    """
    Also if it is sent by several clients at once.
    """
    token = gateway.log_in().json["access_token"]
    ticket = gateway.call("POST", "/api/auth/tickets", token=token).json["ticket"]
    before = len(gateway.execute(select(LOGINS.c.id)))

    answers = send_at_once(gateway, "/api/auth/login", {"ticket": ticket, "kind": "page"}, **PAGE)

    assert sorted(answer.status for answer in answers) == [200] + [401] * (TIMES - 1)
    assert len(gateway.execute(select(LOGINS.c.id))) == before + 1


def test_attempts_at_once_are_all_counted(gateway):
    """
    No more passwords are compared than one after the other.
    """
    answers = [
        answer.status
        for _ in range(2)
        for answer in send_at_once(gateway, "/api/auth/login", {"name": "ann", "password": "wrong"})
    ]

    assert sorted(answers) == [401] * 10 + [429] * 2


def test_an_idempotency_key_creates_once_for_several_clients(gateway):
    """
    All get the same reply.
    """
    token = gateway.log_in().json["access_token"]
    content = json.dumps({"name": "new"}).encode()
    headers = {
        "authorization": f"Bearer {token}",
        "content_type": "application/json",
        "idempotency_key": "k",
    }

    async def run():
        sent = [send_request(gateway.worker, "POST", "/api/keys", content, headers) for _ in range(TIMES)]
        return await asyncio.gather(*sent)

    answers = gateway.run(run())

    assert [answer.status for answer in answers] == [201] * TIMES
    assert len({answer.json["key"] for answer in answers}) == 1


def test_a_name_is_given_to_one_account(gateway):
    """
    Of several requests at the same time that create it, one does, and the others are told that it exists.
    """
    token = gateway.log_in("ann").json["access_token"]
    body = json.dumps({"name": "dan", "role": "viewer", "password": "correct horse battery"}).encode()
    headers = {"authorization": f"Bearer {token}", "content_type": "application/json"}

    async def run():
        sent = [send_request(gateway.worker, "POST", "/api/accounts", body, headers) for _ in range(TIMES)]
        return await asyncio.gather(*sent)

    answers = gateway.run(run())

    assert sorted(answer.status for answer in answers) == [201] + [409] * (TIMES - 1)
