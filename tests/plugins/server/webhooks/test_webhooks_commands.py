"""``budwood webhooks``, with a gateway on loopback that sends events."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from budwood_cli.program import run
from budwood_server.access.keys import INFER, WEBHOOKS
from budwood_server.client import GatewayClient
from budwood_server.commands.webhook_output import format_state
from budwood_server.webhooks import verify
from tests.plugins.server.client.conftest import ServedGateway


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """
    A gateway that sends events to this machine, at once.
    """
    server = {"webhooks": {"allow_local": True, "poll": 0.05, "schedule": [3600]}, "events": {"poll": 0.05}}
    with ServedGateway(tmp_path_factory.mktemp("gateway"), {"server": server}) as running:
        yield running


@pytest.fixture
def webhooks(gateway, tmp_path, monkeypatch, capsys):
    """
    Run a command with the key of an administrator; return its status, output and messages.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BUDWOOD_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("BUDWOOD_SERVER_URL", gateway.url)
    monkeypatch.setenv("BUDWOOD_SERVER_KEY", gateway.keys["admin"])

    def call(*arguments):
        status = run(["webhooks", *arguments])
        return status, *capsys.readouterr()

    return call


class Handler(BaseHTTPRequestHandler):
    """
    Keeps requests, and answers with the status of its server.
    """

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        status = self.server.status
        self.send_response(status)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"done\n")
        with self.server.arrived:
            self.server.requests.append((dict(self.headers), body))
            self.server.arrived.notify_all()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    """
    A program that receives events.
    """
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.status, server.requests, server.arrived = 200, [], threading.Condition()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def find_url(receiver):
    """
    Return the URL of a receiver.
    """
    return f"http://127.0.0.1:{receiver.server_port}/events"


def add(webhooks, receiver, *options):
    """
    Add an endpoint, and return it with its secret.
    """
    status, output, messages = webhooks("add", find_url(receiver), *options, "--json")
    assert status == 0, messages
    return json.loads(output)


def create_key(gateway, name):
    """
    Create a key of the gateway, which is an event.
    """
    with GatewayClient(gateway.url, key=gateway.keys["admin"]) as client:
        return client.keys.create(name)


def wait_for(receiver, count):
    """
    Wait until a number of requests has arrived.
    """
    with receiver.arrived:
        receiver.arrived.wait_for(lambda: len(receiver.requests) >= count)


def test_an_endpoint_is_added_listed_changed_and_removed(webhooks, receiver):
    """
    The secret is on standard output, once; each command says what it did.
    """
    status, secret, messages = webhooks("add", find_url(receiver), "--types", "key.*,run.finished", "--name", "mine")
    assert (status, secret.startswith("whsec_")) == (0, True)
    assert "Store the secret now" in messages
    assert "for key.created, key.revoked, run.finished." in messages
    (listed,) = json.loads(webhooks("list", "--json")[1])
    assert (listed["name"], listed["types"], "secret" in listed) == ("mine", ["key.*", "run.finished"], False)
    assert "mine" in webhooks("list")[1]

    assert webhooks("pause", "mine")[2] == f"paused: the endpoint 'mine' ({listed['id']})\n"
    assert "paused" in webhooks("show", "mine")[1]
    assert json.loads(webhooks("resume", listed["id"], "--json")[1])["state"] == "active"
    changed = webhooks(
        "change", "mine", "--types", "run.*", "--subject", "run_1", "--per-second", "2", "--own", "--json"
    )
    changed = json.loads(changed[1])
    names = ("types", "subjects", "per_second", "sees_all")
    assert [changed[name] for name in names] == [["run.*"], ["run_1"], 2, False]
    changed = json.loads(webhooks("change", "mine", "--all-subjects", "--no-limit", "--json")[1])
    assert (changed["subjects"], changed["per_second"]) == (None, None)
    status, other, messages = webhooks("rotate", "mine", "--overlap", "1h")
    assert (status, other.startswith("whsec_"), other != secret) == (0, True, True)
    assert "older secrets" in webhooks("show", "mine")[1]
    assert webhooks("rm", "mine", "--yes")[2] == f"removed: the endpoint 'mine' ({listed['id']})\n"
    assert webhooks("list")[1:] == ("", "no endpoints: `budwood webhooks add URL` creates one.\n")


