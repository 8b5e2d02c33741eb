from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from budwood_ollama.addresses import parse_address


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("1.2.3.4", "http://1.2.3.4:11434"),
        ("box", "http://box:11434"),
        ("box/", "http://box:11434"),
        ("box:1234", "http://box:1234"),
        ("box:1234/path/", "http://box:1234/path"),
        (":1234", "http://127.0.0.1:1234"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("http://0.0.0.0:11434", "http://127.0.0.1:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("[::1]:1337", "http://[::1]:1337"),
        ("[::]", "http://[::1]:11434"),
        (" 1.2.3.4 ", "http://1.2.3.4:11434"),
        ("' 1.2.3.4 '", "http://1.2.3.4:11434"),
        ('"1.2.3.4"', "http://1.2.3.4:11434"),
        ("http://1.2.3.4", "http://1.2.3.4"),
        ("http://1.2.3.4:4321", "http://1.2.3.4:4321"),
        ("https://example.com", "https://example.com"),
        ("HTTPS://Example.com:444/", "https://example.com:444"),
        ("https://example.com/ollama", "https://example.com/ollama"),
        ("https://ollama.com/api", "https://ollama.com"),
        ("https://example.com/ollama/api/", "https://example.com/ollama"),
        ("ollama.com", "https://ollama.com"),
        ("http://", "http://127.0.0.1"),
    ],
)
def test_every_form_of_an_address_is_parsed(address, url):
    """
    Each form of OLLAMA_HOST becomes the URL that Ollama's own client uses.
    """
    assert parse_address(address) == url


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        ("ftp://box", "http:// or https://"),
        ("box:eleven", "port"),
        ("box:66000", "port"),
        ("http://me:secret@box", "api_key"),
        ("http://box:11434/v1", "ollama-v1"),
        ("http://box/api/chat", "not include /api"),
        ("http://box/path?code=secret", "not contain ?"),
        ("[::1", "bracket"),
    ],
)
def test_invalid_addresses_are_rejected(address, cause):
    """
    The error says what to write instead, and does not contain a password.
    """
    with pytest.raises(ValueError, match=cause) as raised:
        parse_address(address)
    assert "secret" not in str(raised.value)


@given(st.text(max_size=40))
@example("#[")
@example("host?x")
def test_any_text_is_a_url_or_an_error(address):
    """
    No text raises anything but ValueError, and parsing a URL again does not change it.
    """
    try:
        url = parse_address(address)
    except ValueError:
        return
    assert url.startswith(("http://", "https://"))
    assert parse_address(url) == url
