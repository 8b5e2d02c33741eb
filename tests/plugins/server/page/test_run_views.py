"""The views of dataset runs."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.plugins.server.page.conftest import Browser, read
from tests.plugins.server.people.conftest import AccountsGateway
from tests.plugins.server.runs.running import RunGateway

SPECIFICATION = """\
rows = 2
[conversation]
answerer = "fast"
[conversation.strategy]
plugin = "seed-list"
seeds = ["What gives the fruit?", "What gives the <b>roots</b>?"]
"""


class RunPages(RunGateway, AccountsGateway):
    """
    A gateway with runs and accounts.
    """


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """
    A gateway with runs.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("budwood_server.people.passwords._N", 16)
        with RunPages(tmp_path_factory.mktemp("runs")) as gateway:
            yield gateway


@pytest.fixture(scope="module")
def oli(gateway):
    """
    The browser of an operator.
    """
    return Browser(gateway, *gateway.open_page("oli"))


@pytest.fixture(scope="module")
def vera(gateway):
    """
    The browser of a viewer.
    """
    return Browser(gateway, *gateway.open_page("vera"))


@pytest.fixture(scope="module")
def ann(gateway):
    """
    The browser of an administrator.
    """
    return Browser(gateway, *gateway.open_page("ann"))


def submit(browser, name, specification=SPECIFICATION):
    """
    Submit a run, and return the path of its view.
    """
    answer = browser.post("/admin/runs", {"name": name, "specification": specification})
    assert answer.status == 303, read(answer)
    return answer.headers["location"].partition("?")[0]


def test_run_is_followed_to_its_rows(gateway, oli, ann):
    """
    Its view asks for the progress until it has ended; rows are text, and can be exported.
    """
    path = submit(oli, "grafting")
    waiting = oli.get(path).body.decode()
    gateway.execute()
    done = oli.get(path).body.decode()

    assert f'hx-get="{path}" hx-trigger="every 1s"' in waiting
    assert "The run waits for a worker." in waiting
    assert "every 1s" not in done
    assert "What gives the fruit?" in unescape(done)
    assert "<b>roots" not in done
    assert f'action="{path}/export"' in done
    part = oli.get(path, hx_request="true")
    assert b"<html" not in part.body
    assert "2 of 2" in read(part)
    assert "grafting" in read(ann.get("/admin/runs?state=complete"))
    assert "grafting" not in read(ann.get("/admin/runs?state=failed"))


def test_rows_are_exported_in_the_formats_of_this_installation(gateway, oli, monkeypatch):
    """
    Others are not offered, and errors are pages.
    """
    path = submit(oli, "exported")
    early = oli.get(f"{path}/export?format=jsonl")
    gateway.execute()
    exported = oli.get(f"{path}/export?format=jsonl")
    monkeypatch.setattr("budwood_server.runs.exporting.find_spec", lambda _: None)
    page = oli.get(path).body.decode()
    refused = oli.get(f"{path}/export?format=parquet")

    assert exported.status == 200
    assert exported.body.count(b"\n") == 2
    assert re.findall(r"<option[^>]*>(csv|huggingface|jsonl|parquet)<", page) == ["csv", "jsonl"]
    for answer, status in ((early, 409), (refused, 400)):
        assert answer.status == status
        assert b"<html" in answer.body


def test_run_is_cancelled_resumed_and_deleted(gateway, oli):
    """
    After questions.
    """
    path = submit(oli, "in vain")

    assert "Cancel the run in vain?" in read(oli.get(f"{path}/cancel"))
    assert oli.post(f"{path}/cancel").headers["location"] == f"{path}?notice=run-cancelled"
    assert "cancelled" in read(oli.get(path))
    assert oli.post(f"{path}/resume").status == 303
    assert "queued" in read(oli.get(path))
    oli.post(f"{path}/cancel")
    assert "Delete the run in vain?" in read(oli.get(f"{path}/delete"))
    assert oli.post(f"{path}/delete").status == 303
    assert oli.get(path).status == 404


@pytest.mark.parametrize(
    "specification", ["rows = ", "", 'rows = 1\n[documents]\npaths = ["/etc/passwd"]\n', "rows = 1\n"]
)
def test_invalid_specifications_are_explained(oli, specification):
    """
    At the field, with what was entered.
    """
    answer = oli.post("/admin/runs", {"name": "<b>name</b>", "specification": specification})

    assert answer.status == 400
    assert b'id="specification-error"' in answer.body
    assert b"&lt;b&gt;name" in answer.body


def test_run_of_a_form_that_is_sent_twice_is_one(oli):
    """
    The form has a key of its own.
    """
    once = re.search(r'name="once" value="(\w+)"', oli.get("/admin/runs/new").body.decode())[1]
    fields = {"name": "once", "specification": SPECIFICATION, "once": once, "csrf_token": oli.csrf_token}

    first, second = oli.post("/admin/runs", fields), oli.post("/admin/runs", fields)

    assert first.headers["location"] == second.headers["location"]


def test_the_example_of_the_form_is_valid(tmp_path, monkeypatch):
    """
    It names a model of this server.
    """
    monkeypatch.setattr("budwood_server.people.passwords._N", 16)
    with RunPages(tmp_path, server={"models": {"demo": "offline/extractive"}}) as gateway:
        browser = Browser(gateway, *gateway.open_page("oli"))
        form = browser.get("/admin/runs/new").body.decode()
        example = unescape(re.search(r"<textarea[^>]*>(.*?)</textarea>", form, re.DOTALL)[1])

        assert browser.post("/admin/runs", {"specification": example}).status == 303


def test_the_question_before_a_run_is_cancelled_has_two_different_answers(oli):
    """
    The one that leaves the run alone does not say "Cancel".
    """
    question = read(oli.get(f"{submit(oli, 'asked')}/cancel"))

    assert "Keep running Cancel run" in question


def test_viewers_change_nothing(gateway, oli, vera):
    """
    They see no buttons, are refused, and do not see the runs of others.
    """
    path = submit(oli, "not theirs")

    assert b"New run" not in vera.get("/admin/runs").body
    assert "not theirs" not in read(vera.get("/admin/runs"))
    assert vera.get(path).status == 404
    for action in ("cancel", "resume", "delete"):
        assert vera.post(f"{path}/{action}").status == 403
    assert vera.post("/admin/runs", {"specification": SPECIFICATION}).status == 403
    assert vera.get("/admin/runs/new").status == 403
