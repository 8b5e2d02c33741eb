"""
Check the addresses of hosts that data or users name, so that a URL cannot reach services inside a private network.

Sources: the IANA registries of special-purpose addresses (RFC 6890); IPv4-mapped and -compatible addresses (RFC 4291,
section 2.5.5), 6to4 (RFC 3056 and 7526), Teredo (RFC 4380), NAT64 (RFC 6052 and 8215), ISATAP (RFC 5214, section 6.1).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[..., list[Any]]
"""Looks up a host, as `socket.getaddrinfo` does."""

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_ISATAP: Final = (0x00005EFE, 0x02005EFE)
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""The addresses that are assigned to the public network. Source: IANA's registry of IPv6's address space."""

_SPECIAL: Final = (
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv6Network("2002::/16"),  # 6to4, which is not used any more
    ipaddress.IPv6Network("3fff::/20"),
)
"""Networks of the registries that not all versions of `ipaddress` know as not public."""

_CLOUD_SERVICES: Final = frozenset({ipaddress.IPv4Address("168.63.129.16")})
"""
Public addresses that reach an agent of the cloud in which this machine runs. Source: the cloud's documentation, "What
is IP address 168.63.129.16?".
"""


class PrivateAddressError(ValueError):
    """A host has an address that is not public."""


def is_public(address: str) -> bool:
    """
    Tell whether an address, and every IPv4 address within it, is public.

    Loopback, private, link-local, shared, multicast and reserved addresses are not.

    Args:
        address: In numbers; an IPv6 address may have a zone.
    """
    return all(map(_is_public, _unwrap(ipaddress.ip_address(address.partition("%")[0]))))


def resolve_public(host: str, port: int, resolve: Resolve | None = None) -> tuple[str, ...]:
    """
    Look up a host once, and return its addresses, all of which are public.

    Raises:
        PrivateAddressError: One of them is not.
        OSError: The host has no address.
    """
    found = (resolve or socket.getaddrinfo)(host, port, type=socket.SOCK_STREAM)
    addresses = tuple(dict.fromkeys(str(place[0]) for *_, place in found))
    for address in addresses:
        if not is_public(address):
            raise PrivateAddressError(f"{host} has the address {address}, which is not public")
    if not addresses:
        raise OSError(f"{host} has no address")
    return addresses


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    special = address.is_multicast or address.is_reserved or address.is_unspecified or address in _CLOUD_SERVICES
    return address.is_global and not special and not any(address in network for network in _SPECIAL)


def _unwrap(address: Address) -> Iterator[Address]:
    """Yield the addresses that an address leads to: its own, or those of IPv4 that it contains."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    number = int(address)
    embedded = ipaddress.IPv4Address(number & 0xFFFFFFFF)
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address in _NAT64:
        yield embedded
    elif address in _COMPATIBLE:
        yield from (address, embedded)
    else:
        yield address
        if address.teredo is not None:
            yield from address.teredo
        if number >> 32 & 0xFFFFFFFF in _ISATAP:
            yield embedded
