"""A headless Chromium for tests that look at pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS: Final = (
    "--no-sandbox",  # which CI, as root, requires
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HANGS: Final = 240_000
"""Milliseconds after which a page that shows nothing new is given up, also on a machine with much other work."""


def find_chromium() -> str | None:
    """Return the program; None if it is not installed, because no package on PyPI that pip installs has it."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """
    Start a browser. Without one, the test is skipped, and fails in CI.

    As long as it is open, no other code of this thread can run an event loop.
    """
    program = find_chromium()
    if program is None:
        message = "Chromium is not installed. On Debian: apt-get install chromium"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS, timeout=HANGS)
        yield browser
        browser.close()
