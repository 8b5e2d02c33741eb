"""Standard Webhooks' library for Node and the server accept each other's signatures."""

from __future__ import annotations

import json
import subprocess

import pytest

from budwood_server.webhooks import SignatureError, verify
from budwood_server.webhooks.signing import create_secret, make_headers
from tests.gateway_clients.node import install_program

NODE_PACKAGE = "standardwebhooks@1.1.1"
BODY = json.dumps({"id": "evt_1", "text": "Ågot \N{HONEYBEE}", "data": {"cost": 0.1}}, ensure_ascii=False)


def test_the_library_for_node_agrees(tmp_path):
    """
    It accepts both secrets of a rotation, and neither another secret nor another body; `verify` accepts what it signs.
    """
    command = install_program(tmp_path, NODE_PACKAGE, "webhooks.mjs")
    secrets, wrong = [create_secret(), create_secret()], create_secret()
    headers = make_headers(secrets, "evt_1", BODY.encode())
    given = json.dumps({"secrets": secrets, "wrong": wrong, "headers": headers, "body": BODY})

    run = subprocess.run(command, cwd=tmp_path, input=given, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout)
    signed = seen.pop("signed")
    refused = "WebhookVerificationError"
    assert seen == {"verified": [True, True], "wrong secret": refused, "changed body": refused}
    assert verify(BODY, signed, secrets[0]) == json.loads(BODY)
    with pytest.raises(SignatureError):
        verify(BODY, signed, secrets[1])
