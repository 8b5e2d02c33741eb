"""Logging in and out by the page, and what protects it."""

from __future__ import annotations

import re

import pytest

from budwood_server.page.app import create_page
from budwood_server.page.security import HEADERS
from tests.plugins.server.page.conftest import Browser, list_pages, log_in, read
from tests.plugins.server.people.conftest import PASSWORD

COOKIE = re.compile(r"budwood_session=(bw_cookie_[^;]+); HttpOnly; Max-Age=43200; Path=/; SameSite=lax")


def test_login_leads_to_the_page_that_was_wanted(stranger):
    """
    Who is not logged in comes to the form, and from there to the page, with a new cookie.
    """
    sent = stranger.get("/admin/audit?action=login")
    form = stranger.get(sent.headers["location"])
    answer = log_in(stranger, next="/admin/audit?action=login")

    assert (sent.status, sent.headers["location"]) == (303, "/admin/login?next=%2Fadmin%2Faudit%3Faction%3Dlogin")
    assert 'value="/admin/audit?action=login"' in form.body.decode()
    assert (answer.status, answer.headers["location"]) == (303, "/admin/audit?action=login")
    assert COOKIE.fullmatch(answer.headers["set-cookie"])


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/administrator", "/admin\\@evil", "/\\e"]
)
def test_login_leads_to_no_other_place(stranger, target):
    """
    An address that a stranger made up leads to the first view.
    """
    assert log_in(stranger, next=target).headers["location"] == "/admin"


def test_wrong_password_shows_the_form_again(stranger):
    """
    The form keeps the name, and shows what is wrong.
    """
    answer = log_in(stranger, "nobody", "hunter2-not-it")

    assert answer.status == 401
    assert "The name or the password is wrong." in read(answer)
    assert b'value="nobody"' in answer.body
    assert b"hunter2" not in answer.body
    assert "set-cookie" not in answer.headers


def test_login_does_not_take_over_a_cookie(pages, stranger):
    """
    A cookie that was in the browser before does not become one of the login; a login before ends.
    """
    planted = Browser(pages, "budwood_session=bw_cookie_planted")
    first = COOKIE.match(log_in(planted).headers["set-cookie"])[1]
    second = COOKIE.match(log_in(Browser(pages, f"budwood_session={first}")).headers["set-cookie"])[1]

    assert first not in ("bw_cookie_planted", second)
    assert planted.get("/admin/account").status == 303
    assert Browser(pages, f"budwood_session={first}").get("/admin/account").status == 303
    assert Browser(pages, f"budwood_session={second}").get("/admin/account").status == 200


def test_login_of_another_page_is_refused(stranger):
    """
    Another page cannot log a browser in.
    """
    answer = stranger.post("/admin/login", {"name": "ann"}, origin="https://evil.example")

    assert answer.status == 403
    assert "set-cookie" not in answer.headers


def test_logout_ends_the_login(pages):
    """
    The cookie is of no use after it.
    """
    browser = Browser(pages, *pages.open_page("vera"))
    answer = browser.post("/admin/logout")

    assert (answer.status, answer.headers["location"]) == (303, "/admin/login?notice=logged-out")
    assert browser.get("/admin/account").status == 303


@pytest.mark.parametrize("path", ["/admin/login", *list_pages(), "/admin/nothing"])
def test_each_page_has_the_headers(visit, path):
    """
    No page can be framed, cached or have scripts and styles of its own.
    """
    answer = visit().get(path)

    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "unsafe" not in answer.headers["content-security-policy"]
    text = answer.body.decode()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?! src=)", text)


def test_static_files_are_kept_by_browsers(stranger):
    """
    Their addresses change with their content; others do not exist.
    """
    text = stranger.get("/admin/login").body.decode()
    for url in re.findall(r'(?:href|src)="(/admin/static/[^"]+)"', text):
        answer = stranger.get(url)

        assert answer.status == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert stranger.get(re.sub(r"/[0-9a-f]{16}/", "/0123456789abcdef/", url)).status == 404


def list_changes(worker):
    """List the paths of all changes of the page, with an id in place of parameters."""
    routes = create_page(worker, None).routes
    paths = [route.path for route in routes if "POST" in route.methods and route.path != "/admin/login"]
    return [re.sub(r"\{[^}]*\}", "x", path) for path in paths]


def test_changes_need_the_origin_and_the_token(pages, visit):
    """
    Without one of them, nothing is changed.
    """
    browser = visit()
    for path in list_changes(pages.worker):
        for change in ({"origin": "https://evil.example"}, {"origin": ""}, {"x_csrf_token": "0" * 64}):
            assert browser.post(path, **change).status == 403, (path, change)
        assert Browser(pages, browser.cookie).post(path).status == 403, path
        assert Browser(pages).post(path).headers["location"] == "/admin/login", path


def test_forms_are_bounded(visit):
    """
    A form that is too large, has no length or another type is refused.
    """
    for headers, status in (
        ({"content_length": "9999999"}, 413),
        ({"content_length": ""}, 411),
        ({"content_type": "text/plain"}, 415),
    ):
        assert visit().post("/admin/logout", **headers).status == status


def test_requests_of_htmx_are_led_to_the_login(stranger):
    """
    A part of a page is not replaced by the form of the login.
    """
    answer = stranger.get("/admin/audit", hx_request="true")

    assert (answer.status, answer.headers["hx-redirect"]) == (401, "/admin/login")


def test_navigation_shows_what_the_account_may_see(visit):
    """
    What it may not see is refused, too.
    """
    assert "/admin/audit" in visit("ann").get("/admin/account").body.decode()
    assert "/admin/audit" not in visit("vera").get("/admin/account").body.decode()
    assert visit("vera").get("/admin/audit").status == 403


def test_ids_that_no_database_accepts_are_not_found(pages, visit):
    """
    An address with a null character is an error page, with any database.
    """
    for route in create_page(pages.worker, None).routes:
        if "{" in route.path and "static" not in route.path:
            path = re.sub(r"\{[^}]*\}", "a\0b", route.path)
            answer = visit().get(path) if "GET" in route.methods else visit().post(path)

            assert answer.status == 404, path


@pytest.mark.parametrize("path", list_pages())
def test_no_page_shows_what_proves_a_login(visit, path):
    """
    Neither cookies nor keys nor passwords, not even the own ones.
    """
    page = visit().get(path).body

    assert not re.search(rb"bw_(live|cookie|access|refresh|ticket)_|scrypt\$", page)
    assert PASSWORD.encode() not in page