def test_deliveries_are_shown_and_sent_again(webhooks, gateway, receiver):
    """
    With requests and answers; one, or all since a time, with the same ids.
    """
    new = add(webhooks, receiver, "--types", "key.created")
    create_key(gateway, "first")
    wait_for(receiver, 1)
    headers, body = receiver.requests[0]
    event = verify(body, headers, new["secret"])
    (delivery,) = wait_until_delivered(webhooks, new["id"])
    assert (delivery["event"], delivery["type"]) == (event["id"], "key.created")
    shown = webhooks("logs", new["id"], str(delivery["id"]))[1]
    for part in ('"type": "key.created"', "> webhook-id: evt_", "attempt 1", "200 in", "done"):
        assert part in shown
    assert "webhook-signature" not in shown
    assert "key.created" in webhooks("logs", new["id"], "--state", "delivered")[1]
    assert webhooks("logs", new["id"], "--state", "failed")[1] == ""

    replayed = webhooks("replay", new["id"], str(delivery["id"]))
    assert replayed[::2] == (0, f"1 event is sent again: `budwood webhooks logs {new['id']}`.\n")
    wait_for(receiver, 2)
    wait_until_delivered(webhooks, new["id"])
    count = json.loads(webhooks("replay", new["id"], "--since", "2h", "--json")[1])["events"]
    assert count >= 1
    wait_for(receiver, 2 + count)
    ids = [json.loads(body)["id"] for _, body in receiver.requests]
    assert ids[0] == ids[1] in ids[2:]
    webhooks("rm", new["id"], "--yes")


def wait_until_delivered(webhooks, webhook_id):
    """
    Return the deliveries of an endpoint once all have been delivered.
    """
    while True:
        found = json.loads(webhooks("logs", webhook_id, "--json")[1])
        if found and all(each["state"] == "delivered" for each in found):
            return found


def test_a_test_says_what_the_endpoint_answers(webhooks, receiver):
    """
    The status of the command is 1 if the endpoint does not accept the event.
    """
    new = add(webhooks, receiver)
    status, output, messages = webhooks("test", new["id"])
    assert (status, "delivered: 200 in" in messages, "done" in output) == (0, True, True)
    receiver.status = 500
    assert json.loads(webhooks("test", new["id"], "--json")[1])["attempt"]["status"] == 500
    assert webhooks("test", new["id"])[0] == 1
    assert "`budwood webhooks test" in webhooks("logs", new["id"])[2]
    webhooks("rm", new["id"], "--yes")


def test_an_endpoint_without_an_address_is_added_with_a_warning(webhooks):
    """
    The host may get its address later. A test names the host and what to check.
    """
    status, _, messages = webhooks("add", "https://no-such-host.invalid/x", "--name", "lost")
    assert (status, "warning: Nothing can be sent to it now: no-such-host.invalid has no address" in messages) == (
        0,
        True,
    )
    status, _, messages = webhooks("test", "lost")
    assert (status, "no-such-host.invalid has no address" in messages) == (1, True)
    assert "Check the host of the URL" in messages
    assert webhooks("logs", "lost", "--state", "failed")[2] == "no failed deliveries.\n"
    webhooks("rm", "lost", "--yes")


def test_what_a_server_refuses_about_arguments_is_a_usage_error(webhooks, receiver):
    """
    With the status 2, so that scripts do not try again, and the names of the options.
    """
    new = add(webhooks, receiver, "--name", "taken")
    for arguments, message in (
        (["show", "wh_none"], "no endpoint 'wh_none'"),
        (["logs", new["id"], "999"], "no delivery 999"),
        (["logs", new["id"], "abc"], "'abc' is no number of a delivery"),
        (["replay", new["id"], "999"], "no delivery 999"),
        (["add", "foo"], "no URL with a host"),
        (["add", "https://example.org", "--types", "runs.*"], "no type of events 'runs.*'"),
        (["add", "https://example.org", "--name", "taken"], f"The endpoint {new['id']} has the name 'taken'"),
        (["add", "https://example.org", "--name", ""], "--name: it must have at least 1 character."),
        (["change", new["id"], "--name", "n" * 201], "--name: it must have at most 200 characters."),
        (["rotate", new["id"], "--overlap", "400d"], "At most 30d"),
    ):
        status, _, messages = webhooks(*arguments)
        assert (status, message in messages) == (2, True), messages
    webhooks("rm", new["id"], "--yes")


