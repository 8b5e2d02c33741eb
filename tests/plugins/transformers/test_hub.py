"""Models of the Hub: the real client library against an imitation of the Hub on loopback."""

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
ASKED = (
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
    """Ask in a process of its own: the library reads where the Hub is when it is imported."""
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
    What came of asking each model once.
    """
    folder = tmp_path_factory.mktemp("hub")
    hub = Hub(save_tiny_model(folder / "tiny", response_template=RESPONSE_TEMPLATE))
    try:
        yield ask_each(folder, hub.url, *ASKED)
    finally:
        hub.close()


def test_model_of_the_hub_is_downloaded_and_answers(outcomes):
    """
    `transformers/ORG/NAME` needs nothing else; what is there needs no network afterwards.
    """
    assert outcomes["transformers/acme/tiny"] == ["fine", 2]
    assert outcomes["offline-only/acme/tiny"] == ["fine", 2]


def test_private_model_opens_with_the_token(outcomes):
    """
    Without one, the Hub says that there is none; the hint names the token.
    """
    assert outcomes["trusted/acme/private"] == ["fine", 2]
    kind, text = outcomes["transformers/acme/private"]
    assert kind == "NotFoundError"
    assert "HF_TOKEN" in text


@pytest.mark.parametrize(
    ("address", "kind", "hint"),
    [
        ("transformers/acme/gated", "PermissionDeniedError", "Accept them on its page"),
        ("transformers/acme/none", "NotFoundError", "Check its name"),
        ("transformers/acme/locked", "AuthenticationError", "Renew HF_TOKEN"),
        ("pinned/acme/tiny", "NotFoundError", "Mend revision in [providers.pinned]"),
        ("offline-only/acme/other", "ConnectionFailedError", "local_files_only in [providers.offline-only]"),
    ],
)
def test_refusals_of_the_hub_are_named(outcomes, address, kind, hint):
    """
    Each has a class of its own and says what helps.
    """
    assert outcomes[address][0] == kind
    assert hint in outcomes[address][1]


def test_downloaded_models_are_listed(outcomes):
    """
    The list is what can be asked without network, with what its files say.
    """
    listed = {model["id"]: model for model in outcomes["models"]}

    assert sorted(listed) == ["acme/private", "acme/tiny"]
    assert listed["acme/tiny"]["context_window"] == WINDOW
    assert listed["acme/tiny"]["owned_by"] == "acme"
    assert listed["acme/tiny"]["provider"] == "transformers"


def test_downloaded_model_says_whether_it_calls_tools(outcomes):
    """
    Its files are looked at, not the network.
    """
    assert outcomes["tools"]


def test_without_a_network_the_error_says_so(tmp_path):
    """
    Whether the library may not go there or cannot; it tries for a minute where it may, so here it may not.
    """
    found = ask_each(tmp_path, "http://127.0.0.1:9", "transformers/acme/tiny", HF_HUB_OFFLINE="1")

    kind, text = found["transformers/acme/tiny"]
    assert kind == "ConnectionFailedError"
    assert "HF_HUB_OFFLINE" in text
    assert found["models"] == []
