"""The admin page in Chromium: its main ways, with and without scripts, by keyboard, wide and narrow, light and dark."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert

from budwood_server.database.tables import EVENTS
from budwood_usage.database import add
from tests.browsers import HANGS, open_chromium
from tests.plugins.server.page.conftest import list_pages
from tests.plugins.server.page.hostile_receiver import run_hostile_receiver
from tests.plugins.server.page.page_server import PASSWORD, PageServer
from tests.plugins.server.telemetry_calls import make_call

pytestmark = pytest.mark.one_python  # the browser and what it shows do not depend on the version of Python

CONTRAST = Path(__file__).parents[3] / "site" / "contrast.js"
PAGES = list_pages()
WIDE, NARROW = 1440, 360
SPECIFICATION = """\
rows = 2
[conversation]
answerer = "fast"
[conversation.strategy]
plugin = "seed-list"
seeds = ["What gives the fruit?"]
"""


STREAM = """\
id: evt_0000000000009000
event: ready
data: {}

id: evt_0000000000009001
data: {"id": "evt_0000000000009001", "type": "run.finished", "subject": "<b>first</b>", "time": "2026-11-12T09:31:00Z"}

id: evt_0000000000009001
event: lagged
data: {"after": "evt_0000000000009001", "until": "evt_0000000000009500"}

id: evt_0000000000009001
event: removed
data: {"after": "evt_0000000000009001", "until": "evt_0000000000009400", "count": 399}

