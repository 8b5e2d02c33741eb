"""
Photograph the admin page of the gateway: a real server on loopback with data in it, in a headless Chromium.

``nox -s screenshots`` runs this script, which writes a PNG beside itself for each view. Name some for these only.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from PIL import Image

HERE: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1])]

from tests.browsers import HANGS, open_chromium  # noqa: E402 - it is found by the path above
from tests.plugins.server.page.page_server import ACCOUNTS, PASSWORD, PageServer  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

COLOURS: Final = 128
"""The colours of an image: fewer make it smaller, and more do not make it look better."""


class Shot(NamedTuple):
    """
    A view to photograph.

    Attributes:
        path: Its address.
        size: The width and the height of the window.
        scheme: ``"light"`` or ``"dark"``.
        opens: The text of a link that opens a dialog in it, or empty.
    """

    path: str
    size: tuple[int, int] = (1280, 800)
    scheme: str = "light"
    opens: str = ""


SHOTS: Final = {
    "admin-overview": Shot("/admin/overview?period=month", (1280, 1060)),
    "admin-prompt": Shot("/admin/prompts/support-answer"),
    "admin-keys": Shot("/admin/keys"),
    "admin-new-key": Shot("/admin/keys/new", (1280, 1100)),
    "admin-tokens": Shot("/admin/tokens"),
    "admin-settings": Shot("/admin/settings", scheme="dark"),
}
"""The views, by the names of their images."""


def main(names: list[str]) -> None:
    """Photograph some views, or all."""
    with (
        tempfile.TemporaryDirectory(prefix="screenshots-") as folder,
        PageServer(Path(folder), calls=5000) as server,
        open_chromium() as browser,
    ):
        cookies = log_in(browser, server.url)
        for name in names or SHOTS:
            write(name, take(browser, server.url, cookies, SHOTS[name]))


def log_in(browser: Browser, url: str) -> object:
    """Log in as an administrator, and return the cookies."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/admin/login", timeout=HANGS)
    page.get_by_label("Name").fill(ACCOUNTS[0][0])
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(re.compile("/admin(?!/login)"), timeout=HANGS)
    cookies = context.cookies()
    context.close()
    return cookies


def take(browser: Browser, url: str, cookies: object, shot: Shot) -> bytes:
    """Photograph a view."""
    width, height = shot.size
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=shot.scheme)
    context.add_cookies(cookies)
    page: Page = context.new_page()
    page.goto(f"{url}{shot.path}", wait_until="networkidle", timeout=HANGS)
    page.evaluate("document.activeElement.blur()")
    if shot.opens:
        page.get_by_role("link", name=shot.opens).first.click()
        page.locator("dialog[open]").wait_for(timeout=HANGS)
    image = page.screenshot()
    context.close()
    return image


def write(name: str, content: bytes) -> None:
    """Write an image with few colours."""
    image = Image.open(io.BytesIO(content)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(HERE / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
