"""Keys in the page: made, shown once, rotated and revoked."""

from __future__ import annotations

import re

import pytest

from tests.plugins.server.page.conftest import read

HOSTILE = "<script>alert(1)</script>\"'>{{7*7}}"


def create(browser, **fields):
    """
    Send the form for a new key; return the answer and the secret that it shows, or None.
    """
    answer = browser.post("/admin/keys", {"name": "test", "scopes": "infer"} | fields)
    found = re.search(r"bw_live_\w+", answer.body.decode())
    return answer, found and found[0]


def find_id(secret):
    """
    Return the id of a key.
    """
    return secret.removeprefix("bw_live_")[:16]


def test_key_is_shown_once(pages, visit):
    """
    The reply has the secret, which works; no other page has it.
    """
    fields = {"team": "red", "models": "fast\nopenai/*", "budget": "50", "unit": "dollars", "per": "week"}
    fields |= {"expires": "2099-12-31", "requests_per_minute": "60"}
    answer, secret = create(visit(), name="shop", **fields)
    key = pages.run(pages.worker.find_key(secret))

    assert answer.status == 200
    assert (key.name, key.team, key.models, key.requests_per_minute) == ("shop", "red", ("fast", "openai/*"), 60)
    assert (str(key.budget.dollars), key.budget.per, str(key.expires)) == ("50", "week", "2100-01-01 00:00:00+00:00")
    for path in ("/admin/keys", f"/admin/keys/{key.id}", "/admin/audit"):
        page = visit().get(path).body.decode()
        assert key.id in page
        assert secret[25:] not in page


def test_what_is_left_of_a_budget_is_shown(pages, visit):
    """
    In the list and at the key.
    """
    _, secret = create(visit(), name="spender", budget="5000", unit="tokens", per="day", requests_per_minute="60")
    pages.spend(secret, "fast", 600)
    page = visit().get(f"/admin/keys/{find_id(secret)}")

    assert "4,400 of 5,000 tokens left" in read(page)
    assert b'aria-label="Left of the budget"' in page.body
    assert "of 60 left" in read(page)
    assert "5k tokens a day 4.4k left" in read(visit().get("/admin/keys?name=spender"))


def test_form_that_is_sent_twice_makes_one_key(visit):
    """
    The second reply is the first one.
    """
    first, second = (create(visit(), name="twice", once="0123456789abcdef")[1] for _ in range(2))

    assert first == second


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": ""}, "This field is required."),
        ({"scopes": "nothing"}, "'nothing' is no scope"),
        ({"expires": "soon"}, "It must be a valid datetime"),
        ({"expires": "2020-01-01"}, "expires has passed."),
        ({"budget": "much"}, "It must be a valid decimal."),
        ({"requests_per_minute": "-1"}, "It must be greater than or equal to 1."),
    ],
)
def test_form_shows_what_is_wrong(visit, fields, problem):
    """
    It keeps the other fields.
    """
    answer, secret = create(visit(), team="blue team", **fields)

    assert (answer.status, secret) == (400, None)
    assert problem in read(answer)
    assert b'value="blue team"' in answer.body
    assert b'aria-invalid="true"' in answer.body or "scopes" in fields


def test_hostile_names_are_escaped(visit):
    """
    A name is text wherever it is shown.
    """
    _, secret = create(visit(), name=HOSTILE, team=HOSTILE)
    path = f"/admin/keys/{find_id(secret)}"
    for page in ("/admin/keys", path, f"{path}/revoke", f"{path}/rotate", "/admin/audit"):
        answer = visit().get(page)

        assert answer.status == 200
        assert b"<script>alert" not in answer.body
        assert HOSTILE in read(answer)


def test_filter_selects_keys(visit):
    """
    Also for htmx, which gets the list alone. A filter that no key can have is no error.
    """
    create(visit(), name="one", team="green")
    page = visit().get("/admin/keys?team=green&state=active")
    part = visit().get("/admin/keys?team=green", hx_request="true")

    assert page.body.count(b'scope="row"') == part.body.count(b'scope="row"') == 1
    assert b"<html" not in part.body
    assert "No key fits the filter." in read(visit().get("/admin/keys?name=nobody&state=other"))


def test_lists_have_pages(visit):
    """
    The link to the next page keeps the filter.
    """
    for number in range(51):
        create(visit(), name=f"many {number}", team="many")
    first = visit().get("/admin/keys?team=many").body.decode()
    following = re.search(r'rel="next" href="([^"]+)"', first)[1].replace("&amp;", "&")
    second = visit().get(following)

    assert first.count('scope="row"') == 50
    assert second.body.count(b'scope="row"') == 1
    assert b"First page" in second.body
    assert visit().get("/admin/keys?cursor=wrong").status == 400


def test_key_is_rotated(pages, visit):
    """
    The new secret is shown once; the old one ends when the form says so.
    """
    _, secret = create(visit(), name="rotated")
    path = f"/admin/keys/{find_id(secret)}/rotate"
    question = visit().get(path)
    answer = visit().post(path, {"overlap": "3600"})
    rotated = re.search(r"bw_live_\w+", answer.body.decode())[0]

    assert "Rotate the key rotated?" in read(question)
    assert pages.run(pages.worker.find_key(rotated)).id == find_id(secret)
    assert pages.run(pages.worker.find_key(secret)).id == find_id(secret)
    assert visit().post(path, {"overlap": "1e99"}).status == 200
    assert pages.run(pages.worker.find_key(rotated)) is None


def test_key_is_revoked(pages, visit):
    """
    It is asked for on a page of its own, or in the dialog.
    """
    _, secret = create(visit(), name="revoked by page")
    path = f"/admin/keys/{find_id(secret)}"
    dialog = visit().get(f"{path}/revoke", hx_request="true")
    answer = visit().post(f"{path}/revoke")
    page = visit().get(answer.headers["location"])

    assert b"<html" not in dialog.body
    assert b'name="csrf_token"' in dialog.body
    assert "The key is revoked." in read(page)
    assert b"/rotate" not in page.body
    assert pages.send("GET", "/v1/models", secret).status == 401
    assert visit().post(f"{path}/rotate").status == 409
    assert visit().get("/admin/keys/unknown").status == 404


def test_operators_make_keys_that_only_infer(visit):
    """
    The form offers them nothing else, and other keys are refused.
    """
    form = visit("oli").get("/admin/keys/new")
    answer, secret = create(visit("oli"), name="by oli")
    refused, _ = create(visit("oli"), scopes="admin")
    _, other = create(visit("ann"), scopes="telemetry")
    page = visit("oli").get(f"/admin/keys/{find_id(other)}")

    assert re.findall(r'name="scopes" value="(\w+)"', form.body.decode()) == ["infer"]
    assert (answer.status, bool(secret), refused.status) == (200, True, 403)
    assert b"/revoke" not in page.body
    assert visit("oli").post(f"/admin/keys/{find_id(other)}/revoke").status == 403


def test_viewers_only_read(visit):
    """
    They see keys, and no way to change them.
    """
    _, secret = create(visit())
    path = f"/admin/keys/{find_id(secret)}"

    for page in (visit("vera").get("/admin/keys"), visit("vera").get(path)):
        assert page.status == 200
        assert not re.search(rb"/new|/revoke|/rotate", page.body)
    assert visit("vera").get("/admin/keys/new").status == 403
    assert visit("vera").post("/admin/keys", {"name": "x", "scopes": "infer"}).status == 403
    assert visit("vera").post(f"{path}/revoke").status == 403
