"""The views of calls: overview, telemetry and endpoints."""

from __future__ import annotations

import re
import time

import pytest

from budwood_server.access.keys import KeyPolicy
from budwood_server.page.views.overview import TITLES
from budwood_usage.database import prune
from tests.plugins.server.page.conftest import read
from tests.plugins.server.seeding import seed
from tests.plugins.server.telemetry_calls import make_call, write_calls

HOSTILE = "<img src=x onerror=alert(1)>\"'{{ 7*7 }}"


@pytest.fixture(scope="module")
def calls(pages):
    """
    A month of calls, and one whose texts are markup; afterwards there are none.
    """
    pages.run(seed(pages.worker.database, calls=300))
    write_calls(pages, [make_call(1, HOSTILE, HOSTILE, model=HOSTILE, time=time.time() - 5, tags={"user": HOSTILE})])
    yield pages

    async def remove():
        async with pages.worker.database.write() as connection:
            await connection.run_sync(prune, time.time() + 60)

    pages.run(remove())


@pytest.mark.parametrize("period", TITLES)
def test_overview_shows_each_period(calls, visit, period):
    """
    With four charts and their figures; a viewer sees it, too.
    """
    answer = visit("vera").get(f"/admin/overview?period={period}")

    assert answer.status == 200
    text = answer.body.decode()
    assert text.count('role="img"') >= 3
    assert f'href="/admin/overview?period={period}" aria-current="true"' in text
    assert "Top models by cost" in read(answer)
    assert "<details" in text


def test_overview_asks_for_its_figures_alone(calls, visit):
    """
    The part that is exchanged is no page; an unknown period is a day.
    """
    part = visit().get("/admin/overview?period=day", hx_request="true")

    assert b"<html" not in part.body
    assert b'role="img"' in part.body
    assert visit().get("/admin/overview?period=century").status == 200


def test_figures_are_those_of_the_api(calls, visit):
    """
    The page and programs read the same sums.
    """
    series = calls.call("GET", "/api/telemetry/series?period=month", cookie=visit().cookie).json
    text = read(visit().get("/admin/overview?period=month"))

    assert f"{series['total']['calls']} calls, of which {series['total']['errors']} failed." in text


@pytest.mark.parametrize(
    "path",
    [
        "/admin/overview",
        "/admin/telemetry",
        "/admin/telemetry?live=1",
        "/admin/telemetry/totals?by=user",
        "/admin/telemetry/totals?by=model",
    ],
)
def test_names_of_clients_are_text(calls, visit, path):
    """
    Models, keys and users may have any text; no style is inline.
    """
    text = visit().get(path).body.decode()

    assert "<img" not in text
    assert "onerror" not in text or "&lt;img" in text
    assert not re.search(r"\sstyle=", text)


def test_calls_are_filtered_and_shown(calls, visit):
    """
    By what the form sends; each call has a page of its own.
    """
    answer = visit("vera").get("/admin/telemetry?state=any&since=30d")
    numbers = re.findall(r'href="/admin/telemetry/calls/(\d+)"', answer.body.decode())
    failed = calls.call("GET", "/api/telemetry/calls?error=any&since=30d", cookie=visit().cookie).json["items"]

    assert numbers == [str(call["id"]) for call in failed]
    page = visit("vera").get(f"/admin/telemetry/calls/{numbers[0]}")
    assert failed[0]["call"] in read(page)
    assert failed[0]["error"] in read(page)
    assert "calls.csv?since=30d&amp;error=any" in answer.body.decode()


def test_keys_are_filtered_by_their_names(pages, visit):
    """
    The field offers the keys; a name that two of them have selects neither.
    """
    made = [pages.run(pages.worker.services.keys.store.create(KeyPolicy(name=name))) for name in ("<b>", "two", "two")]
    write_calls(pages, [make_call(50 + number, new.key.id, time=time.time()) for number, new in enumerate(made)])

    page = visit().get("/admin/telemetry?key=%3Cb%3E").body.decode()

    assert f'<option value="{made[0].key.id}">&lt;b&gt;</option>' in page
    assert f"calls.csv?key={made[0].key.id}" in page
    assert page.count("/admin/telemetry/calls/") == 1
    assert "No calls" in read(visit().get("/admin/telemetry?key=two"))
    assert "No calls" not in read(visit().get(f"/admin/telemetry/totals?key={made[1].key.id}"))


def test_models_without_a_price_are_in_the_chart_of_calls(calls, visit):
    """
    The chart of the cost has those that cost most, and colours are those of the models in both.
    """
    priced = [make_call(200 + number, model=f"m{number}", cost="900", time=time.time()) for number in range(5)]
    unpriced = [make_call(300 + number, model="own", cost=None, time=time.time()) for number in range(1000)]
    write_calls(calls, priced + unpriced)

    page = visit().get("/admin/overview?period=hour").body.decode()
    legends = [
        dict(map(reversed, re.findall(r'swatch ([\w-]+)"></span>([^<]*)<', text)))
        for text in re.findall(r'<ul class="legend".*?</ul>', page, re.DOTALL)
    ]

    by_calls, by_cost = legends[:2]
    assert "own" in by_calls
    assert "own" not in by_cost
    assert {*by_cost} == {"others", *(f"m{number}" for number in range(5))}
    assert all(by_cost.get(name, color) == color for name, color in by_calls.items())
    assert len({*by_calls.values()}) == len(by_calls)


