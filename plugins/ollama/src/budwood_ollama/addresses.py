"""Parse the address of a server in all forms of ``OLLAMA_HOST``."""

from __future__ import annotations

import ipaddress
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from budwood.providing import parse_url

PORT: Final = 11434
CLOUD: Final = "ollama.com"


class _Authority(NamedTuple):
    """Host and port of a URL. An empty host is this machine; the port is optional."""

    host: str
    port: int | None


def parse_address(text: str) -> str:
    """
    Return the address as a URL without ``/api``.

    A host alone means http and port 11434. With ``http://`` or ``https://`` the default port is that of the scheme.
    ``ollama.com`` alone is the cloud, with https. Servers can listen on ``0.0.0.0`` or ``::``, but clients cannot
    connect to these; they become this machine. Source: Ollama's ``envconfig.Host`` and ``_parse_host`` of its Python
    client.

    Raises:
        ValueError: The text has none of these forms.
    """
    text = text.strip().strip("\"'").strip()
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = ("https" if text.strip("/") == CLOUD else "http"), text
    if scheme.lower() not in ("http", "https"):
        raise ValueError("must start with http:// or https://, or be HOST or HOST:PORT")
    if "?" in rest or "#" in rest:
        raise ValueError("must not contain ? or #")
    authority, _, path = rest.partition("/")
    host, port = _authority(authority)
    if port is None and not separator and scheme == "http":
        port = PORT
    return parse_url(f"{scheme.lower()}://{_reachable(host)}{f':{port}' if port is not None else ''}{_path(path)}")


def _authority(text: str) -> _Authority:
    """Split host and port; the brackets of an IPv6 address are optional."""
    if "@" in text:
        raise ValueError("must not contain a user and password: set api_key, or a header")
    try:
        return _Authority(f"[{ipaddress.IPv6Address(text)}]", None)
    except ValueError:
        pass  # a name, an IPv4 address, or an address with a port
    try:
        split = urlsplit(f"//{text}")
        return _Authority(f"[{split.hostname}]" if "[" in text else split.hostname or "", split.port)
    except ValueError:
        raise ValueError("must have an IPv6 address in brackets, and a port from 1 to 65535") from None


def _reachable(host: str) -> str:
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - not bound to


def _path(path: str) -> str:
    """Remove ``/api``, which is part of the URL in the documentation of the cloud."""
    path = path.rstrip("/")
    if path.split("/")[-1] == "v1" or path.endswith("/v1/chat/completions"):
        raise ValueError("must not include /v1, Ollama's API in OpenAI's form: remove it, or use ollama-v1/MODEL")
    if path.endswith(("api/chat", "api/embed", "api/generate")):
        raise ValueError("must not include /api/…: remove it, Budwood adds the endpoint")
    return f"/{path}".removesuffix("/api").rstrip("/")
