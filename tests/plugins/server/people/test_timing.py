"""The work for a login does not tell whether an account exists."""

from __future__ import annotations

import hashlib

import pytest

from budwood_server.people import passwords
from tests.plugins.server.people.conftest import PASSWORD


@pytest.mark.parametrize(("name", "password"), [("ann", "wrong"), ("nobody", "wrong"), ("gone", PASSWORD)])
def test_each_refused_login_computes_the_same_hash(gateway, monkeypatch, name, password):
    """
    With the same parameters, for a wrong password, an unknown account and a disabled one.
    """
    admin = gateway.log_in().json["access_token"]
    body = {"name": "gone", "role": "viewer", "password": PASSWORD}
    gateway.call("POST", "/api/accounts", body, admin)
    gateway.call("PATCH", "/api/accounts/gone", {"disabled": True}, admin)
    passwords._nothing.cache_clear()
    work, scrypt = [], hashlib.scrypt

    def count(password, *, salt, **parameters):
        work.append((len(salt) > 0, *parameters.values()))
        return scrypt(password, salt=salt, **parameters)

    monkeypatch.setattr(hashlib, "scrypt", count)

    assert gateway.log_in(name, password).status == 401
    assert work == [(True, passwords._N, passwords._R, passwords._P, passwords._MAX_MEMORY, 32)]
