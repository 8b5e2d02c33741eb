"""A gateway with accounts."""

from __future__ import annotations

import json

import pytest

from budwood_server.people import passwords
from budwood_server.people.accounts import create_account
from budwood_server.people.passwords import hash_password
from budwood_server.people.principals import COMMAND
from tests.plugins.server.keyed_gateway import KeyedGateway

PASSWORD = "correct horse battery"


class AccountsGateway(KeyedGateway):
    """
    A gateway with the accounts ``ann``, an administrator, ``oli``, an operator, and ``vera``, a viewer.
    """

    def __enter__(self):
        super().__enter__()
        self.run(self._create_accounts())
        return self

    async def _create_accounts(self):
        async with self.worker.database.write() as connection:
            for name, role in (("ann", "admin"), ("oli", "operator"), ("vera", "viewer")):
                await create_account(connection, COMMAND, name, role, hash_password(PASSWORD))

    def call(self, method, path, body=None, token="", **headers):
        """
        Send a request with a JSON body.
        """
        content = b"" if body is None else json.dumps(body).encode()
        return self.send(method, path, token, content, **({"content_type": "application/json"} | headers))

    def log_in(self, name="ann", password=PASSWORD, **headers):
        """
        Log in as a program.
        """
        return self.call("POST", "/api/auth/login", {"name": name, "password": password}, **headers)

    def open_page(self, name="ann", **headers):
        """
        Log in as a page; return the cookie and the token for changes.
        """
        body = {"name": name, "password": PASSWORD, "kind": "page"}
        answer = self.call(
            "POST", "/api/auth/login", body, **({"host": "localhost", "origin": "http://localhost"} | headers)
        )
        assert answer.status == 200, answer.body
        return answer.headers["set-cookie"].partition(";")[0], answer.json["csrf_token"]

    def execute(self, statement):
        """
        Execute a statement, and return its rows if it has any.
        """

        async def run():
            async with self.worker.database.write() as connection:
                found = await connection.execute(statement)
                return found.all() if found.returns_rows else []

        return self.run(run())


@pytest.fixture
def gateway(database_url, monkeypatch):
    """
    A gateway with accounts whose passwords are hashed cheaply.
    """
    monkeypatch.setattr(passwords, "_N", 16)
    with AccountsGateway({"server": {"models": {"fast": "offline/extractive"}}}, database_url) as gateway:
        yield gateway
