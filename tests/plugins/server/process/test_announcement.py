"""What `budwood serve` prints when it has started."""

from __future__ import annotations

import socket

import pytest

from budwood_server.commands.serve import _announce
from budwood_server.process.preparation import PreparedDatabase
from budwood_server.settings import ServerSettings


@pytest.mark.parametrize(
    ("host", "is_open"), [("127.0.0.1", False), ("localhost", False), ("::1", False), ("0.0.0.0", True), ("::", True)]
)
def test_a_server_for_other_machines_says_that_it_has_no_tls(host, is_open, capsys):
    """
    Nothing of it is printed if only this machine can connect.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        _announce([listener], ServerSettings(host=host), PreparedDatabase(label="x", admin_key=None))

    assert ("proxy with TLS" in capsys.readouterr().err) == is_open
