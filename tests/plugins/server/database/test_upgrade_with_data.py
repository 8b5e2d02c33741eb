"""A database of the version before accounts, with what its program wrote, after an upgrade."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import JSON, Boolean, LargeBinary, MetaData, Text, insert, text

from budwood_server.database import Database
from budwood_server.database.schema import _MIGRATIONS, read_status, upgrade
from budwood_usage import database as usage
from tests.plugins.server.keyed_gateway import KeyedGateway

OLD = "0003"
STORED = json.loads(Path(__file__).with_name("schema_0003.json").read_text("utf-8"))
"""Keys, and the rows of tables as the program of that version wrote them; bytes are hexadecimal."""

SETTINGS = {
    "providers": {"anthropic": {"api_key": "test"}},
    "server": {"models": {"fast": "offline/extractive"}, "responses": {"retention": 30}},
}


def fill(connection):
    """
    Create the tables of the old version, and insert its rows.
    """
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, OLD)
    usage.upgrade(connection, "test")
    tables = MetaData()
    tables.reflect(connection)
    for name, rows in STORED["tables"].items():
        for row in rows:
            columns = tables.tables[name].columns
            values = {column: convert(columns[column].type, value) for column, value in row.items()}
            connection.execute(insert(tables.tables[name]).values(values))
    connection.execute(text("UPDATE budwood_versions SET version = 10 WHERE subject = 'keys'"))


def convert(kind, value):
    """
    Return a value of a column.
    """
    if isinstance(kind, LargeBinary):
        return bytes.fromhex(value)
    if isinstance(kind, Boolean):
        return bool(value)
    return json.loads(value) if isinstance(kind, JSON) and not isinstance(kind, Text) else value


@pytest.fixture
def gateway(database_url):
    """
    A gateway with an upgraded database, which also has the keys of the tests.
    """

    async def prepare():
        database = Database(database_url)
        async with database.write() as connection:
            await connection.run_sync(fill)
        states = [await read_status(database), await upgrade(database), await read_status(database)]
        await database.close()
        return [state.state for state in states]

    assert asyncio.run(prepare()) == ["older", "older", "current"]
    with KeyedGateway(SETTINGS, database_url) as gateway:
        gateway.keys |= {f"old {name}": token for name, token in STORED["keys"].items()}
        yield gateway


def test_what_was_stored_is_used_after_an_upgrade(gateway):
    """
    Keys open what they own, responses are continued, files and batches are there, and records of calls are read.
    """

    def call(name, method, path, body=None):
        content = b"" if body is None else json.dumps(body).encode()
        return gateway.send(method, path, gateway.keys[f"old {name}"], content, content_type="application/json")

    (response,) = STORED["tables"]["budwood_responses"]
    file_id, batch_id = (row["public_id"] for row in STORED["tables"]["budwood_objects"])
    continued = {"model": "fast", "input": "Once more.", "previous_response_id": response["id"]}

    assert call("owner", "GET", f"/v1/responses/{response['id']}").json == json.loads(response["body"])["reply"]
    assert call("other", "GET", f"/v1/responses/{response['id']}").status == 404
    assert call("owner", "POST", "/v1/responses", continued).status == 200
    assert call("owner", "GET", f"/v1/files/{file_id}/content").body.startswith(b'{"custom_id":"a"')
    assert gateway.run(gateway.ownership.find("batch", batch_id, "team-red")).vendor_id == "batch_1"
    assert call("revoked", "GET", "/v1/models").status == 401
    assert [model["id"] for model in call("limited", "GET", "/v1/models").json["data"]] == ["fast"]

    keys = {key["id"]: key for key in call("admin", "GET", "/api/keys").json["items"]}
    limited = keys[STORED["keys"]["limited"].split("_")[2]]
    assert (limited["requests_per_minute"], limited["budget"]["tokens"], limited["models"]) == (60, 100000, ["fast"])
    telemetry = gateway.send("GET", "/api/telemetry/calls?label=nightly", gateway.create_key(scopes={"admin"}))
    assert telemetry.status == 403
    token = gateway.create_key(scopes={"admin", "telemetry"})
    calls = gateway.send("GET", "/api/telemetry/calls?label=nightly", token).json["items"]
    assert [(each["model"], each["input_tokens"]) for each in calls] == [("fast", 9)]


def test_what_is_new_works_after_an_upgrade(gateway):
    """
    The tables of later versions are there, too.
    """
    token = gateway.keys["old admin"]

    for path in ("accounts", "audit", "tokens", "prompts", "keys"):
        assert gateway.send("GET", f"/api/{path}", token).status == 200, path
