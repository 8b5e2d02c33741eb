"""Which URLs and addresses may get requests of this server: those of public servers."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from budwood.wire.hosts import is_valid_host
from budwood.wire.public_addresses import is_public
from budwood_server.web.problems import reject

MAX_URL: Final = 2000
_URL: Final = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]*")
"""The characters of a URL without a fragment (RFC 3986): programs read others, such as a backslash, differently."""

_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
"""The last part of a host that is an IPv4 address in one of its spellings (WHATWG URL, "ends in a number")."""


class UnsafeUrlError(ValueError):
    """A URL may not get requests of this server."""


def check_url(url: str, *, allow_local: bool) -> str:
    """
    Check the URL of an endpoint, as far as that is possible without looking up its host, and return it.

    Args:
        url: The URL.
        allow_local: Whether it may have the scheme http, and lead to this machine, for development.

    Raises:
        ProblemError: 400: it may not get requests.
    """
    problem = find_problem(url, allow_local=allow_local)
    if problem is not None:
        hint = "Use the address of a public server that begins with https://."
        raise reject(f"The URL cannot be used: {problem}.", param="url", code="invalid_url", hint=hint)
    return url


def find_problem(url: str, *, allow_local: bool) -> str | None:
    """Return why a URL may not get requests; None if nothing is wrong with it before its host is looked up."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        return "it is no URL with a host"
    if parts.fragment or url.endswith("#"):
        return "it must not contain '#'"
    if not host or port == 0 or not _URL.fullmatch(url) or len(url) > MAX_URL:
        return "it is no URL with a host"
    if parts.scheme not in (("https", "http") if allow_local else ("https",)):
        return "it must begin with https://"
    if parts.username is not None or parts.password is not None:
        return "it must not contain a user name or a password"
    return _find_problem_of_host(host, allow_local=allow_local)


def _find_problem_of_host(host: str, *, allow_local: bool) -> str | None:
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        pass
    else:
        return None if is_allowed(address, allow_local=allow_local) else f"the address {address} is not public"
    if not is_valid_host(host):
        return "its host is no name and no address"
    name = host.removesuffix(".")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        return "its host is no address of four decimal numbers"
    if (name == "localhost" or name.endswith(".localhost")) and not allow_local:
        return f"{name} is this machine"
    return None


def is_allowed(address: str, *, allow_local: bool) -> bool:
    """Tell whether requests may go to an address: a public one, or one of this machine if that is allowed."""
    return is_public(address) or (allow_local and is_loopback(address))


def is_loopback(address: str) -> bool:
    """Tell whether an address is one of this machine, also if it is one of IPv4 within one of IPv6."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback
