"""Certificates and proxies of the environment that cannot be used."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import pytest

from budwood.errors import ConfigurationError
from budwood.transports.pooled import PooledTransport
from budwood.transports.pooled_async import AsyncPooledTransport
from budwood.types import HTTPCall, Timing
from budwood.wire import tls


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """
    An environment without proxies and certificates, and without cached contexts.
    """
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(tls, "_contexts", {})
    return monkeypatch


def open_securely() -> None:
    """Open a call that needs certificates."""
    open_call(PooledTransport)


def open_call(kind: type[PooledTransport | AsyncPooledTransport], url: str = "https://127.0.0.1:1/") -> None:
    """Open a call with a transport of a class."""
    timing = Timing(connect_timeout=60, idle_timeout=60, deadline=time.monotonic() + 60)
    pending_open: Any = kind().open(HTTPCall(method="GET", url=url), timing)
    if kind is AsyncPooledTransport:
        asyncio.run(pending_open)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_error_of_certificates_names_the_variable(environment, tmp_path, content):
    """
    A missing or malformed SSL_CERT_FILE is a configuration error that names the variable and the file.
    """
    file = tmp_path / "roots.pem"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    environment.setenv("SSL_CERT_FILE", str(file))

    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE") as caught:
        open_securely()

    assert "roots.pem" in str(caught.value)
    assert "unset it" in str(caught.value)


@pytest.mark.parametrize("kind", [PooledTransport, AsyncPooledTransport])
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "ftp://me:hush@proxy"),
        ("HTTPS_PROXY", "ftp://me:hush@proxy"),
        ("https_proxy", "http://me:hush@proxy:port"),
    ],
)
def test_error_of_a_proxy_names_the_variable(environment, kind, variable, value):
    """
    An unsupported proxy is a configuration error that shows the variable, and not its password.
    """
    environment.setenv(variable, value)

    with pytest.raises(ConfigurationError, match=variable) as caught:
        open_call(kind)

    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("kind", [PooledTransport, AsyncPooledTransport])
def test_socks_proxy_names_the_package_that_it_needs(environment, kind):
    """
    Without socksio it is an error that names the variable and what to install.
    """
    environment.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    environment.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    environment.setitem(sys.modules, "socksio", None)

    with pytest.raises(ConfigurationError, match="ALL_PROXY") as caught:
        open_call(kind)

    assert "budwood[socks]" in str(caught.value)
    assert "HTTP_PROXY" not in str(caught.value)