"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """
    A server with the page.
    """
    with PageServer(tmp_path_factory.mktemp("page")) as server:
        yield server


@pytest.fixture(scope="module")
def chromium(server):
    """
    A browser. It is of this module alone, because it keeps others from running event loops.
    """
    with open_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def cookies(chromium, server):
    """
    The cookies of an administrator who has logged in by the form.
    """
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/admin/keys", timeout=HANGS)
    log_in(page)
    assert page.url == f"{server.url}/admin/keys"
    yield context.cookies()
    context.close()


@pytest.fixture
def visit(chromium, server, cookies):
    """
    Open a page as the administrator; fails if something comes from another host, or if the page reports an error.
    """
    contexts, requests, errors = [], [], []

    def visit(path, *, width=WIDE, scheme="light", **options):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        context.set_default_timeout(HANGS)
        context.add_cookies(cookies)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(f"{server.url}{path}")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert [url for url in requests if not url.startswith((server.url, "data:"))] == []
    assert errors == []


def log_in(page, name="ann@example.com"):
    """
    Fill in the form by keyboard.
    """
    page.locator("input:focus").wait_for()  # a busy browser focuses the field after the page is loaded
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/admin/(?!login)"), timeout=HANGS)


@pytest.mark.parametrize(("width", "scheme"), [(WIDE, "light"), (NARROW, "dark")])
def test_views_fit_and_can_be_read(visit, server, width, scheme):
    """
    No view scrolls sideways, all texts have enough contrast, and all fields have labels.
    """
    page = visit("/admin/account", width=width, scheme=scheme)
    for path in PAGES:
        page.goto(f"{server.url}{path}")

        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate(CONTRAST.read_text("utf-8")) == [], path
        assert page.locator("main h1").count() == 1, path
        assert page.evaluate(
            "[...document.querySelectorAll('input, select, textarea')].every(each => "
            "each.type === 'hidden' || each.labels.length > 0)"
        ), path


@pytest.mark.parametrize("has_scripts", [True, False])
def test_key_is_made_and_revoked(visit, has_scripts):
    """
    The secret is shown and can be copied; the question is a dialog, or a page without scripts.
    """
    page = visit("/admin/keys", java_script_enabled=has_scripts)
    page.get_by_role("link", name="New key").click()
    page.get_by_label("Name").fill(f"made with scripts: {has_scripts}")
    page.get_by_label("Budget").fill("20")
    page.get_by_role("button", name="Create key").click()
    secret = page.locator("#secret").inner_text()

    assert re.fullmatch(r"bw_live_\w+", secret)
    if has_scripts:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy").first.click()
        page.get_by_text("Copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == secret
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke key").wait_for()
    assert page.locator("dialog[open]").count() == has_scripts
    page.get_by_role("button", name="Revoke key").click()
    page.get_by_text("The key is revoked.").wait_for()
    assert page.locator(".badge", has_text="revoked").count() == 1


def test_dialog_is_left_by_keyboard(visit):
    """
    Escape closes it, and the focus returns.
    """
    page = visit("/admin/keys")
    page.get_by_role("link", name="nightly reports").click()
    page.get_by_role("link", name="Rotate").focus()
    page.keyboard.press("Enter")
    page.locator("dialog[open]").wait_for()
    page.keyboard.press("Escape")

    page.locator("dialog").wait_for(state="hidden")
    assert page.evaluate("document.activeElement.textContent") == "Rotate"


def test_filter_replaces_the_list(visit):
    """
    Without loading the page again; the address can be shared.
    """
    page = visit("/admin/keys")
    page.evaluate("window.isSame = true")
    page.get_by_label("Team").fill("shop")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("team=shop"))
    page.wait_for_function("document.querySelectorAll('tbody tr').length === 1")

    assert page.evaluate("window.isSame")
    page.reload()
    assert page.locator("tbody tr").count() == 1


@pytest.mark.parametrize("has_scripts", [True, False])
def test_narrow_navigation_is_a_menu(visit, has_scripts):
    """
    It needs no scripts. The first stop of the keyboard skips it.
    """
    page = visit("/admin/audit", width=NARROW, java_script_enabled=has_scripts)
    page.keyboard.press("Tab")
    skip = page.locator(":focus").inner_text()

    assert skip == "Skip to content"
    assert not page.get_by_role("link", name="API keys").is_visible()
    page.get_by_role("button", name="Menu").press("Enter")
    page.get_by_role("link", name="API keys").click()
    page.wait_for_url(re.compile("/admin/keys"))


def test_login_ends_by_the_button(visit):
    """
    The page leads to the form of the login, and says so.
    """
    page = visit("/admin/account")
    page.context.clear_cookies()
    page.reload()
    log_in(page, "vera@example.com")
    page.get_by_role("button", name="Log out").first.click()

    page.get_by_text("You are logged out.").wait_for()
    assert page.get_by_label("Name").is_visible()


def test_charts_show_figures_without_scripts(visit):
    """
    The drawing has its size, and the same figures are a table.
    """
    page = visit("/admin/overview?period=month", width=NARROW, java_script_enabled=False)
    box = page.locator("#calls svg.plot").bounding_box()

    assert box["width"] > 200
    assert box["height"] > 100
    page.locator("#calls summary").click()
    assert page.locator("#calls tbody tr").count() == 30
    page.get_by_role("link", name="Week").click()
    page.wait_for_url(re.compile("period=week"))


@pytest.mark.parametrize("has_scripts", [True, False])
def test_prompt_is_edited_and_tested(visit, has_scripts):
    """
    The reply arrives as a stream; without scripts it is a page.
    """
    page = visit("/admin/prompts/summary", java_script_enabled=has_scripts)
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Content of message 1").fill("Summarize {{ count }}: {{ text }}")
    page.get_by_role("button", name="Save as a new version").click()
    page.get_by_text("The prompt is saved as a new version.").wait_for()
    page.get_by_role("link", name="Test").click()
    page.get_by_label("text").fill("Trees give fruit. Roots give water.")
    page.get_by_label("Model").fill("fast")
    page.get_by_role("button", name="Run").click()
    page.get_by_text("offline/extractive").wait_for()

    page.locator(".output", has_text=re.compile(".")).wait_for()
    assert page.get_by_text("stop", exact=True).is_visible()


def test_calls_are_followed(visit, server):
    """
    A call that ends appears without loading the page.
    """
    page = visit("/admin/telemetry?user=followed")
    page.get_by_role("link", name="Follow live").click()
    page.get_by_text("No calls").wait_for()
    page.evaluate("window.isSame = true")
    write_call(server, 1, tags={"user": "followed"})
    page.locator("tbody tr").wait_for()

    assert page.evaluate("window.isSame")
    page.get_by_role("link", name="Stop following").click()
    page.get_by_role("link", name="Follow live").wait_for()


def test_run_is_submitted_and_cancelled(visit):
    """
    The question is a dialog, which the progress does not close.
    """
    page = visit("/admin/runs")
    page.get_by_role("link", name="New run").first.click()
    page.get_by_label("Name").fill("cancelled in the browser")
    page.get_by_label("Specification").fill(SPECIFICATION)
    page.get_by_role("button", name="Submit run").click()
    page.get_by_text("The run waits for a worker.").wait_for()
    page.get_by_role("link", name="Cancel").click()
    page.locator("dialog[open]").wait_for()
    with page.expect_response(re.compile(r"/admin/runs/run_\w+$")):
        pass  # the progress is loaded again
    page.get_by_role("button", name="Cancel run").click()

    page.get_by_text("The run is cancelled.").wait_for()
    assert page.locator(".badge", has_text="cancelled").is_visible()


@pytest.mark.parametrize("has_scripts", [True, False])
def test_documents_are_uploaded_and_chosen_for_a_run(visit, has_scripts):
    """
    What was typed stays while documents are uploaded in another tab.
    """
    page = visit("/admin/runs/new", java_script_enabled=has_scripts)
    page.get_by_label("Specification").fill(SPECIFICATION)
    with page.expect_popup() as popup:
        page.get_by_role("link", name="Upload documents in another tab").click()
    files = [{"name": f"{name}.md", "mimeType": "text/markdown", "buffer": name.encode()} for name in ("fruit", "root")]
    popup.value.get_by_label("Upload files").set_input_files(files)
    popup.value.get_by_role("button", name="Upload", exact=True).click()
    popup.value.get_by_text("The documents are uploaded.").wait_for()
    page.get_by_role("link", name="Load the list again").click()
    page.get_by_label("fruit.md").check()
    if not has_scripts:
        page.get_by_label("Specification").fill(SPECIFICATION)
    page.get_by_role("button", name="Submit run").click()
    page.get_by_text("The run waits for a worker.").wait_for()

    page.get_by_text("Specification").click()
    assert page.locator("pre.output", has_text='"paths": [').is_visible()


def test_names_stay_whole_on_a_narrow_overview(visit, server):
    """
    Also where costs are not known, which takes more room to say.
    """
    write_call(server, 2, model="support-answer", cost="612.25")
    write_call(server, 3, model="support-answer", cost=None)
    page = visit("/admin/overview", width=NARROW)
    name = page.get_by_role("link", name="support-answer")

    assert page.get_by_role("cell", name="at least $612.25", exact=True).first.is_visible()
    assert name.evaluate("each => each.getClientRects().length") == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW


@pytest.mark.parametrize("has_scripts", [True, False])
def test_endpoint_is_created_tested_and_deleted(visit, has_scripts):
    """
    The answer of a hostile endpoint is text; the question is a dialog, or a page without scripts.
    """
    with run_hostile_receiver() as receiver:
        page = visit("/admin/webhooks", java_script_enabled=has_scripts)
        page.get_by_role("link", name="New endpoint").first.click()
        page.get_by_label("URL").fill(receiver.url)
        page.get_by_label("Name").fill("mailer")
        page.get_by_role("button", name="Create endpoint").click()
        assert re.fullmatch(r"whsec_[\w+/=]+", page.locator("#secret").inner_text())
        page.get_by_role("link", name="Done").click()
        page.get_by_role("button", name="Send test event").click()
        page.get_by_text("The endpoint has accepted the test event.").wait_for()
    assert page.locator("main img, main script").count() == 0
    assert page.get_by_text("onerror=alert(1)").first.is_visible()
    page.get_by_role("link", name="mailer").click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("The endpoint is paused.").wait_for()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete endpoint").wait_for()
    assert page.locator("dialog[open]").count() == has_scripts
    page.get_by_role("button", name="Delete endpoint").click()
    page.get_by_text("The endpoint is deleted.").wait_for()


def test_delivery_is_shown_on_a_narrow_page(visit, server):
    """
    What a hostile endpoint answers is text, and can be read.
    """
    with run_hostile_receiver() as receiver:
        page = visit("/admin/webhooks/new", width=NARROW)
        page.get_by_label("URL").fill(receiver.url)
        page.get_by_label("Name").fill("narrow")
        page.get_by_role("button", name="Create endpoint").click()
        page.get_by_role("link", name="Done").click()
        write_event(server, "run_narrow")
        page.get_by_role("link", name="All deliveries").click()
        while page.get_by_text("delivered", exact=True).count() == 0:
            page.reload()
        page.get_by_role("link", name="run.finished").first.click()
    page.get_by_text("onerror=alert(1)").first.wait_for()
    assert page.locator("main img, main script").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
    assert page.evaluate(CONTRAST.read_text("utf-8")) == []


def test_events_are_followed_and_continued(visit, server):
    """
    An event appears without loading the page; those of a pause follow it, in their order.
    """
    page = visit("/admin/events?type=run.*")
    page.get_by_role("link", name="Follow live").click()
    page.get_by_text("New events appear here").wait_for()
    page.evaluate("window.isSame = true")
    write_event(server, "run_<b>live</b>")
    page.get_by_text("run_<b>live</b>").wait_for()
    page.get_by_role("button", name="Pause").click()
    for number in range(3):
        write_event(server, f"run_paused_{number}")
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("run_paused_2").wait_for()

    shown = page.locator("[data-part=subject]").all_inner_texts()
    assert shown[:4] == ["run_paused_2", "run_paused_1", "run_paused_0", "run_<b>live</b>"]
    assert len(shown) == len(set(shown))
    assert page.evaluate("window.isSame")
    page.get_by_role("link", name="run.finished").first.click()
    page.get_by_text('"subject": "run_paused_2"').wait_for()


def test_live_view_says_what_it_misses(visit):
    """
    A connection that breaks is continued after the last event, with another ticket.
    """
    page = visit("/admin/account")
    requests = []

    def answer(route):
        requests.append(route.request.url)
        body = STREAM if len(requests) == 1 else STREAM.replace("9001", "9501").replace("first", "second")
        route.fulfill(body=body, content_type="text/event-stream")

    page.route("**/v1/events?**", answer)
    page.goto(f"{page.url.partition('/admin')[0]}/admin/events?live=1&type=run.*")
    page.get_by_text("The connection was slower than the events.").first.wait_for()
    page.get_by_text("Up to 399 events are missing.").first.wait_for()
    page.get_by_text("<b>second</b>").wait_for()
    page.get_by_role("button", name="Pause").click()

    assert page.get_by_text("<b>first</b>").is_visible()
    first, second = (dict(re.findall(r"(\w+)=([^&]*)", url)) for url in requests[:2])
    assert second["after"] == "evt_0000000000009001"
    assert first["types"] == second["types"] == "run.*"
    assert first["ticket"] != second["ticket"]


def write_event(server, subject):
    """
    Write the event of a run.
    """
    values = {"type": "run.finished", "subject": subject, "time": time.time(), "data": {"name": "n"}}
    write(server, lambda connection: connection.execute(insert(EVENTS).values(values)))


def write_call(server, number, **fields):
    """
    Record a call of now.
    """
    write(server, lambda connection: add(connection, [make_call(number, time=time.time(), **fields)]))


def write(server, act):
    """
    Run a function with a transaction of the database.
    """
    engine = create_engine(f"sqlite:///{server.database_file}")
    with engine.begin() as connection:
        act(connection)
    engine.dispose()
