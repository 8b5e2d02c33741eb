"""The environment: proxies, certificates, URLs and keys."""

from __future__ import annotations

import pytest

from budwood import BudwoodError, Client, ConfigurationError, CredentialError
from budwood_testing import chat_reply
from tests.reports.wire import COMPATIBLE, encode_json
from tests.servers import reply

PROXY = "http://127.0.0.1:9"  # no server listens there


@pytest.mark.report("basicmachines-co/basic-memory#1541", outcome="right")
@pytest.mark.report("encode/httpx#3221", outcome="right")
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize(
    "hosts", ["localhost,127.0.0.1,::1,[::1]", "fe11::/16,127.0.0.0/8", " 127.0.0.1 , ::1/128", "[fe80::1],127.0.0.1"]
)
def test_no_proxy_may_contain_ipv6_addresses(name, hosts, monkeypatch, loopback_server):
    """
    NO_PROXY may contain IPv6 addresses, with or without brackets, and networks; its hosts bypass the proxy.
    """
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    monkeypatch.setenv("ALL_PROXY", PROXY)
    monkeypatch.setenv(name, hosts)
    loopback_server.play(reply(200, encode_json(chat_reply("Hello."))))

    with Client(COMPATIBLE, base_url=loopback_server.url, api_key="k", retries=0) as client:
        assert client.ask("Hi").text == "Hello."


@pytest.mark.report("Aider-AI/aider#3710", outcome="right")
def test_a_missing_certificate_file_is_named(monkeypatch, tmp_path):
    """
    If the file of SSL_CERT_FILE is missing, a ConfigurationError names the variable.
    """
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))

    with (
        pytest.raises(BudwoodError, match="SSL_CERT_FILE") as caught,
        Client(COMPATIBLE, base_url="https://127.0.0.1:9/v1", api_key="k", retries=0) as client,
    ):
        client.ask("Hi")

    assert isinstance(caught.value, ConfigurationError)


@pytest.mark.report("Aider-AI/aider#3710", outcome="right")
def test_a_missing_certificate_file_does_not_matter_without_tls(monkeypatch, tmp_path, loopback_server):
    """
    For a server without TLS, SSL_CERT_FILE is not read.
    """
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    loopback_server.play(reply(200, encode_json(chat_reply("Hello."))))

    with Client(COMPATIBLE, base_url=loopback_server.url, api_key="k", retries=0) as client:
        assert client.ask("Hi").text == "Hello."


@pytest.mark.report("langchain-ai/local-deep-researcher#38", outcome="mended")
@pytest.mark.parametrize("blank", ["", "  "])
def test_an_empty_address_in_the_environment_is_not_set(blank, monkeypatch, scripted, make_client):
    """
    An empty or blank variable, such as `OPENAI_BASE_URL=`, leaves the default URL.
    """
    for name in ("OPENAI_BASE_URL", "OLLAMA_HOST", "OLLAMA_BASE_URL", "BUDWOOD_PROVIDERS__OLLAMA__BASE_URL"):
        monkeypatch.setenv(name, blank)
    scripted.reply(200, chat_reply("Hello."))
    scripted.reply(200, {"message": {"role": "assistant", "content": "Hello."}, "done": True, "done_reason": "stop"})

    make_client("openai/gpt-4.1", api="chat").ask("Hi")
    make_client("ollama/qwen3").ask("Hi")

    assert [call.url.split("/")[2] for call in scripted.calls] == ["api.openai.com", "127.0.0.1:11434"]


@pytest.mark.report("typesafe-ai/typesafe-sdk-python#9", outcome="mended")
@pytest.mark.report("apache/devlake#7132", outcome="mended")
@pytest.mark.parametrize("key", ["sk-live-123456789\n", " sk-live-123456789", "sk-live-123456789\r\n"])
@pytest.mark.parametrize("source", ["argument", "environment"])
def test_white_space_around_a_key_is_reported(key, source, monkeypatch, loopback_server):
    """
    A key from a file may end with a line break: an error says so before anything is sent.
    """
    options = {"api_key": key}
    if source == "environment":
        monkeypatch.setenv("BUDWOOD_PROVIDERS__OPENAI_COMPATIBLE__API_KEY", key)
        options = {}

    with (
        pytest.raises(CredentialError, match="white space") as caught,
        Client(COMPATIBLE, base_url=loopback_server.url, retries=3, **options) as client,
    ):
        client.ask("Hi")

    assert "sk-live" not in f"{caught.value!r} {caught.value}"
    assert loopback_server.requests == []


@pytest.mark.report("typesafe-ai/typesafe-sdk-python#9", outcome="right")
@pytest.mark.parametrize("key", ["sk-live-12\n3456789", "sk-live-\x00-123456789", "sk-live-schlüssel"])
def test_an_invalid_key_is_reported_without_the_key(key, loopback_server):
    """
    A key with a line break or non-ASCII characters is rejected before sending, and is not in the message.
    """
    with (
        pytest.raises(ConfigurationError) as caught,
        Client(COMPATIBLE, base_url=loopback_server.url, api_key=key, retries=3) as client,
    ):
        client.ask("Hi")

    assert "sk-live" not in f"{caught.value!r} {caught.value} {caught.value.hint}"
    assert loopback_server.requests == []
