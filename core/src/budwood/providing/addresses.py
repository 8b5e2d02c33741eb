"""Check URLs, as people copy them from documentation, shells and browsers."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from budwood.wire.hosts import to_ascii

_PRIVATE: Final = re.compile(r"(?<=//)[^/@]*@|[?#].*", re.DOTALL)
"""Parts of a URL that may be secret: user name and password, query and fragment."""


def hide_secrets(url: str) -> str:
    """Return a URL for a message, without the parts that may be secret."""
    return "data:…" if url[:5].lower() == "data:" else _PRIVATE.sub("", url)


def parse_base_url(text: str, *endpoints: str) -> str:
    """
    Return the base URL of an API, without blanks or quotes around it and slashes at its end.

    Args:
        text: The URL as the user wrote it.
        endpoints: Paths of the API that are copied with it by mistake, such as ``/chat/completions``.

    Raises:
        ValueError: It is no URL of HTTP, has a query, or ends in an endpoint. The text does not show the URL, which may
            contain a password.
    """
    url = parse_url(text)
    if "?" in url:
        raise ValueError("must not have a query; remove everything from the ? on, and set keys as api_key")
    for endpoint in sorted(endpoints, key=len, reverse=True):
        if urlsplit(url).path.endswith(endpoint):
            raise ValueError(f"must not include {endpoint}: remove it, Budwood adds the endpoint")
    return url


def parse_url(text: str) -> str:
    """
    Return a URL of HTTP, which may have a query, without blanks or quotes around it and slashes at its end.

    Raises:
        ValueError: It is no such URL.
    """
    url = text.strip().strip("\"'").strip()
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        raise ValueError("must start with http:// or https://")
    if not url.isprintable():
        raise ValueError("must not contain line breaks, control characters or broken Unicode")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("is not a valid URL: check the brackets of its host, and its port (1 to 65535)") from None
    if not host:
        raise ValueError("must have a host after http:// or https://")
    if to_ascii(host) is None or port == 0:
        raise ValueError(
            "has an invalid host or port; each part of a host name has 1 to 63 letters, digits and hyphens"
        )
    if parts.fragment:
        raise ValueError("must not have a fragment; remove everything from the # on")
    return f"{scheme.lower()}://{rest}".rstrip("/")