def test_endpoints_that_rest_are_shown_so():
    """
    With the end of the pause, in lists and alone; the state of others is their own.
    """
    until = datetime(2100, 1, 2, 3, 4, 5, tzinfo=UTC)
    states = [(state, end) for state in ("active", "paused") for end in (None, until)]
    shown = [format_state(SimpleNamespace(state=state, open_until=end)) for state, end in states]

    assert shown == ["active", "resting until 2100-01-02 03:04:05Z", "paused", "paused"]


def test_errors_name_the_command_that_helps(webhooks, receiver):
    """
    No hint names a route of the API.
    """
    new = add(webhooks, receiver, "--name", "known")
    for arguments, message, hint in (
        (["show", "wh_none"], "There is no endpoint 'wh_none'", "`budwood webhooks list`"),
        (["show", "knwon"], "There is no endpoint 'knwon'", "known? "),
        (["logs", new["id"], "999"], "no delivery 999", f"`budwood webhooks logs {new['id']}`"),
        (["logs", new["id"], "--state", "lost"], "--state 'lost'", "waiting, sending"),
        (["replay", new["id"]], "either a delivery or --since", "budwood webhooks logs"),
        (["replay", new["id"], "--since", "soon"], "--since 'soon'", "24h"),
        (["add", "http://example.org\0/"], "The URL cannot be used", "such as https://"),
        (["add", "http://example.org/"], "http:// is for addresses of this machine only", "https://"),
        (["add", "https://example.org", "--types", "runs.*"], "no type of events 'runs.*'", "`budwood webhooks types`"),
        (["change", new["id"]], "Nothing is to change", "budwood webhooks change --help"),
        (["rm", new["id"]], "needs an answer", "--yes"),
        (["listen", "--port", str(receiver.server_port), "--types", "*"], "cannot be used", "--port"),
        (["listen"], "needs an answer", "--types TYPES"),
    ):
        status, _, messages = webhooks(*arguments)
        assert status != 0
        assert message in messages, messages
        assert hint in messages, messages
        assert "/api/" not in messages
    webhooks("rm", new["id"], "--yes")


def test_the_endpoint_of_a_revoked_key_shows_why_it_is_disabled(webhooks, gateway, receiver, monkeypatch):
    """
    Replays are refused until somebody resumes it.
    """
    key = make_key(gateway)
    monkeypatch.setenv("BUDWOOD_SERVER_KEY", key.key)
    new = add(webhooks, receiver)
    assert new["selected_types"] == ["run.finished"]
    monkeypatch.setenv("BUDWOOD_SERVER_KEY", gateway.keys["admin"])
    with GatewayClient(gateway.url, key=gateway.keys["admin"]) as client:
        client.keys.revoke(key.id)
    messages = webhooks("list")[2]
    assert f"{new['id']} is disabled: Its key was revoked. `budwood webhooks resume {new['id']}`" in messages
    assert "`budwood webhooks resume" in webhooks("replay", new["id"], "--since", "1h")[2]
    resumed = json.loads(webhooks("resume", new["id"], "--json")[1])
    assert (resumed["state"], "token.added" in resumed["selected_types"]) == ("active", True)
    webhooks("rm", new["id"], "--yes")


def make_key(gateway):
    """
    Create a key that may manage endpoints of its own.
    """
    with GatewayClient(gateway.url, key=gateway.keys["admin"]) as client:
        return client.keys.create("red", scopes={INFER, WEBHOOKS})


def test_types_are_listed(webhooks):
    """
    With what they mean.
    """
    status, output, _ = webhooks("types")
    assert (status, "run.finished" in output) == (0, True)
    assert "run.finished" in {each["name"] for each in json.loads(webhooks("types", "--json")[1])}
