"""Check names of hosts before they are looked up: resolvers raise errors of other kinds for some."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

_LABEL: Final = re.compile(r"[A-Za-z0-9_~\-]{1,63}")
_MAX_NAME: Final = 253


def is_valid_host(host: str) -> bool:
    """
    Tell whether a host in ASCII is a name or an address.

    Source: RFC 1035, section 2.3.4, for the lengths of names; RFC 6874 for the zone of an IPv6 address. Underscores are
    not in RFC 1035, but container networks use them.

    Args:
        host: Without brackets.
    """
    if ":" in host:
        try:
            ipaddress.IPv6Address(host.partition("%")[0])
        except ValueError:
            return False
        return True
    name = host.removesuffix(".")
    return len(name) <= _MAX_NAME and all(map(_LABEL.fullmatch, name.split(".")))


def to_ascii(host: str) -> str | None:
    """Return a host as it is sent, with international names in the form of IDNA; None if it is invalid."""
    try:
        name = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    return name if is_valid_host(name) else None
