"""A gateway in a process of its own, in front of a server in place of OpenAI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs.vendor_server import VendorServer
from tests.plugins.server.processes import serve

SETTINGS = """
[providers.vendor]
plugin = "{plugin}"
base_url = "{origin}/v1"
api_key = "vendor-key"

[server.models]
fast = "vendor/gpt-4.1-mini"
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
def start_gateway(folder: Path, origin: str, plugin: str = "openai-compatible"):
    """Start a gateway whose settings and database are in a folder."""
    (folder / "budwood.toml").write_text(SETTINGS.format(origin=origin, plugin=plugin), "utf-8")
    environment = os.environ | dict.fromkeys(("BUDWOOD_CONFIG_DIR", "BUDWOOD_DATA_DIR"), str(folder))
    with serve(folder, environment) as url:
        command = [sys.executable, "-m", "budwood_cli", "server", "keys", "create", "clients", "--json"]
        made = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        yield Gateway(url, json.loads(made.stdout)["key"])


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    """A gateway to a server in place of OpenAI."""
    with VendorServer() as vendor, start_gateway(tmp_path_factory.mktemp("gateway"), vendor.origin) as started:
        yield started