def test_live_calls_are_asked_for_again(calls, visit):
    """
    What is exchanged has the calls that ended since; without scripts the list can be loaded again.
    """
    page = visit().get("/admin/telemetry?live=1&user=late").body.decode()
    write_calls(calls, [make_call(77, time=time.time(), tags={"user": "late"})])
    part = visit().get("/admin/telemetry?live=1&user=late", hx_request="true")

    assert 'hx-get="/admin/telemetry?live=1&amp;user=late" data-poll hx-disinherit="*" hx-trigger="every 2s"' in page
    assert "No calls" in page
    assert b"/admin/telemetry/calls/" in part.body
    assert b"<html" not in part.body


@pytest.mark.parametrize("query", ["since=yesterday", "min_seconds=x", "min_seconds=-1", f"user={'x' * 513}"])
def test_invalid_filters_are_explained(visit, query):
    """
    In the page, not as a page of its own.
    """
    answer = visit().get(f"/admin/telemetry?{query}")

    assert answer.status == 400
    assert b'class="filters"' in answer.body
    assert b'class="notice bad"' in answer.body


def test_unknown_calls_are_not_found(visit):
    """
    Also with ids that no record can have.
    """
    for number in ("0", "x", "9" * 30, "999999"):
        assert visit().get(f"/admin/telemetry/calls/{number}").status == 404
    assert visit().get("/admin/telemetry/totals?by=color").status == 400


def test_endpoints_show_breakers_and_models(calls, visit):
    """
    With what clients used in the last day.
    """
    text = read(visit("vera").get("/admin/endpoints"))

    assert "closed" in text
    assert "offline/extractive" in text


def test_pages_of_an_empty_gateway(visit):
    """
    They say that there are no calls.
    """
    assert "No calls" in read(visit().get("/admin/telemetry?user=nobody"))
    assert "No calls" in read(visit().get("/admin/telemetry/totals?user=nobody"))


@pytest.mark.parametrize("path", ["telemetry?", "telemetry/totals?since=24h&", "telemetry/totals?by=user&"])
def test_unknown_costs_are_not_shown_as_zero(calls, visit, path):
    """
    Neither those of a call, nor sums of which nothing is known.
    """
    tags = {"user": "unpriced"}
    write_calls(calls, [make_call(90, cost=None, time=time.time(), tags=tags)])

    page = read(visit().get(f"/admin/{path}user=unpriced"))

    assert "1.0 s" in page
    assert "$0.00" not in page


def test_chart_of_costs_says_what_is_not_known(calls, visit):
    """
    In its figures, its sentence, the tile and the tables of the largest groups.
    """
    write_calls(calls, [make_call(600 + number, model="free?", cost=None, time=time.time()) for number in range(3000)])

    text = read(visit().get("/admin/overview?period=hour&order=calls"))

    assert "at least $" in text
    assert "calls without a known cost" in text
    assert "unknown" in text
    assert "$0.00 3,000" not in text


@pytest.fixture(scope="module")
def ranked(calls):
    """
    Calls of four models, each of which is the first in another order.
    """
    moment = time.time()
    write_calls(
        calls,
        [
            *(make_call(f"f{number}", model="frequent", cost="0", time=moment) for number in range(5000)),
            *(make_call(f"b{number}", model="broken", error=ValueError(), time=moment) for number in range(99)),
            make_call("d", model="dear", cost="90000", time=moment),
            make_call("s", model="slow", seconds=9e5, time=moment),
        ],
    )
    return calls


@pytest.mark.parametrize(
    ("order", "first"), [("cost", "dear"), ("calls", "frequent"), ("errors", "broken"), ("latency", "slow")]
)
def test_groups_are_in_the_chosen_order(ranked, visit, order, first):
    """
    The tables say which one it is, and links lead to the others.
    """
    page = visit().get(f"/admin/overview?period=hour&order={order}").body.decode()
    totals = visit().get(f"/admin/telemetry/totals?by=model&order={order}").body.decode()

    assert f"Top models by {order}" in page
    assert re.search(r'<th scope="row">\s*<a href="[^"]*">([^<]*)<', page)[1] == first
    assert f'order={order}#order" aria-current="true"' in page
    assert re.search(r'<div class="title"><strong>([^<]*)<', totals)[1] == first
    query = f"/api/telemetry/totals?by=model&limit=1&order={order}"
    (largest,) = ranked.call("GET", query, cookie=visit().cookie).json["items"]
    assert largest["group"] == {"model": first}
