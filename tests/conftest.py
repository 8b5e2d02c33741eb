"""Fixtures of all tests: isolation from the user's settings, a scripted transport, and a fake clock."""

from __future__ import annotations

import os
import signal
import zlib
from pathlib import Path

import pytest
from hypothesis import settings

from budwood import AsyncClient, Client
from budwood_testing import FakeClock, ScriptedTransport, reset_endpoints
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
    "XAI_",
    "HF_",
    "AZURE_",
    "AWS_",
)

settings.register_profile("full", deadline=None)  # results must not depend on the speed of the machine
settings.register_profile("quick", deadline=None, max_examples=10)
settings.register_profile("deep", deadline=None, max_examples=1000, stateful_step_count=100)
settings.load_profile("full")


def pytest_addoption(parser):
    """
    Add the options ``--proof`` and ``--share``.
    """
    parser.addoption(
        "--proof",
        choices=("quick", "full", "deep"),
        default="full",
        help="quick: few random examples and no mutants, for runs by hand; deep: many examples, and long tests",
    )
    parser.addoption("--share", metavar="I/N", help="run only share I, from 1 on, of N equal shares of the files")


def pytest_ignore_collect(collection_path, config):
    """
    Ignore the files of other shares.
    """
    if not (share := config.getoption("--share")) or not collection_path.match("test_*.py"):
        return None
    number, total = map(int, share.split("/"))
    path = collection_path.relative_to(config.rootpath).as_posix()
    return True if zlib.crc32(path.encode()) % total != number - 1 else None


def pytest_configure(config):
    """
    Set the number of random examples by ``--proof``.
    """
    settings.load_profile(config.getoption("--proof"))


def pytest_collection_modifyitems(config, items):
    """
    Deselect tests with mutants in quick mode, and long tests unless in deep mode.
    """
    proof = config.getoption("--proof")
    left_out = [name for name, is_run in (("mutants", proof != "quick"), ("deep", proof == "deep")) if not is_run]
    deselected = [item for item in items if any(map(item.get_closest_marker, left_out))]
    config.hook.pytest_deselected(items=deselected)
    items[:] = [item for item in items if item not in set(deselected)]


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in background jobs of a shell without job control
    signal.signal(signal.SIGINT, signal.default_int_handler)  # processes that tests interrupt would inherit SIG_IGN


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path):
    """
    Isolate tests from the user's environment, current folder and configuration directory.
    """
    for name in list(os.environ):
        if name.startswith(VENDOR_PREFIXES) and not name.startswith("BUDWOOD_TEST_"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    for name in (
        "HOME",
        "XDG_CONFIG_HOME",
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
        "APPDATA",
        "LOCALAPPDATA",
    ):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(home))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def new_endpoints():
    """
    Isolate tests from the endpoints of earlier ones: clients of a process with equal settings share their state.
    """
    reset_endpoints()


@pytest.fixture
def clock():
    """
    A clock on which sleeping returns immediately.
    """
    return FakeClock()


@pytest.fixture
def scripted():
    """
    A transport with scripted replies.
    """
    return ScriptedTransport()


@pytest.fixture
def client(scripted, clock):
    """
    A blocking client for openai/gpt-4o with the scripted transport.
    """
    with Client("openai/gpt-4o", api_key="sk-test-secret", transport=scripted, clock=clock, cache=False) as client:
        yield client


@pytest.fixture
def async_client(scripted, clock):
    """
    An async client for openai/gpt-4o with the scripted transport. Tests run it with `asyncio.run`.
    """
    return AsyncClient(
        "openai/gpt-4o", api_key="sk-test-secret", transport=scripted.asynchronous, clock=clock, cache=False
    )


@pytest.fixture
def loopback_server(monkeypatch):
    """
    An HTTP server on loopback, reached without the proxies of the environment.
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

    Without it the test is skipped; in CI it fails.
    """
    if not SHARED.is_dir():
        if os.environ.get("CI"):
            pytest.fail("the folder ../shared is missing")
        pytest.skip("the folder ../shared with recorded traffic does not exist")
    return SHARED
