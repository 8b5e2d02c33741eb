"""The key of a provider whose section has none."""

from __future__ import annotations

import pytest

import budwood
from budwood.errors import CredentialError
from tests.servers import reply

CHAT = '{"id": "c", "model": "m", "choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]}'


@pytest.fixture
def ask(vendor):
    """
    Return a function that asks a model of a server, and returns the key that it has received.
    """

    def run(**section):
        team = {"plugin": "budwood-server", "base_url": f"{vendor.url}/v1", **section}
        vendor.play(reply(body=CHAT))
        with budwood.Client("team/m", settings={"providers": {"team": team}}, retries=0) as client:
            client.ask("hi")
        return vendor.requests[-1].headers["authorization"].removeprefix("Bearer ")

    return run


def test_key_of_the_environment_is_for_its_own_server(ask, vendor, monkeypatch):
    """
    A key of the section takes precedence.
    """
    monkeypatch.setenv("BUDWOOD_SERVER_URL", vendor.url)
    monkeypatch.setenv("BUDWOOD_SERVER_KEY", "bw_live_a_b")

    assert ask() == "bw_live_a_b"
    assert ask(api_key="bw_live_c_d") == "bw_live_c_d"


@pytest.mark.parametrize("url", [None, "https://other.example.org"])
def test_key_of_the_environment_is_not_sent_to_others(ask, vendor, monkeypatch, url):
    """
    The error names what else would do.
    """
    if url is not None:
        monkeypatch.setenv("BUDWOOD_SERVER_URL", url)
    monkeypatch.setenv("BUDWOOD_SERVER_KEY", "bw_live_a_b")

    with pytest.raises(CredentialError, match="no API key") as error:
        ask()

    assert "run `budwood login URL`" in error.value.hint
    assert vendor.requests == []


def test_a_folder_cannot_choose_where_the_key_of_the_environment_is_sent(ask, vendor, monkeypatch, tmp_path):
    """
    ``.env`` of the current folder names a server, but not its key.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"BUDWOOD_SERVER_URL={vendor.url}\n", "utf-8")
    monkeypatch.setenv("BUDWOOD_SERVER_KEY", "bw_live_a_b")

    with pytest.raises(CredentialError):
        ask()
    (tmp_path / ".env").write_text(f"BUDWOOD_SERVER_URL={vendor.url}\nBUDWOOD_SERVER_KEY=bw_live_e_f\n", "utf-8")
    assert ask() == "bw_live_e_f"
