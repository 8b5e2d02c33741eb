"""Accounts in the page, the own one, the settings and the audit log."""

from __future__ import annotations

import re

import pytest

from tests.plugins.server.page.conftest import Browser, log_in, read
from tests.plugins.server.people.conftest import PASSWORD

NEW = "another good password"


def add(browser, name, **fields):
    """
    Send the form for a new account, and return the answer.
    """
    return browser.post("/admin/people", {"name": name, "role": "viewer", "password": PASSWORD} | fields)


def find_path(browser, name):
    """
    Return the path of an account.
    """
    page = browser.get("/admin/people").body.decode()
    return re.search(rf'href="(/admin/people/\w+)">{re.escape(name)}<', page)[1]


def test_account_is_added_changed_and_removed(visit, stranger):
    """
    It can log in, and no longer after it was disabled.
    """
    added = add(visit(), "Carl@Example.com")
    path = find_path(visit(), "carl@example.com")
    first = log_in(stranger, "carl@example.com")
    visit().post(path, {"role": "operator"})
    visit().post(path, {"password": NEW})
    second = log_in(stranger, "carl@example.com", NEW)
    page = visit().get(path)
    visit().post(path, {"disabled": "true"})
    third = log_in(stranger, "carl@example.com", NEW)
    visit().post(path, {"disabled": "false"})
    fourth = log_in(stranger, "carl@example.com", NEW)
    removed = visit().post(f"{path}/remove")

    assert added.headers["location"] == "/admin/people?notice=account-added"
    assert [answer.status for answer in (first, second, third, fourth)] == [303, 303, 401, 303]
    assert 'value="operator" checked' in page.body.decode()
    assert removed.headers["location"] == "/admin/people?notice=account-removed"
    assert visit().get(path).status == 404


@pytest.mark.parametrize(
    ("name", "fields", "problem"),
    [
        ("<script>", {}, "It contains characters that are not allowed."),
        ("dora", {"password": "short"}, "It must have at least 12 characters."),
        ("dora", {"role": "king"}, "It must be 'viewer', 'operator' or 'admin'."),
        ("ann", {}, "The account 'ann' exists."),
    ],
)
def test_form_shows_what_is_wrong(visit, name, fields, problem):
    """
    It keeps the name, escaped, and not the password.
    """
    answer = add(visit(), name, **fields)

    assert answer.status in (400, 409)
    assert problem in read(answer)
    assert b"<script>" not in answer.body
    assert PASSWORD.encode() not in answer.body


def test_own_account_cannot_be_locked_out(visit):
    """
    Another administrator can change it.
    """
    path = find_path(visit(), "ann")

    assert b'name="role"' not in visit().get(path).body
    assert visit().post(path, {"role": "viewer"}).status == 409
    assert visit().post(f"{path}/remove").status == 409


def test_password_is_changed(pages, visit, stranger):
    """
    The present one must be right; then all logins end.
    """
    add(visit(), "eva")
    browser = Browser(pages, *pages.open_page("eva"))
    path = "/admin/account/password"
    differ = browser.post(path, {"current": PASSWORD, "new": NEW, "again": NEW[1:]})
    wrong = browser.post(path, {"current": "not the one", "new": NEW, "again": NEW})
    short = browser.post(path, {"current": PASSWORD, "new": "short", "again": "short"})
    changed = browser.post(path, {"current": PASSWORD, "new": NEW, "again": NEW})

    assert "The two passwords differ." in read(differ)
    assert "This is not the present password." in read(wrong)
    assert short.status == 400
    assert changed.headers["location"] == "/admin/login?notice=password-changed"
    assert browser.get("/admin/account").status == 303
    assert log_in(stranger, "eva", NEW).status == 303


@pytest.mark.parametrize("name", ["oli", "vera"])
@pytest.mark.parametrize("path", ["/admin/people", "/admin/people/new", "/admin/settings", "/admin/audit"])
def test_only_administrators_manage(visit, name, path):
    """
    Others get an error, as a page.
    """
    answer = visit(name).get(path)

    assert answer.status == 403
    assert "This account is not for 'admin'." in read(answer)


def test_settings_are_shown_without_secrets(pages, visit):
    """
    With the workers that use them. Those that are not valid are refused, and remain in use.
    """
    pages.settings["providers"] = {"openai": {"api_key": "sk-proj-very-secret-0123abcd"}}
    loaded = visit().post("/admin/settings/reload")
    page = visit().get("/admin/settings")
    pages.settings["server"] = {**pages.settings["server"], "unknown": 1}
    refused = visit().post("/admin/settings/reload")
    broken = visit().get("/admin/settings")
    del pages.settings["server"]["unknown"]
    del pages.settings["providers"]
    visit().post("/admin/settings/reload")

    assert loaded.headers["location"] == "/admin/settings?notice=settings-loaded"
    assert "providers.openai.api_key …abcd" in read(page)
    assert b"very-secret" not in page.body
    assert (refused.status, "unknown" in read(refused)) == (409, True)
    assert "Newer settings are not valid." in read(broken)
    assert pages.worker.state.error is None


def test_audit_log_is_filtered(visit):
    """
    By actions, and by who acted. A filter that no entry can have is ignored.
    """
    add(visit(), "flo")
    actions = visit().get("/admin/audit?action=account.create")
    own = visit().get("/admin/audit?action=account.create", hx_request="true")
    odd = visit().get("/admin/audit?action=%00%20&principal_id=%ff")

    assert "flo" in read(actions)
    assert not re.search(r'class="badge[^>]*>(?!account\.create)', actions.body.decode())
    assert b"<html" not in own.body
    assert odd.status == 200
