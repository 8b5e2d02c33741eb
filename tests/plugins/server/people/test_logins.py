"""Logins of programs and pages, tickets, and attempts to get in otherwise."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from budwood_server.database.tables import ACCOUNTS, AUDIT, LOGIN_SECRETS, LOGINS
from budwood_server.people.attempts import MAX_FOR_BOTH
from tests.plugins.server.people.conftest import PASSWORD

PAGE = {"host": "localhost", "origin": "http://localhost"}


def me(gateway, token="", **headers):
    """
    Return the status of a request.
    """
    return gateway.call("GET", "/api/auth/me", token=token, **headers).status


def refresh(gateway, token):
    """
    Get the next tokens.
    """
    return gateway.call("POST", "/api/auth/refresh", {"refresh_token": token})


def test_an_access_token_is_for_the_role_of_its_account(gateway):
    """
    It is valid until the login ends, and its scopes are those of the role.
    """
    token = gateway.log_in("vera").json["access_token"]
    answer = gateway.call("GET", "/api/auth/me", token=token)
    denied = gateway.call("GET", "/api/accounts", token=token)
    ended = gateway.call("POST", "/api/auth/logout", token=token)

    assert (answer.json["name"], answer.json["kind"]) == ("vera", "account")
    assert "admin" not in answer.json["scopes"]
    assert (denied.status, denied.json["error"]["code"]) == (403, "missing_scope")
    assert (ended.status, me(gateway, token)) == (204, 401)


@pytest.mark.parametrize(("name", "password"), [("ann", "hunter2-not-it"), ("nobody", PASSWORD), ("a\0", PASSWORD)])
def test_a_wrong_name_and_a_wrong_password_look_the_same(gateway, name, password):
    """
    The error does not tell which accounts exist, and contains neither.
    """
    answer = gateway.log_in(name, password)

    assert (answer.status, answer.json["error"]["code"]) == (401, "wrong_password")
    assert password.encode() not in answer.body


def test_attempts_are_bounded(gateway):
    """
    After ten wrong passwords not even the right one is accepted. Logins that succeed do not count.
    """
    for _ in range(MAX_FOR_BOTH + 1):
        assert gateway.log_in("vera").status == 200
    answers = [gateway.log_in("ann", "wrong").status for _ in range(MAX_FOR_BOTH)]
    refused = gateway.log_in("ann")

    assert answers == [401] * MAX_FOR_BOTH
    assert (refused.status, refused.json["error"]["code"]) == (429, "too_many_attempts")
    assert int(refused.headers["retry-after"]) > 0
    assert gateway.log_in("vera").status == 200


def test_a_refresh_token_is_used_once(gateway):
    """
    A second use ends the login, also for who has the newer tokens, and is in the audit log.
    """
    first = gateway.log_in().json
    second = refresh(gateway, first["refresh_token"]).json
    assert me(gateway, second["access_token"]) == 200

    reused = refresh(gateway, first["refresh_token"])

    assert reused.status == 401
    assert me(gateway, second["access_token"]) == 401
    assert refresh(gateway, second["refresh_token"]).status == 401
    assert "login.reuse" in [row.action for row in gateway.execute(select(AUDIT.c.action))]


def test_an_access_token_expires(gateway):
    """
    The refresh token still gets the next one.
    """
    tokens = gateway.log_in().json
    gateway.execute(update(LOGIN_SECRETS).where(LOGIN_SECRETS.c.kind == "access").values(expires=1.0))

    assert me(gateway, tokens["access_token"]) == 401
    assert me(gateway, refresh(gateway, tokens["refresh_token"]).json["access_token"]) == 200


def test_one_kind_of_secret_does_not_stand_for_another(gateway):
    """
    A refresh token gives no access, and an access token is no cookie.
    """
    tokens = gateway.log_in().json

    assert me(gateway, tokens["refresh_token"]) == 401
    assert me(gateway, cookie=f"budwood_session={tokens['access_token']}") == 401
    assert refresh(gateway, tokens["access_token"]).status == 401


def test_a_page_changes_things_only_with_its_origin_and_its_token(gateway):
    """
    Another site can make a browser send the cookie, but neither of the others.
    """
    cookie, csrf = gateway.open_page()
    body = {"name": "new", "role": "viewer", "password": PASSWORD}

    def create(**headers):
        return gateway.call("POST", "/api/accounts", body, cookie=cookie, host="localhost", **headers)

    assert me(gateway, cookie=cookie) == 200
    assert create().json["error"]["code"] == "wrong_origin"
    assert "in the header origin" in create().json["error"]["hint"]
    assert create(origin="http://evil.example", x_csrf_token=csrf).json["error"]["code"] == "wrong_origin"
    assert create(origin="null", x_csrf_token=csrf).json["error"]["code"] == "wrong_origin"
    assert create(origin="http://localhost").json["error"]["code"] == "invalid_csrf_token"
    assert create(origin="http://localhost", x_csrf_token=csrf[:-1]).status == 403
    assert create(origin="http://localhost", x_csrf_token=csrf).status == 201


def test_another_site_cannot_log_a_page_in(gateway):
    """
    A login by a page comes from a page of this server.
    """
    body = {"name": "ann", "password": PASSWORD, "kind": "page"}

    assert gateway.call("POST", "/api/auth/login", body).status == 403
    assert gateway.log_in(host="localhost", origin="http://evil.example").status == 403


def test_a_login_gets_a_new_session(gateway):
    """
    A cookie that was planted is not accepted, and the session before ends.
    """
    planted = "budwood_session=bw_cookie_" + "x" * 43
    first, _ = gateway.open_page(cookie=planted)
    second, _ = gateway.open_page("vera", cookie=first)

    assert len({planted, first, second}) == 3
    assert [me(gateway, cookie=cookie) for cookie in (planted, first, second)] == [401, 401, 200]


def test_the_cookie_is_not_for_scripts_or_other_sites(gateway):
    """
    It is HttpOnly and SameSite=Lax.
    """
    body = {"name": "ann", "password": PASSWORD, "kind": "page"}
    header = gateway.call("POST", "/api/auth/login", body, **PAGE).headers["set-cookie"].lower()

    assert "httponly" in header
    assert "samesite=lax" in header
    assert "secure" not in header


def test_the_cookie_is_only_for_https_where_the_browser_uses_it(gateway):
    """
    The server itself speaks HTTP, so the origin tells what the browser sees.
    """
    body = {"name": "ann", "password": PASSWORD, "kind": "page"}
    headers = {"host": "llm.example.com", "origin": "https://llm.example.com"}
    header = gateway.call("POST", "/api/auth/login", body, **headers).headers["set-cookie"].lower()

    assert "secure" in header


def test_a_ticket_logs_in_once(gateway):
    """
    Neither a second time, nor after a minute, nor after the login that made it has ended.
    """
    token = gateway.log_in().json["access_token"]

    def make():
        return gateway.call("POST", "/api/auth/tickets", token=token).json["ticket"]

    def use(ticket):
        return gateway.call("POST", "/api/auth/login", {"ticket": ticket, "kind": "page"}, **PAGE).status

    once, late, orphan = make(), make(), make()
    assert [use(once), use(once)] == [200, 401]
    gateway.execute(update(LOGIN_SECRETS).where(LOGIN_SECRETS.c.kind == "ticket").values(expires=1.0))
    assert use(late) == 401
    gateway.call("POST", "/api/auth/logout", token=token)
    assert use(orphan) == 401


def test_a_key_has_no_login(gateway):
    """
    It cannot make tickets, nor log out.
    """
    for path in ("tickets", "logout"):
        answer = gateway.call("POST", f"/api/auth/{path}", token=gateway.keys["admin"])
        assert (answer.status, answer.json["error"]["code"]) == (400, "no_login")


def test_a_new_password_ends_all_logins(gateway):
    """
    The present password is needed for it.
    """
    token = gateway.log_in("oli").json["access_token"]
    change = {"current": "wrong", "new": "another long password"}
    assert gateway.call("POST", "/api/auth/password", change, token=token).status == 401

    change["current"] = PASSWORD
    assert gateway.call("POST", "/api/auth/password", change, token=token).status == 204
    assert me(gateway, token) == 401
    assert gateway.log_in("oli").status == 401
    assert gateway.log_in("oli", "another long password").status == 200


def test_the_database_has_no_secret_in_clear(gateway):
    """
    Passwords, tokens, cookies and tickets are stored as hashes.
    """
    tokens, (cookie, csrf) = gateway.log_in().json, gateway.open_page()
    tables = (ACCOUNTS, LOGINS, LOGIN_SECRETS, AUDIT)
    stored = str([gateway.execute(select(table)) for table in tables])

    for secret in (PASSWORD, tokens["access_token"], tokens["refresh_token"], cookie.partition("=")[2], csrf):
        assert secret not in stored
