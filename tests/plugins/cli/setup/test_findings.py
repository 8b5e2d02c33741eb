"""What ``budwood setup`` finds before it asks: servers, keys and models."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager

import pytest

from budwood import ModelInfo, Settings
from budwood.errors import PluginNotFoundError
from budwood.plugins import first_party
from budwood_cli.setup.answers import Answers
from budwood_cli.setup.candidates import Candidate, ConfiguredKey, Findings, look_around
from budwood_cli.setup.local_servers import LocalServer, Probe, find_servers
from budwood_cli.setup.model_choice import propose_models, strip_provider
from budwood_cli.setup.wizard import make_plan, propose_provider
from tests.plugins.cli.setup.vendors import Vendor

pytestmark = pytest.mark.one_python

SECONDS = 120.0


@contextmanager
def listen(answer):
    """
    Accept one connection, and pass it to a function.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            with server.accept()[0] as connection:
                answer(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        thread.join()


# Servers.


def test_servers_are_found_in_the_order_of_the_probes():
    """
    Each has its models. Nothing listens at the last address.
    """
    with Vendor(keys=None, models=("a", "b")) as ollama, Vendor(keys=None, models=()) as studio:
        probes = [Probe("lm-studio", studio.url), Probe("ollama", ollama.root), Probe("vllm", "http://127.0.0.1:9/v1")]

        assert find_servers(probes, seconds=SECONDS) == [
            LocalServer("lm-studio", studio.url, (), is_default=True),
            LocalServer("ollama", ollama.root, ("a", "b"), is_default=True),
        ]


@pytest.mark.parametrize(("owner", "provider"), [("vllm", "vllm"), ("llamacpp", "llama-cpp"), ("me", "lm-studio")])
def test_servers_are_recognised_on_ports_of_others(owner, provider):
    """
    Some state who they are as the owner of their models.
    """
    with Vendor(keys=None, models=("a",), owner=owner) as server:
        (found,) = find_servers([Probe("lm-studio", server.url)], seconds=SECONDS)

    assert (found.provider, found.is_default) == (provider, provider == "lm-studio")


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>",
        b'HTTP/1.1 404 Not Found\r\ncontent-length: 12\r\n\r\n{"data": []}',
        b'HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{"data": [3]}',
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
        b'HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{"data": [{"id": 3}]}',
    ],
)
def test_other_servers_are_ignored(reply):
    """
    Many programs listen on port 8000.
    """

    def answer(connection):
        connection.recv(1)
        connection.sendall(reply)

    with listen(answer) as url:
        assert find_servers([Probe("vllm", url)], seconds=SECONDS) == []


def test_servers_are_asked_at_the_same_time():
    """
    One that is silent until another was asked does not hold that up.
    """
    with Vendor(keys=None, models=("a",)) as good:
        asked = threading.Event()
        reply = good.reply
        good.reply = lambda *request: (asked.set(), reply(*request))[1]

        with listen(lambda _connection: asked.wait()) as url:
            found = find_servers([Probe("vllm", url), Probe("lm-studio", good.url)], seconds=SECONDS)

    assert [server.provider for server in found] == ["lm-studio"]


def test_address_of_all_interfaces_is_this_machine(monkeypatch):
    """
    ``OLLAMA_HOST`` may be the address on which the server listens.
    """
    with Vendor(keys=None, models=("a",)) as ollama:
        port = ollama.root.rpartition(":")[2]
        monkeypatch.setenv("OLLAMA_HOST", f"0.0.0.0:{port}")
        findings = look_around(Settings.load(), only="ollama", seconds=SECONDS)

    assert findings.candidates["ollama"].server == LocalServer("ollama", ollama.root, ("a",), is_default=True)


# Keys.


@pytest.mark.parametrize(
    ("variable", "place"),
    [
        ("OPENAI_API_KEY", "OPENAI_API_KEY"),
        ("OPENAI_API_KEYS", "OPENAI_API_KEYS"),
        ("BUDWOOD_PROVIDERS__OPENAI__API_KEY", "BUDWOOD_PROVIDERS__OPENAI__API_KEY"),
    ],
)
def test_key_in_a_variable_is_found(monkeypatch, variable, place):
    """
    The place is the variable, never the key.
    """
    monkeypatch.setenv(variable, "sk-secret")
    found = look_around(Settings.load(), only="openai").candidates["openai"]

    assert found.key == ConfiguredKey("environment", place)
    assert "sk-secret" not in repr(found)


def test_key_in_dotenv_is_found(tmp_path):
    """
    Variables of the file count as those of the environment.
    """
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-secret\n")

    assert look_around(Settings.load(), only="openai").candidates["openai"].key == ConfiguredKey(
        "environment", "OPENAI_API_KEY"
    )


def test_key_in_a_file_is_found(tmp_path):
    """
    The place is the file.
    """
    (tmp_path / "budwood.toml").write_text('[providers.openai]\napi_key = "sk-secret"\n')

    assert look_around(Settings.load(), only="openai").candidates["openai"].key == ConfiguredKey("file", "budwood.toml")


