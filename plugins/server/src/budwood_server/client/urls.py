"""URLs of servers."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from budwood.errors import ConfigurationError

PLUGIN: Final = "budwood-server"
"""The plugin of providers that are servers of Budwood."""

KEY_VARIABLE: Final = "BUDWOOD_SERVER_KEY"
URL_VARIABLE: Final = "BUDWOOD_SERVER_URL"
"""The variables of the environment for the key and the URL of a server."""

_API: Final = "/v1"
_PORTS: Final = {"http": 80, "https": 443}


def parse_url(url: str) -> str:
    """
    Return the URL of a server in one form: without the path ``/v1`` and without a slash at its end.

    Raises:
        ConfigurationError: It is not a URL of HTTP, or contains a password or a query.
    """
    url = url.strip()
    if not _is_valid(url):
        raise ConfigurationError(
            "The URL of the server is not valid.",
            hint='Write it as in "https://budwood.example.org", without password.',
        )
    return find_origin(url) + urlsplit(url).path.rstrip("/").removesuffix(_API).rstrip("/")


def find_origin(url: str) -> str:
    """Return scheme, host and port of a URL; ports that schemes have by default are left out."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if parts.port in (None, _PORTS.get(parts.scheme)) else f":{parts.port}")


def is_protected(url: str) -> bool:
    """Tell whether others cannot read what is sent to a URL: it is encrypted, or stays on this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_valid(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_host = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return has_host and not (parts.username or parts.password or parts.query or parts.fragment)
