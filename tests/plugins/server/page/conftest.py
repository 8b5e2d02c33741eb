"""A gateway whose admin page is visited without a browser."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlencode

import pytest

from budwood_server.page.app import VIEWS
from budwood_server.people import passwords
from tests.plugins.server.people.conftest import PASSWORD, AccountsGateway

ORIGIN = {"host": "localhost", "origin": "http://localhost"}
FORM = "application/x-www-form-urlencoded"


class Browser:
    """
    Visits the page of a gateway with the cookie of a login, and sends its forms.

    Args:
        gateway: The gateway.
        cookie: The cookie; empty for none.

    Attributes:
        csrf_token: The token that forms send.
    """

    def __init__(self, gateway, cookie="", csrf_token=""):
        self._gateway = gateway
        self.cookie = cookie
        self.csrf_token = csrf_token

    def get(self, path, **headers):
        """
        Open a page.
        """
        return self._gateway.send("GET", path, "", **({"cookie": self.cookie} | headers))

    def post(self, path, fields=(), **headers):
        """
        Send a form. Fields are a mapping or pairs; the token of the page is added.
        """
        pairs = list(fields.items() if isinstance(fields, dict) else fields)
        body = urlencode([("csrf_token", self.csrf_token), *pairs]).encode()
        sent = {"cookie": self.cookie, "content_type": FORM, "content_length": str(len(body))} | ORIGIN
        return self._gateway.send("POST", path, "", body, **(sent | headers))


def list_pages():
    """
    List the paths of pages without parameters.
    """
    return [route.path for view in VIEWS for route in view.ROUTES if "GET" in route.methods and "{" not in route.path]


def read(answer):
    """
    Return the text of a page, without markup.
    """
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.body.decode())).split())


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """
    A gateway with the accounts ``ann``, an administrator, ``oli``, an operator, and ``vera``, a viewer.
    """
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_N", 16)
        settings = {"server": {"models": {"fast": "offline/extractive"}}}
        with AccountsGateway(settings, f"sqlite:///{folder}/server.sqlite3") as gateway:
            yield gateway


@pytest.fixture(scope="module")
def visit(pages):
    """
    Return the browser of an account that is logged in.
    """
    browsers = {}

    def open_browser(name="ann"):
        if name not in browsers:
            browsers[name] = Browser(pages, *pages.open_page(name))
        return browsers[name]

    return open_browser


@pytest.fixture
def stranger(pages):
    """
    A browser without a login.
    """
    return Browser(pages)


def log_in(browser, name="ann", password=PASSWORD, **fields):
    """
    Send the form of the login.
    """
    return browser.post("/admin/login", {"name": name, "password": password} | fields)
