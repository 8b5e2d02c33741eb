"""The built site, and a browser that looks at it."""

from __future__ import annotations

import functools
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from tests.background_server import BackgroundServer
from tests.browsers import HANGS, open_chromium

HTML = Path(__file__).parents[2] / "build" / "site" / "html"


@pytest.fixture(scope="session")
def html():
    """
    The folder of the built site.
    """
    if not (HTML / "index.html").is_file():
        pytest.fail("The site is not built. Run `nox -s site`, which builds it first.")
    return HTML


class SiteHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


class SiteServer(BackgroundServer):
    """
    Serves the site on loopback.
    """

    def __init__(self):
        self.listen(functools.partial(SiteHandler, directory=HTML))


@pytest.fixture(scope="session")
def origin(html):
    """
    The address of a server with the site.
    """
    with SiteServer() as server:
        yield server.origin


@pytest.fixture(scope="session")
def chromium():
    """
    A headless Chromium.
    """
    with open_chromium() as browser:
        yield browser


@pytest.fixture
def visit(chromium, origin):
    """
    Opens a page of the site; fails if it requests something from another host, or if its scripts raise errors.
    """
    contexts, requests, errors = [], [], []

    def visit(path: str, *, width: int = 1440, scheme: str = "light"):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        context.set_default_timeout(HANGS)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{origin}/{path}", wait_until="networkidle")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert [url for url in requests if not url.startswith((origin, "data:", "blob:"))] == []
    assert errors == []
