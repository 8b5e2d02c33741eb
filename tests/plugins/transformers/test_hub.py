"""Models of the Hub: the real client library with a fake Hub on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.transformers.hub import TOKEN, Hub
from tests.tiny_model import RESPONSE_TEMPLATE, WINDOW, save_tiny_model

PROGRAM = Path(__file__).parent / "programs" / "ask_each.py"
SECTIONS = """
[providers.pinned]
plugin = "transformers"
revision = "no-such-tag"

[providers.trusted]
plugin = "transformers"
token = "{token}"

[providers.offline-only]
plugin = "transformers"
local_files_only = true
"""
MODELS = (
    "transformers/acme/tiny",
    "transformers/acme/gated",
    "transformers/acme/none",
    "transformers/acme/locked",
    "transformers/acme/private",
    "trusted/acme/private",
    "pinned/acme/tiny",
    "offline-only/acme/other",
    "offline-only/acme/tiny",
)


def ask_each(folder, endpoint, *addresses, **environment):
    """Ask in a new process, because the library reads the URL of the Hub on import."""
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    clean |= {"HF_HOME": str(folder / "hub"), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_TELEMETRY": "1", **environment}
    (folder / "budwood.toml").write_text(SECTIONS.format(token=TOKEN))
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *addresses], cwd=folder, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """
    The outcome of asking each model once.
    """
    folder = tmp_path_factory.mktemp("hub")
    hub = Hub(save_tiny_model(folder / "tiny", response_template=RESPONSE_TEMPLATE))
    try:
        yield ask_each(folder, hub.url, *MODELS)
    finally:
        hub.close()


def test_model_of_the_hub_is_downloaded(outcomes):
    """
    A model of the Hub is downloaded at its first request; later requests need no network.
    """
    assert outcomes["transformers/acme/tiny"] == ["ok", 2]
    assert outcomes["offline-only/acme/tiny"] == ["ok", 2]


def test_private_model_requires_the_token(outcomes):
    """
    Without the token, a private model raises NotFoundError with a hint that names HF_TOKEN.
    """
    assert outcomes["trusted/acme/private"] == ["ok", 2]
    kind, text = outcomes["transformers/acme/private"]
    assert kind == "NotFoundError"
    assert "HF_TOKEN" in text


@pytest.mark.parametrize(
    ("address", "kind", "hint"),
    [
        ("transformers/acme/gated", "PermissionDeniedError", "Accept them on its page"),
        ("transformers/acme/none", "NotFoundError", "Check the name"),
        ("transformers/acme/locked", "AuthenticationError", "Set HF_TOKEN to a valid one"),
        ("pinned/acme/tiny", "NotFoundError", "Change revision in [providers.pinned]"),
        ("offline-only/acme/other", "NotFoundError", "local_files_only = false in [providers.offline-only]"),
    ],
)
def test_errors_of_the_hub_are_converted(outcomes, address, kind, hint):
    """
    Each error of the Hub has its error class and a hint.
    """
    assert outcomes[address][0] == kind
    assert hint in outcomes[address][1]


def test_downloaded_models_are_listed(outcomes):
    """
    `models` lists downloaded models with their metadata.
    """
    listed = {model["id"]: model for model in outcomes["models"]}

    assert sorted(listed) == ["acme/private", "acme/tiny"]
    assert listed["acme/tiny"]["context_window"] == WINDOW
    assert listed["acme/tiny"]["owned_by"] == "acme"
    assert listed["acme/tiny"]["provider"] == "transformers"


def test_downloaded_model_has_its_capabilities(outcomes):
    """
    The capabilities of a downloaded model are read from its files.
    """
    assert outcomes["tools"]


def test_missing_network_is_an_error(tmp_path):
    """
    Without network, the error names the setting of the library. The library would retry for a minute, so it is offline.
    """
    found = ask_each(tmp_path, "http://127.0.0.1:9", "transformers/acme/tiny", HF_HUB_OFFLINE="1")

    kind, text = found["transformers/acme/tiny"]
    assert kind == "ConnectionFailedError"
    assert "HF_HUB_OFFLINE" in text
    assert found["models"] == []
