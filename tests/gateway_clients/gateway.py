"""A gateway in a process of its own, in front of a server in place of OpenAI, for tests of clients."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.docs.vendor_server import VendorServer
from tests.plugins.server.serving import ServeProcess

SETTINGS = """
[providers.vendor]
plugin = "openai-compatible"
base_url = "{origin}/v1"
api_key = "vendor-key"

[server.models]
fast = "vendor/gpt-4.1-mini"
"gpt-6-astra" = "vendor/gpt-6-astra"
"text-embedding-3-small" = "vendor/text-embedding-3-small"
"""


class Gateway(NamedTuple):
    """
    A gateway that runs.

    Attributes:
        url: Its address, without a path.
        key: A key that may infer.
    """

    url: str
    key: str

    @property
    def environment(self):
        """The environment of a client, without the user's settings and proxies."""
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        return kept | {"OPENAI_BASE_URL": f"{self.url}/v1", "OPENAI_API_KEY": self.key}


@contextmanager
def start_gateway(folder: Path) -> Iterator[Gateway]:
    """Start a gateway, whose settings and database are in a folder."""
    with VendorServer() as vendor, ServeProcess(folder, settings=SETTINGS.format(origin=vendor.origin)) as served:
        yield Gateway(served.url, served.create_key())
