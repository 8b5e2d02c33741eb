"""The views of webhooks and their deliveries."""

from __future__ import annotations

import re

import pytest

from budwood_server.vault.master_keys import VARIABLE, new_master_key
from tests.plugins.server.page.conftest import Browser, read
from tests.plugins.server.page.event_pages import EventPages
from tests.plugins.server.page.hostile_receiver import MARKUP, run_hostile_receiver

PATH = "/admin/webhooks"
MASTER_KEY = new_master_key()
URL = "https://example.org/secret-path"
FORM = [("url", URL), ("name", "mailer"), ("types", "run.finished"), ("types", "key.created"), ("options", "sees_all")]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """
    A gateway with accounts.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("budwood_server.people.passwords._N", 16)
        folder = tmp_path_factory.mktemp("webhooks")
        with EventPages(f"sqlite:///{folder}/server.sqlite3") as gateway:
            yield gateway


@pytest.fixture(scope="module")
def open_browser(gateway):
    """
    Return the browser of an account that is logged in.
    """
    found = {name: Browser(gateway, *gateway.open_page(name)) for name in ("ann", "oli", "vera")}
    return found.__getitem__


@pytest.fixture
def oli(open_browser, gateway, monkeypatch):
    """
    The browser of an operator, whose endpoints are deleted afterwards. There is a master key.
    """
    monkeypatch.setenv(VARIABLE, MASTER_KEY)
    gateway.run(gateway.worker.reload())
    browser = open_browser("oli")
    yield browser
    for path in find_links(browser.get(PATH)):
        assert browser.post(f"{path}/delete").status == 303


def find_links(page):
    """
    Return the paths of endpoints that a page links to.
    """
    return [*dict.fromkeys(re.findall(rf'href="({PATH}/wh_\w+)"', page.body.decode()))]


def create(browser, *fields, **changes):
    """
    Create an endpoint, and return the page with its secret and its path.
    """
    pairs = [(name, changes.get(name, value)) for name, value in FORM]
    page = browser.post(PATH, [*pairs, *fields])
    assert page.status == 200, read(page)
    return page, find_links(page)[0]


def find_secret(page):
    """
    Return the secret that a page shows.
    """
    (secret,) = re.findall(r'id="secret"[^>]*>(whsec_[^<]+)<', page.body.decode())
    return secret


def test_endpoint_is_created_changed_and_deleted(oli):
    """
    Its secret is on one page alone; a form that is sent twice creates one.
    """
    assert 'value="run.finished" checked' in oli.get(f"{PATH}/new").body.decode()
    first, path = create(oli, ("once", "1"), ("subjects", "run_1\nrun_2"))
    again, _ = create(oli, ("once", "1"), ("subjects", "run_1\nrun_2"))
    shown = oli.get(path)
    form = oli.get(f"{path}/change").body.decode()
    changed = oli.post(f"{path}/change", [*FORM[:1], ("name", "later"), ("types", "run.finished"), ("per_second", "5")])
    after = read(oli.get(changed.headers["location"]))

    assert find_secret(first) == find_secret(again)
    assert len(find_links(oli.get(PATH))) == 1
    assert all(text in read(shown) for text in ("mailer", URL, "run_1", "run_2", "All owners"))
    assert b"whsec_" not in shown.body + oli.get(PATH).body
    assert re.findall(r'value="([\w.]+)" checked', form) == ["key.created", "run.finished", "sees_all"]
    assert "run_1\nrun_2" in form
    assert all(
        text in after for text in ("The endpoint is changed.", "later", "5 per second", "Its owner", "Everything")
    )
    assert "Delete the endpoint later?" in read(oli.get(f"{path}/delete"))
    assert "The endpoint is deleted." in read(oli.get(oli.post(f"{path}/delete").headers["location"]))
    assert oli.get(path).status == 404


def test_patterns_stay_when_an_endpoint_is_changed(oli):
    """
    Also those that only programs choose; the page shows what they stand for.
    """
    _, path = create(oli, ("types", "key.*"), ("types", "*"))
    form = oli.get(f"{path}/change").body.decode()
    chosen = re.findall(r'name="types" value="([^"]+)" checked', form)
    oli.post(f"{path}/change", [("url", URL), *(("types", each) for each in chosen)])

    assert chosen == ["*", "key.*", "key.created", "run.finished"]
    shown = read(oli.get(path))
    assert "* key.* key.created run.finished These are now" in shown
    assert "job.finished" in shown


@pytest.mark.parametrize(
    ("changes", "field", "problem"),
    [
        ({"url": ""}, "url", "This field is required."),
        ({"url": "ftp://example.org/"}, "url", "https://"),
        ({"url": "https://10.0.0.1/"}, "url", "not public"),
        ({"types": ""}, "types", "This field is required."),
        ({"concurrency": "0"}, "concurrency", "greater than or equal to 1"),
        ({"per_second": "many"}, "per_second", "valid number"),
    ],
)
def test_form_shows_what_is_wrong(oli, changes, field, problem):
    """
    At its field; what was typed is kept, and nothing is created or changed.
    """
    _, path = create(oli)
    fields = [*((name, changes.get(name, value)) for name, value in FORM if name not in changes), *changes.items()]
    for target in (PATH, f"{path}/change"):
        answer = oli.post(target, fields)

        assert answer.status == 400
        assert problem in read(answer)
        assert b'value="mailer"' in answer.body
        assert field == "types" or f'id="{field}-error"'.encode() in answer.body
    assert len(find_links(oli.get(PATH))) == 1
    assert URL in read(oli.get(path))


def test_without_a_master_key_the_form_shows_how_to_make_one(oli, gateway, monkeypatch):
    """
    As that of tokens does.
    """
    monkeypatch.delenv(VARIABLE)
    gateway.run(gateway.worker.reload())
    answers = [oli.get(f"{PATH}/new"), oli.post(PATH, FORM)]

    assert [answer.status for answer in answers] == [200, 409]
    assert all("budwood server master-key create" in read(answer) for answer in answers)


def test_endpoint_is_paused_and_its_secret_rotated(oli):
    """
    The secret before signs until its overlap ends.
    """
    page, path = create(oli)
    paused = oli.get(oli.post(f"{path}/pause").headers["location"])
    resumed = oli.get(oli.post(f"{path}/resume").headers["location"])
    question = oli.get(f"{path}/rotate")
    rotated = oli.post(f"{path}/rotate", {"overlap": "3600", "once": "2"})
    at_once = oli.post(f"{path}/rotate", {"overlap": "0", "once": "3"})

    assert "The endpoint is paused." in read(paused)
    assert b"/resume" in paused.body
    assert b"/pause" not in paused.body
    assert "The endpoint is active." in read(resumed)
    assert b'value="86400" selected' in question.body
    assert len({find_secret(each) for each in (page, rotated, at_once)}) == 3
    assert ["The secret before signs, too, until" in read(each) for each in (rotated, at_once)] == [True, False]


def test_a_test_shows_what_the_endpoint_answers(oli):
    """
    Markup of the receiver is text, and no more of it is shown than is stored.
    """
    with run_hostile_receiver() as receiver:
        _, path = create(oli, url=receiver.url)
        accepted = oli.post(f"{path}/test")
        receiver.status = 500
        refused = oli.post(f"{path}/test")
        assert [b'"webhook.test"' in body for body in receiver.bodies] == [True, True]

    for page in (accepted, refused):
        check_markup(page)
    assert "has accepted the test event" in read(accepted)
    assert "has not accepted the test event" in read(refused)
    assert '<span class="badge bad">500</span>' in refused.body.decode()
    assert "no answer" in read(oli.post(f"{path}/test"))


def check_markup(page):
    """
    Check that the markup of the receiver is text, and that not all of its answer is there.
    """
    text = page.body.decode()
    assert "<img" not in text
    assert "<script>" not in text
    assert "alert(1)" in text
    assert "{{ 7 * 7 }}" in text
    assert text.count("alert(2)") < 60
    assert MARKUP in read(page).replace("&lt;", "<")


def test_deliveries_are_listed_shown_and_replayed(oli, gateway):
    """
    By state and type; the list of endpoints has their figures.
    """
    with run_hostile_receiver() as receiver:
        _, path = create(oli)
        gateway.write_events("run_a", "run_b", "run_<b>c</b>")
        gateway.send_events(receiver.url)
        receiver.status = 500
        gateway.write_events("key_d", kind="key.created")
        gateway.send_events(receiver.url)
    here = f"{path}/deliveries"
    listed = oli.get(here)
    filtered = {query: oli.get(f"{here}?{query}") for query in ("state=delivered", "state=waiting", "type=key.created")}
    links = re.findall(rf'href="({here}/\d+)"', listed.body.decode())
    shown = [oli.get(link) for link in links]
    figures = read(oli.get(PATH))
    replayed = oli.get(oli.post(f"{links[1]}/replay", {"once": "4"}).headers["location"])
    cursor = oli.get(f"{here}?state=nothing&type=nothing", hx_request="true")

    assert len(links) == 4
    assert {query: page.body.count(b'scope="row"') for query, page in filtered.items()} == {
        "state=delivered": 3,
        "state=waiting": 1,
        "type=key.created": 1,
    }
    for page in shown:
        check_markup(page)
        assert "x-test: 1" in read(page)
    assert any("run_<b>c</b>" in read(page).replace("&lt;", "<") for page in shown)
    assert "delivered" in figures
    assert "100 %" in figures
    assert "The event is sent again" in read(replayed)
    assert "waiting" in read(replayed)
    assert cursor.body.count(b'scope="row"') == 4
    assert b"<html" not in cursor.body
    assert [oli.get(f"{here}/{number}").status for number in ("0", "x", "9" * 30, "99")] == [404, 404, 404, 404]


def test_events_since_a_moment_are_replayed(oli, gateway):
    """
    Also those from before there was the endpoint; a moment that is none is refused at its field.
    """
    gateway.write_events("run_past")
    _, path = create(oli, types="run.finished")
    question = oli.get(f"{path}/replay")
    wrong = oli.post(f"{path}/replay", {"since": "yesterday"})
    future = oli.get(oli.post(f"{path}/replay", {"since": "2999-01-01T00:00", "once": "5"}).headers["location"])
    answer = oli.get(oli.post(f"{path}/replay", {"since": "2020-01-01T00:00", "once": "6"}).headers["location"])

    assert b'type="datetime-local"' in question.body
    assert wrong.status == 400
    assert b'id="since-error"' in wrong.body
    assert "No deliveries yet" in read(future)
    assert "The events are sent again" in read(answer)
    assert b'scope="row"' in answer.body


def test_who_may_do_what(open_browser, oli):
    """
    A viewer reads its own and changes nothing; an administrator sees those of all, and may choose texts.
    """
    _, path = create(oli)
    vera, ann = open_browser("vera"), open_browser("ann")

    assert "Operators create endpoints." in read(vera.get(PATH))
    assert b"/new" not in vera.get(PATH).body
    assert vera.get(path).status == 404
    for target in (PATH, *(f"{path}/{act}" for act in ("change", "pause", "test", "rotate", "replay", "delete"))):
        assert vera.post(target, FORM).status == 403
        assert Browser(oli._gateway, oli.cookie).post(target, FORM).status == 403  # without the token of the page
    assert find_links(ann.get(PATH)) == [path]
    assert ["with_texts" in browser.get(f"{PATH}/new").body.decode() for browser in (ann, oli)] == [True, False]
    assert b"token.added" not in oli.get(f"{PATH}/new").body
