"""The built site, and a browser that looks at it."""

from __future__ import annotations

import functools
import os
import shutil
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from tests.background_server import BackgroundServer

HTML = Path(__file__).parents[2] / "build" / "site" / "html"
FLAGS = (
    "--no-sandbox",  # which CI, as root, requires
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HANGS = 240_000
"""Milliseconds after which a page that shows nothing new is given up, also on a machine with much other work."""


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
    A headless Chromium. It is not part of any package on PyPI that pip installs, so that it may be missing.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        message = "Chromium is not installed. On Debian: apt-get install chromium"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS, timeout=HANGS)
        yield browser
        browser.close()


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
