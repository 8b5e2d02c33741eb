"""How many logins may fail, and whom that stops."""

from __future__ import annotations

import pytest

from budwood_server.people.attempts import MAX_FOR_ADDRESS, MAX_FOR_BOTH, MAX_FOR_NAME, count_attempt, forgive_attempt
from budwood_server.web.client_address import find_client_address
from budwood_server.web.problems import ProblemError


def attempt(gateway, name, address, times=1):
    """
    Count attempts that fail, and return the status of the last.
    """

    async def run():
        status = 200
        for _ in range(times):
            try:
                await count_attempt(gateway.worker.database, name, address)
            except ProblemError as error:
                status = error.problem.status
        return status

    return gateway.run(run())


def succeed(gateway, name, address):
    """
    Note a login that succeeds.
    """

    async def run():
        async with gateway.worker.database.write() as connection:
            await forgive_attempt(connection, name, address)

    gateway.run(run())


def test_one_address_cannot_lock_out_an_account(gateway):
    """
    However often it tries: what is refused counts no further.
    """
    assert attempt(gateway, "ann", "192.0.2.1", 2 * MAX_FOR_NAME) == 429

    assert attempt(gateway, "ann", "192.0.2.2") == 200


def test_one_network_of_ipv6_counts_as_one_address(gateway):
    """
    A client has 2 ** 64 of them.
    """
    for number in range(MAX_FOR_BOTH):
        assert attempt(gateway, "ann", f"2001:db8:1:2::{number:x}") == 200

    assert attempt(gateway, "ann", "2001:db8:1:2:ffff::1") == 429
    assert attempt(gateway, "ann", "2001:db8:1:3::1") == 200
    assert attempt(gateway, "ann", "::ffff:192.0.2.1") == 200


def test_many_addresses_cannot_lock_out_a_person_where_they_have_logged_in(gateway):
    """
    Elsewhere, attempts for one name end. A login that succeeds from a known address is possible all the time.
    """
    attempt(gateway, "ann", "198.51.100.1")
    succeed(gateway, "ann", "198.51.100.1")
    for number in range(MAX_FOR_NAME // MAX_FOR_BOTH + 1):
        attempt(gateway, "ann", f"192.0.2.{number}", MAX_FOR_BOTH)

    assert attempt(gateway, "ann", "203.0.113.1") == 429
    assert attempt(gateway, "ann", "198.51.100.1") == 200
    assert attempt(gateway, "ann", "198.51.100.1", MAX_FOR_BOTH) == 429


def test_an_address_tries_only_some_names(gateway):
    """
    One password for many names is bounded, too, and stops no other address.
    """
    for number in range(MAX_FOR_ADDRESS):
        assert attempt(gateway, f"name{number}", "192.0.2.1") == 200

    assert attempt(gateway, "another", "192.0.2.1") == 429
    assert attempt(gateway, "another", "192.0.2.2") == 200


def test_attempts_are_counted_for_clients_of_a_proxy(gateway):
    """
    A client behind it does not lock out the others.
    """
    for _ in range(MAX_FOR_BOTH + 1):
        last = gateway.log_in("ann", "wrong", x_forwarded_for="6.6.6.6, 192.0.2.1")

    assert last.status == 429
    assert gateway.log_in("ann", x_forwarded_for="192.0.2.1").status == 429
    assert gateway.log_in("ann", x_forwarded_for="6.6.6.6, 192.0.2.2").status == 200


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "6.6.6.6, 192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "6.6.6.6, 192.0.2.1, 10.1.2.3", "192.0.2.1"),
        ("::ffff:127.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("192.0.2.9", "127.0.0.1", "192.0.2.9"),
        ("", "127.0.0.1", ""),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "x, ", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.1, unknown", "unknown"),
    ],
)
def test_only_trusted_proxies_tell_the_address_of_a_client(peer, forwarded, address):
    """
    What a client writes into the header itself stays on the left of it.
    """
    assert find_client_address(peer, forwarded, ["127.0.0.1", "::1", "10.0.0.0/8"]) == address