def test_token_counts_as_a_key(monkeypatch):
    """
    Azure accepts a token in place of a key.
    """
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "secret")
    found = look_around(Settings.load(), only="azure").candidates["azure"]

    assert found.key == ConfiguredKey("environment", "AZURE_OPENAI_AD_TOKEN")
    assert found.needs_address


def test_providers_with_a_key_come_first(monkeypatch):
    """
    Then those that need one, then the others.
    """
    monkeypatch.setenv("MISTRAL_API_KEY", "secret")
    names = [candidate.name for candidate in look_around(Settings.load(), seconds=0).offered]

    assert names[:2] == ["mistral", "anthropic"]
    assert names[-1] == "openai-compatible"
    assert "ollama-v1" not in names


@pytest.mark.parametrize("asked", ["cohere", "Cohere"])
def test_provider_that_is_not_installed_is_an_error_that_says_how_to_install_it(monkeypatch, asked):
    """
    So is the error of a call to one of its models.
    """
    monkeypatch.setattr(first_party, "first_party_plugins", lambda: {"budwood-cohere": {"providers": ("cohere",)}})

    with pytest.raises(PluginNotFoundError, match="No provider 'cohere' is installed") as caught:
        make_plan(Answers(provider=asked), Settings(), Findings(names=["openai"]))

    assert "pip install ./plugins/cohere" in caught.value.hint


def test_providers_of_the_catalog_are_described():
    """
    By what they are, not by the host of their address.
    """
    offered = {candidate.name: candidate.describe() for candidate in look_around(Settings(), seconds=0).offered}

    assert [offered[name] for name in ("bedrock", "deepseek", "together")] == [
        "Amazon Bedrock",
        "DeepSeek",
        "Together AI",
    ]
    assert all(offered.values())


# Models.


def propose(client, *listed, known=(), current=None):
    """
    Return the proposed models of OpenAI.
    """
    models = [ModelInfo(id=name, created=number) for number, name in enumerate(listed)]
    return list(propose_models(client, "openai", models, known, current))


def test_models_of_the_catalog_come_before_newer_ones(client):
    """
    Of the rest the newest comes first. Models for other purposes and those that end come last or not at all.
    """
    listed = ("gpt-4o", "text-embedding-3-small", "new-1", "gpt-6.1-sol", "new-2")

    assert propose(client, *listed, known=("gone", "gpt-6.1-sol")) == ["gpt-6.1-sol", "new-2", "new-1", "gpt-4o"]


@pytest.mark.parametrize(
    "name",
    [
        "nomic-embed-text",
        "text-embedding-nomic-embed-text-v1.5",
        "BAAI/bge-m3",
        "bge-reranker-v2",
        "intfloat/e5-large",
        "openai/whisper-large-v3",
        "tts-1-hd",
        "jina-embeddings-v3",
    ],
)
@pytest.mark.parametrize("provider", ["lm-studio", "openai"])
def test_models_that_are_named_for_other_tasks_are_not_proposed(client, provider, name):
    """
    Servers with OpenAI's API list all their models, and do not say which are for chat.
    """
    listed = [ModelInfo(id=name, created=2), ModelInfo(id="Qwen/Qwen3-Coder-8B", created=1)]

    assert list(propose_models(client, provider, listed, (), None)) == ["Qwen/Qwen3-Coder-8B"]


def test_current_model_comes_first(client):
    """
    Also if the provider does not list it, as names of deployments are not listed.
    """
    assert propose(client, "new-1", "mine", current="mine") == ["mine", "new-1"]
    assert propose(client, "new-1", current="mine") == ["mine", "new-1"]


def test_without_a_list_the_catalog_is_proposed(client):
    """
    Only chat models are.
    """
    proposed = propose_models(client, "openai", None, ("gpt-6.1-sol", "dall-e-3"), None)

    assert list(proposed) == ["gpt-6.1-sol"]
    assert "context" in proposed["gpt-6.1-sol"]


def test_provider_of_a_model_may_be_left_out():
    """
    Another vendor before the slash belongs to the name.
    """
    assert strip_provider("openrouter/openai/gpt-5", "openrouter") == "openai/gpt-5"
    assert strip_provider("openai/gpt-5", "openrouter") == "openai/gpt-5"


@pytest.mark.parametrize(
    ("model", "ready", "expected"),
    [
        ("ollama/llama3", ("openai",), "openai"),
        ("ollama/llama3", ("ollama", "openai"), "ollama"),
        ("ollama/llama3", (), "ollama"),
        ("openai/gpt", ("ollama",), "ollama"),
        ("offline/extractive", ("openai",), "offline"),
        (None, (), None),
    ],
)
def test_the_proposed_provider_can_be_used_now(model, ready, expected):
    """
    That of the settings, unless its key is missing or its server is stopped and another one is ready.
    """
    server, key = LocalServer("ollama", "http://127.0.0.1:1", (), is_default=True), ConfiguredKey("stored", "here")
    candidates = [
        Candidate("ollama", server=server if "ollama" in ready else None),
        Candidate("openai", needs_key=True, key=key if "openai" in ready else None),
        Candidate("offline", is_local=True),
    ]
    findings = Findings({candidate.name: candidate for candidate in candidates})
    settings = Settings.load({} if model is None else {"model": model})

    assert propose_provider(settings, findings) == expected
