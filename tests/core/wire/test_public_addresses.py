"""Only public addresses are reached by URLs that data or users name."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.wire.public_addresses import PrivateAddressError, is_public, resolve_public

PRIVATE_V4 = ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200"]
PRIVATE = [
    *PRIVATE_V4,
    "0.0.0.0",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "192.0.2.1",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "64:ff9b:1::808:808",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_special_addresses_are_not_public(address):
    """
    Loopback, private, link-local, shared, multicast, reserved and documentation addresses are refused.
    """
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(address):
    """
    Also within the forms of IPv6 that networks use to reach IPv4.
    """
    assert is_public(address)


def embed(address: str) -> list[str]:
    """
    Return the forms of IPv6 that contain an address of IPv4.
    """
    number = int(ipaddress.IPv4Address(address))
    forms = [
        0xFFFF << 32 | number,
        number,
        0x64FF9B << 96 | number,
        0x2002 << 112 | number << 80 | 1,
        0x20010000 << 96 | 0x41414141 << 64 | number ^ 0xFFFFFFFF,
        0x20010000 << 96 | number << 64 | 0xBEBEBEBE,
        0x2606470000000000 << 64 | 0x5EFE << 32 | number,
    ]
    return [str(ipaddress.IPv6Address(form)) for form in forms]


@given(st.sampled_from(PRIVATE_V4))
def test_embedded_addresses_are_unwrapped(address):
    """
    Mapped, compatible, NAT64, 6to4, Teredo (client and server) and ISATAP addresses of a private one are refused.
    """
    assert [form for form in embed(address) if is_public(form)] == []


def test_every_address_of_a_host_is_checked():
    """
    One that is not public is enough to refuse the host, which is looked up once.
    """
    looked_up = []

    def resolve(host, port, **_):
        looked_up.append(host)
        return [(socket.AF_INET, 1, 6, "", (each, port)) for each in addresses]

    addresses = ["8.8.8.8", "10.0.0.1"]
    with pytest.raises(PrivateAddressError, match=r"a\.test has the address 10\.0\.0\.1, which is not public"):
        resolve_public("a.test", 80, resolve)
    addresses = ["8.8.8.8", "1.1.1.1", "8.8.8.8"]
    assert resolve_public("a.test", 80, resolve) == ("8.8.8.8", "1.1.1.1")
    assert looked_up == ["a.test"] * 2


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "2130706433"])
def test_hosts_of_this_machine_are_refused(host):
    """
    By the system's own look-up, which also takes an address that is written as one number.
    """
    with pytest.raises(PrivateAddressError, match=r"has the address (127\.0\.0\.1|::1), which is not public"):
        resolve_public(host, 80)
