"""Tokens of vendors in the page: stored, replaced and removed, and never shown."""

from __future__ import annotations

import os
import re

import pytest

from budwood_server.vault.master_keys import VARIABLE, new_master_key
from tests.plugins.server.page.conftest import read

FIRST = "sk-proj-0123456789abcdefABCD"
SECOND = "sk-proj-9876543210fedcbaWXYZ"


@pytest.fixture
def master_key(monkeypatch, pages):
    """
    A master key in the environment.
    """
    monkeypatch.setenv(VARIABLE, new_master_key())
    pages.run(pages.worker.reload())
    yield
    monkeypatch.undo()
    pages.run(pages.worker.reload())


def test_without_master_key_the_page_shows_how_to_make_one(visit):
    """
    No form asks for a token that could not be stored.
    """
    for path in ("/admin/tokens", "/admin/tokens/new"):
        page = visit().get(path)

        assert "budwood server master-key create" in read(page)
        assert b'name="token"' not in page.body
    answer = visit().post("/admin/tokens", {"provider": "openai", "token": FIRST})
    assert answer.status == 409
    assert "There is no master key" in read(answer)
    assert FIRST.encode() not in answer.body


def test_token_is_stored_replaced_and_removed(visit, master_key):
    """
    Each page shows its last four characters at most.
    """
    added = visit().post("/admin/tokens", {"provider": "openai", "token": FIRST})
    page = visit().get(added.headers["location"])
    (path,) = re.findall(r'href="(/admin/tokens/tok_\w+)/rotate"', page.body.decode())
    again = visit().post("/admin/tokens", {"provider": "openai", "label": "again", "token": FIRST})
    rotated = visit().post(f"{path}/rotate", {"token": SECOND})
    after = visit().get(rotated.headers["location"])
    pages = [page, again, after, *(visit().get(p) for p in (f"{path}/rotate", f"{path}/remove", "/admin/settings"))]
    removed = visit().post(f"{path}/remove")

    assert "The token is stored." in read(page)
    assert "…ABCD" in read(page)
    assert (again.status, "openai has the same token" in read(again)) == (409, True)
    assert "…WXYZ" in read(after)
    assert not any(secret[:-4].encode() in each.body for each in pages for secret in (FIRST, SECOND))
    assert "The token is removed." in read(visit().get(removed.headers["location"]))
    assert visit().post(f"{path}/remove").status == 404


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"provider": ""}, "This field is required."),
        ({"token": "two words"}, "Must be one token"),
        ({"token": ""}, "Must not be empty."),
        ({"provider": "nothing-like-it"}, "No token is stored for 'nothing-like-it'"),
    ],
)
def test_form_shows_what_is_wrong(visit, master_key, fields, problem):
    """
    It keeps the names, and not the token.
    """
    answer = visit().post("/admin/tokens", {"provider": "openai", "label": "kept", "token": FIRST} | fields)

    assert answer.status == 400
    assert problem in read(answer)
    assert b'value="kept"' in answer.body
    assert FIRST.encode() not in answer.body


def test_tokens_are_sealed_again(visit, master_key, monkeypatch, pages):
    """
    The page offers it when there are several master keys.
    """
    visit().post("/admin/tokens", {"provider": "openai", "token": FIRST})
    older = visit().get("/admin/tokens")
    monkeypatch.setenv(VARIABLE, f"{new_master_key()},{os.environ[VARIABLE]}")
    pages.run(pages.worker.reload())
    before = visit().get("/admin/tokens")
    visit().post("/admin/tokens/rewrap")
    after = visit().get("/admin/tokens")

    assert b"/rewrap" not in older.body
    assert b"/rewrap" in before.body
    assert (b"older key<" in before.body, b"older key<" in after.body) == (True, False)


@pytest.mark.parametrize("name", ["oli", "vera"])
def test_only_administrators_see_tokens(visit, name):
    """
    Others do not see that there is such a page.
    """
    assert b"/admin/tokens" not in visit(name).get("/admin/keys").body
    assert visit(name).get("/admin/tokens").status == 403
    assert visit(name).post("/admin/tokens", {"provider": "openai", "token": FIRST}).status == 403
