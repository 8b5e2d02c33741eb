"""The views of events."""

from __future__ import annotations

import re
from html import unescape

import pytest

from budwood_server.events.reading import format_id
from tests.plugins.server.page.conftest import Browser, read
from tests.plugins.server.page.event_pages import EventPages

PATH = "/admin/events"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """
    A gateway with 60 events about runs, and one about a token.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("budwood_server.people.passwords._N", 16)
        folder = tmp_path_factory.mktemp("events")
        with EventPages(f"sqlite:///{folder}/server.sqlite3") as gateway:
            gateway.write_events(*(f"run_{number}" for number in range(60)), name="<script>alert(1)</script>")
            gateway.write_events("tok_1", kind="token.added")
            yield gateway


@pytest.fixture(scope="module")
def ann(gateway):
    """
    The browser of an administrator.
    """
    return Browser(gateway, *gateway.open_page("ann"))


@pytest.fixture(scope="module")
def vera(gateway):
    """
    The browser of a viewer.
    """
    return Browser(gateway, *gateway.open_page("vera"))


def list_subjects(page):
    """
    Return what the events of a page are about.
    """
    return re.findall(r'data-part="subject">([^<]+)<', page.body.decode())


def test_events_are_listed_from_the_newest(ann):
    """
    In pages, each event once.
    """
    first = ann.get(f"{PATH}?since=1h&type=run.finished")
    (url,) = re.findall(r'rel="next" href="([^"]+)"', first.body.decode())
    second = ann.get(unescape(url))

    assert list_subjects(first) + list_subjects(second) == [f"run_{number}" for number in range(59, -1, -1)]
    assert b'rel="next"' not in second.body


def test_events_are_filtered(ann):
    """
    By type, by what they are about, and by time; a filter that is not valid is explained.
    """

    def count(query):
        return len(list_subjects(ann.get(f"{PATH}?{query}")))

    assert count("type=token.*&subject=&since=24h") == 1
    assert count("type=run.finished&subject=run_7") == 1
    assert (count("until=2020-01-01"), count("since=1h&type=token.added")) == (0, 1)
    for query in ("type=runs.*", "since=yesterday", "until=%3Cb%3E"):
        answer = ann.get(f"{PATH}?{query}")
        assert (answer.status, list_subjects(answer)) == (400, [])
        assert b'role="alert"' in answer.body
        assert b"<b>" not in answer.body


def test_event_is_shown_as_json(ann):
    """
    Markup in it is text.
    """
    (path,) = re.findall(rf'href="({PATH}/evt_\d+)"', ann.get(f"{PATH}?subject=run_7").body.decode())
    page = ann.get(path)

    assert b"<script>alert" not in page.body
    assert '"name": "<script>alert(1)</script>"' in unescape(page.body.decode())
    assert '"specversion": "1.0"' in unescape(page.body.decode())
    assert [ann.get(f"{PATH}/{each}").status for each in (format_id(999), "evt_x")] == [404, 400]


def test_accounts_see_events_by_their_scopes(ann, vera):
    """
    A viewer sees none about tokens, neither in the list nor one by one.
    """
    (path,) = re.findall(rf'href="({PATH}/evt_\d+)"', ann.get(f"{PATH}?type=token.added").body.decode())

    assert list_subjects(vera.get(PATH))[0] == "run_59"
    assert list_subjects(vera.get(f"{PATH}?type=token.added")) == []
    assert b"token.added" not in vera.get(PATH).body
    assert vera.get(path).status == 404


def test_live_view_begins_after_the_last_event(ann):
    """
    It has the same filter as the list. Without scripts, it says how later events are seen.
    """
    last = re.search(r"evt_\d+", ann.get(PATH).body.decode())[0]
    page = ann.get(f"{PATH}?live=1&type=run.*&subject=run_7").body.decode()

    assert f'data-after="{last}"' in page
    assert 'data-query="types=run.%2A&amp;subject=run_7"' in page
    assert "Load the page again" in page
    assert read(ann.get(f"{PATH}?live=1&subject=nothing")).count("No events") == 0
