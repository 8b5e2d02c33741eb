"""The address of a client, also behind proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def find_client_address(peer: str, forwarded: str, proxies: Sequence[str]) -> str:
    """
    Return the address of a client.

    Args:
        peer: The address of the connection, which may be that of a proxy.
        forwarded: The header ``x-forwarded-for``: the addresses that proxies have seen, the last one last. Clients can
            send it, too, so only what trusted proxies have added is believed.
        proxies: The addresses or networks of trusted proxies.
    """
    address = peer
    for seen in reversed(forwarded.split(",")):
        if not seen.strip() or not _is_within(address, tuple(proxies)):
            break
        address = seen.strip()
    return address


def parse_network(text: str) -> Network:
    """
    Return the network of an address or a network.

    Raises:
        ValueError: It is neither.
    """
    return ipaddress.ip_network(text, strict=False)


@lru_cache(maxsize=256)
def _is_within(address: str, proxies: tuple[str, ...]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in parse_network(each) for each in proxies)
