"""Accounts under ``/api``, and the log of what was done to them."""

from __future__ import annotations

import pytest

from tests.plugins.server.people.conftest import PASSWORD

NEW = {"name": "new@example.com", "role": "viewer", "password": PASSWORD}


@pytest.fixture
def admin(gateway):
    """
    The access token of an administrator.
    """
    return gateway.log_in().json["access_token"]


def test_accounts_are_created_changed_and_removed(gateway, admin):
    """
    Each act is in the audit log with who did it, without the password.
    """
    created = gateway.call("POST", "/api/accounts", NEW, admin)
    path = f"/api/accounts/{created.json['id']}"
    changed = gateway.call("PATCH", path, {"role": "operator", "password": "a second long password"}, admin)
    removed = gateway.call("DELETE", path, token=admin)
    log = gateway.call("GET", "/api/audit", token=admin)

    assert (created.status, created.json["name"]) == (201, "new@example.com")
    assert (changed.status, changed.json["role"]) == (200, "operator")
    assert (removed.status, gateway.call("GET", path, token=admin).status) == (204, 404)
    assert [entry["action"] for entry in log.json["items"]][:3] == [
        f"account.{act}" for act in ("remove", "change", "create")
    ]
    assert {entry["principal_name"] for entry in log.json["items"][:3]} == {"ann"}
    assert PASSWORD.encode() not in log.body + created.body
    assert b"second long" not in log.body + changed.body


def test_a_change_of_an_account_ends_its_logins(gateway, admin):
    """
    One that is disabled cannot log in until it is enabled.
    """
    token = gateway.log_in("vera").json["access_token"]
    gateway.call("PATCH", "/api/accounts/vera", {"disabled": True}, admin)

    assert gateway.call("GET", "/api/auth/me", token=token).status == 401
    assert gateway.log_in("vera").status == 401
    gateway.call("PATCH", "/api/accounts/vera", {"disabled": False}, admin)
    assert gateway.log_in("vera").status == 200


def test_a_creation_can_be_sent_again(gateway, admin):
    """
    With an idempotency-key the reply is the first one; without, the name exists.
    """
    answers = [gateway.call("POST", "/api/accounts", NEW, admin, idempotency_key="k") for _ in range(2)]
    again = gateway.call("POST", "/api/accounts", NEW, admin)

    assert answers[0].json == answers[1].json
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert (again.status, again.json["error"]["code"]) == (409, "exists")


def test_a_reload_of_the_settings_is_in_the_audit_log(gateway, admin):
    """
    With the version of the settings, and who wanted it.
    """
    version = gateway.call("POST", "/api/config/reload", token=admin).json["version"]
    (entry,) = gateway.call("GET", "/api/audit?action=config.reload", token=admin).json["items"]

    assert (entry["principal_name"], entry["target"]) == ("ann", version)


def test_lists_have_pages(gateway, admin):
    """
    The cursor leads to the next page.
    """
    first = gateway.call("GET", "/api/accounts?limit=2", token=admin).json
    second = gateway.call("GET", f"/api/accounts?limit=2&cursor={first['next_cursor']}", token=admin).json
    wrong = gateway.call("GET", "/api/audit?cursor=x", token=admin)

    assert [each["name"] for each in first["items"] + second["items"]] == ["ann", "oli", "vera"]
    assert second["next_cursor"] is None
    assert (wrong.status, wrong.json["error"]["code"]) == (400, "invalid_cursor")


def test_the_audit_log_can_be_filtered(gateway, admin):
    """
    By action, and by who acted.
    """
    logins = gateway.call("GET", "/api/audit?action=login", token=admin).json["items"]
    commands = gateway.call("GET", "/api/audit?principal_id=command", token=admin).json["items"]

    assert {entry["action"] for entry in logins} == {"login"}
    assert {entry["principal_kind"] for entry in commands} == {"command"}


@pytest.mark.parametrize(
    "change",
    [{"name": ""}, {"name": "A B"}, {"name": "x" * 65}, {"role": "root"}, {"password": "short"}, {"more": 1}],
)
def test_what_is_not_valid_is_refused(gateway, admin, change):
    """
    The error does not quote a password.
    """
    answer = gateway.call("POST", "/api/accounts", NEW | change, admin)

    assert answer.status == 400
    assert PASSWORD.encode() not in answer.body
    assert b"short" not in answer.body


@pytest.mark.parametrize("name", ["oli", "vera"])
def test_others_cannot_manage_accounts(gateway, name):
    """
    Nor read the audit log.
    """
    token = gateway.log_in(name).json["access_token"]
    for method, path, body in (
        ("GET", "/api/accounts", None),
        ("POST", "/api/accounts", NEW),
        ("GET", "/api/accounts/ann", None),
        ("PATCH", f"/api/accounts/{name}", {"role": "admin"}),
        ("DELETE", "/api/accounts/ann", None),
        ("GET", "/api/audit", None),
        ("POST", "/api/config/reload", None),
    ):
        assert gateway.call(method, path, body, token).status == 403, path
