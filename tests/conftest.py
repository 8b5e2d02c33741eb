"""What all tests share: no settings of the machine's user, a scripted transport, a clock that nobody waits for."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

from budwood import AsyncClient, Client
from budwood_testing import FakeClock, ScriptedTransport
from tests.servers import LoopbackServer

SHARED = Path(__file__).resolve().parents[2] / "shared"
VENDOR_PREFIXES = (
    "BUDWOOD_",
    "ANTHROPIC_",
    "OPENAI_",
    "OPENROUTER_",
    "TOGETHER_",
    "DEEPSEEK_",
    "MISTRAL_",
    "OLLAMA_",
    "VLLM_",
    "GEMINI_",
    "GOOGLE_",
    "GROQ_",
    "HF_",
    "AZURE_",
)

settings.register_profile("full", deadline=None)  # how fast the machine is decides no test
settings.register_profile("quick", deadline=None, max_examples=10)
settings.load_profile("full")


def pytest_addoption(parser):
    """
    Say how much is proved.
    """
    parser.addoption(
        "--proof",
        choices=("quick", "full"),
        default="full",
        help="quick, for runs by hand: few random examples, and no plugins that are broken on purpose",
    )


def pytest_configure(config):
    """
    Take as many random examples as `--proof` says.
    """
    settings.load_profile(config.getoption("--proof"))


def pytest_collection_modifyitems(config, items):
    """
    Leave out the plugins that are broken on purpose where the proof may be quick.
    """
    if config.getoption("--proof") == "quick":
        mutants = [item for item in items if item.get_closest_marker("mutants")]
        config.hook.pytest_deselected(items=mutants)
        items[:] = [item for item in items if item not in set(mutants)]


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell without job control has it for what it puts behind
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what tests start, and press Ctrl-C on, would inherit it


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path):
    """
    Keep settings of whoever runs the tests out of them: environment, current folder, configuration directory.
    """
    for name in list(os.environ):
        if name.startswith(VENDOR_PREFIXES) and not name.startswith("BUDWOOD_TEST_"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(home))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def clock():
    """
    Time that passes only when someone sleeps.
    """
    return FakeClock()


@pytest.fixture
def scripted():
    """
    A transport that replies as the test tells it.
    """
    return ScriptedTransport()


@pytest.fixture
def client(scripted, clock):
    """
    A blocking client of openai/gpt-4o over the scripted transport.
    """
    with Client("openai/gpt-4o", api_key="sk-test-secret", transport=scripted, clock=clock, cache=False) as made:
        yield made


@pytest.fixture
def async_client(scripted, clock):
    """
    An async client of openai/gpt-4o over the scripted transport. Its loop is the test's own, by `asyncio.run`.
    """
    return AsyncClient(
        "openai/gpt-4o", api_key="sk-test-secret", transport=scripted.asynchronous, clock=clock, cache=False
    )


@pytest.fixture
def loopback_server(monkeypatch):
    """
    An HTTP server on loopback that plays scripts. No proxy of the machine stands between.
    """
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with LoopbackServer() as server:
        yield server


@pytest.fixture(scope="session")
def shared_folder():
    """
    The folder of recordings, API descriptions and scripts beside the project.

    Where it is absent the test skips; in CI it fails.
    """
    if not SHARED.is_dir():
        if os.environ.get("CI"):
            pytest.fail("the folder ../shared is missing")
        pytest.skip("the folder ../shared with recorded traffic is not on this machine")
    return SHARED
