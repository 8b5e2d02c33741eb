"""Errors of values that are not valid, in words."""

from __future__ import annotations

import pytest

from tests.plugins.server.keyed_gateway import KeyedGateway


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """
    A gateway with a database.
    """
    url = f"sqlite:///{tmp_path_factory.mktemp('values')}/server.sqlite3"
    with KeyedGateway({"server": {"models": {"demo": "offline/extractive"}}}, url) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/prompts/Two%20Words", "a name has lower-case letters and digits"),
        ("/api/sessions/a%20b", "a name has up to 100 letters"),
        ("/api/runs/1", "the id of a run is run_"),
        ("/api/tokens/a%20b", "the id of a token has"),
        ("/api/audit?action=a%20b", "ASCII characters without spaces"),
    ],
)
def test_names_and_ids_are_described_in_words(gateway, path, words):
    """
    No error has a regular expression.
    """
    answer = gateway.send("GET", path, gateway.keys["owner" if "sessions" in path or "runs" in path else "admin"])
    error = answer.json["error"]

    assert (answer.status, error["code"]) == (400, "invalid_value")
    assert words in error["message"]
    assert "^" not in error["message"]
