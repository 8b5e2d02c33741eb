"""docs/guides/gateway-webhooks.md works as printed, with the addresses of servers that run."""

from __future__ import annotations

import contextlib
import re
import shlex
import socket
import sqlite3
import threading
from pathlib import Path

import pytest
import uvicorn

from budwood_cli.program import run
from budwood_server.client import GatewayClient
from tests.plugins.server.client.conftest import ServedGateway

pytestmark = pytest.mark.one_python

GUIDE = (Path(__file__).resolve().parents[4] / "docs" / "guides" / "gateway-webhooks.md").read_text("utf-8")
COMMANDS = [
    shlex.split(found)
    for block in re.findall(r"^```bash\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    for found in re.findall(r"budwood webhooks (?!listen)(.*?)\)?\"?$", block, re.MULTILINE)
]


@pytest.fixture
def gateway(tmp_path, monkeypatch):
    """
    A gateway that sends events to this machine, which commands use with the key of an administrator.
    """
    server = {"webhooks": {"allow_local": True, "poll": 0.05}, "events": {"poll": 0.05}}
    with ServedGateway(tmp_path, {"server": server}) as running:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("BUDWOOD_CONFIG_DIR", str(tmp_path / "config"))
        monkeypatch.setenv("BUDWOOD_SERVER_URL", running.url)
        monkeypatch.setenv("BUDWOOD_SERVER_KEY", running.keys["admin"])
        yield running


class Server(uvicorn.Server):
    """
    Leaves signals to the tests.
    """

    @contextlib.contextmanager
    def capture_signals(self):
        yield


@pytest.fixture
def receiver(gateway):
    """
    The URL of the receiver of the guide.
    """
    (program,) = re.findall(r"^<!-- file: receiver.py -->\n```python\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    names = {}
    exec(compile(program, "receiver.py", "exec", dont_inherit=True), names)
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(uvicorn.Config(names["app"], log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/events"
    server.should_exit = True
    thread.join()
    listener.close()


def read_ids(database):
    """
    Return the ids of the events that the receiver has stored.
    """
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM events ORDER BY id")]


def test_commands_of_the_guide_work(gateway, receiver, tmp_path, monkeypatch, capsys):
    """
    Each succeeds, and the receiver has verified and stored what was sent.
    """
    delivery, event = None, None
    for words in COMMANDS:
        given = [receiver if word.startswith("http://") else word for word in words]
        given = [str(delivery) if word == "42" else word for word in given]
        assert run(["webhooks", *given, *(["--yes"] if words[0] == "rm" else [])]) == 0, capsys.readouterr().err
        output = capsys.readouterr().out
        if words[0] == "add":
            monkeypatch.setenv("WEBHOOK_SECRET", output.strip())
            with GatewayClient(gateway.url, key=gateway.keys["admin"]) as client:
                client.keys.create("scripts")
                delivery, event = wait_for_delivery(client)

    ids = read_ids(tmp_path / "events.sqlite3")
    assert event in ids
    assert sum(each.startswith("evt_test_") for each in ids) == 1
    assert [words[0] for words in COMMANDS].count("replay") == 2


def wait_for_delivery(client):
    """
    Return the number and the event of the delivery of the only endpoint, once it has succeeded.
    """
    (webhook,) = client.webhooks.list()
    while True:
        for each in client.webhooks.deliveries(webhook.id, state="delivered"):
            return each.id, each.event
