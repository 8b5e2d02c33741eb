"""Which URLs and addresses may get requests of this server: those of public servers."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from budwood.wire.hosts import is_valid_host
from budwood.wire.public_addresses import is_public
from budwood_server.web.problems import reject

MAX_URL: Final = 2000
_URL: Final = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]*")
"""The characters of a URL without a fragment (RFC 3986): programs read others, such as a backslash, differently."""

_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
"""The last part of a host that is an IPv4 address in one of its spellings (WHATWG URL, "ends in a number")."""


_NO_URL: Final = "Write an address with a host, such as https://example.org/events."
_PUBLIC: Final = "Use the https:// address of a public server."
_HTTPS: Final = "Write an address that begins with https://."
_DEVELOPMENT: Final = (
    "For a server in development, set allow_local = true in its [server.webhooks], and restart it; "
    "otherwise use the https:// address of a public server."
)


class UnsafeUrlError(ValueError):
    """A URL may not get requests of this server."""


@dataclass(frozen=True, slots=True)
class UrlProblem:
    """
    Why a URL may not get requests.

    Attributes:
        message: What is wrong, without the URL.
        hint: What to do.
    """

    message: str
    hint: str


def check_url(url: str, *, allow_local: bool) -> str:
    """
    Check the URL of an endpoint, as far as that is possible without looking up its host, and return it.

    Args:
        url: The URL.
        allow_local: Whether it may lead to this machine, also by http, for development.

    Raises:
        ProblemError: 400: it may not get requests.
    """
    problem = find_problem(url, allow_local=allow_local)
    if problem is not None:
        message = f"The URL cannot be used: {problem.message}."
        raise reject(message, param="url", code="invalid_url", hint=problem.hint)
    return url


def find_problem(url: str, *, allow_local: bool) -> UrlProblem | None:
    """Return why a URL may not get requests; None if nothing is wrong with it before its host is looked up."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return UrlProblem("it is no URL with a host", _NO_URL)
    if parts.scheme and parts.scheme not in ("https", "http") and "//" in url:
        return UrlProblem("it must begin with https://", _HTTPS)
    if not host or not _URL.fullmatch(url.partition("#")[0]):
        return UrlProblem("it is no URL with a host", _NO_URL)
    problem = _find_problem_of_parts(parts, url) or _find_problem_of_host(host, allow_local=allow_local)
    return problem or _find_problem_of_scheme(parts.scheme, host, allow_local=allow_local)


def _find_problem_of_parts(parts: SplitResult, url: str) -> UrlProblem | None:
    if len(url) > MAX_URL:
        return UrlProblem(f"it has more than {MAX_URL} characters", "Use a shorter one.")
    if "#" in url:
        return UrlProblem("it must not contain '#'", "Remove '#' and what follows it.")
    if parts.username is not None or parts.password is not None:
        hint = "Remove them: requests are signed, and the receiver verifies them with the secret of the endpoint."
        return UrlProblem("it must not contain a user name or a password", hint)
    try:
        is_port = parts.port != 0
    except ValueError:
        is_port = False
    return (
        None if is_port else UrlProblem("its port is no number from 1 to 65535", "Correct the port, or leave it out.")
    )


def _find_problem_of_scheme(scheme: str, host: str, *, allow_local: bool) -> UrlProblem | None:
    """Return what is wrong with the scheme of a URL whose host may get requests by https."""
    if scheme == "https" or (scheme == "http" and allow_local and _is_local(host)):
        return None
    if scheme == "http" and allow_local:
        return UrlProblem("http:// is for addresses of this machine only", _HTTPS)
    return UrlProblem("it must begin with https://", _HTTPS)


def _find_problem_of_host(host: str, *, allow_local: bool) -> UrlProblem | None:
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        pass
    else:
        if is_allowed(address, allow_local=allow_local):
            return None
        hint = _DEVELOPMENT if is_loopback(address) else _PUBLIC
        return UrlProblem(f"the address {address} is not public", hint)
    if not is_valid_host(host):
        return UrlProblem("its host is no name and no address", _NO_URL)
    name = _strip_dot(host)
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        hint = "Write the address as four decimal numbers, such as 203.0.113.7, without a dot at the end."
        return UrlProblem("its host is no address of four decimal numbers", hint)
    if _is_localhost(name) and not allow_local:
        return UrlProblem(f"{name} is this machine", _DEVELOPMENT)
    return None


def _is_local(host: str) -> bool:
    """Tell whether a host is this machine by its text alone: localhost, or an address of this machine."""
    try:
        return is_loopback(str(ipaddress.ip_address(host)))
    except ValueError:
        return _is_localhost(_strip_dot(host))


def _is_localhost(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")


def _strip_dot(host: str) -> str:
    return host.removesuffix(".")


def is_allowed(address: str, *, allow_local: bool) -> bool:
    """Tell whether requests may go to an address: a public one, or one of this machine if that is allowed."""
    return is_public(address) or (allow_local and is_loopback(address))


def is_loopback(address: str) -> bool:
    """Tell whether an address is one of this machine, also if it is one of IPv4 within one of IPv6."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def find_host(url: str) -> str:
    """Return the host of a URL. The rest may have a secret of the endpoint."""
    try:
        return urlsplit(url).hostname or "endpoint"
    except ValueError:
        return "endpoint"
