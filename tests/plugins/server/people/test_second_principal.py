"""Every operation of the OpenAPI document under /api, by those who may use it and by those who may not."""

from __future__ import annotations

import json
import re

import pytest

from budwood_server.app import create_app
from budwood_server.events.recording import NewEvent, record_events
from budwood_server.events.sequencing import Sequencer
from budwood_server.people import passwords
from budwood_server.people.accounts import create_account
from budwood_server.people.passwords import hash_password
from budwood_server.people.principals import COMMAND
from budwood_server.vault.master_keys import VARIABLE, new_master_key
from budwood_server.web import event_streams
from budwood_server.webhooks.deliveries import list_deliveries
from budwood_server.webhooks.fan_out import fan_out
from tests.plugins.server.people.conftest import PASSWORD, AccountsGateway
from tests.plugins.server.runs.running import conversation

LEAST_ROLES = """
anyone    POST /api/auth/login
anyone    POST /api/auth/refresh
viewer    POST /api/auth/logout
viewer    POST /api/auth/tickets
viewer    POST /api/auth/password
viewer    GET /api/auth/me
viewer    GET /api/endpoints
viewer    GET /api/telemetry/*
viewer    GET /api/alerts
viewer    GET /api/keys*
operator  POST /api/keys*
viewer    GET /api/prompts*
operator  POST|PUT|DELETE /api/prompts*
viewer    POST /api/prompts/{name}/render
viewer    GET /api/runs*
operator  POST|DELETE /api/runs*
operator  POST /api/run
operator  GET|DELETE /api/sessions*
admin     GET|POST|PATCH|DELETE /api/accounts*
admin     GET|POST|DELETE /api/tokens*
viewer    GET /api/events*
viewer    GET /api/webhooks*
operator  POST|PATCH|DELETE /api/webhooks*
admin     GET /api/audit
admin     GET|POST /api/config*
"""
"""The least role that may use an operation. Of several lines, the last one counts. Add a line for each new route."""

OWNED = ("/api/runs", "/api/sessions", "/api/webhooks")
"""The paths of objects that others do not see. The others are the same for all who have the role."""

SHARED = ("/api/keys", "/api/prompts", "/api/tokens", "/api/accounts", "/api/telemetry/calls", "/api/events")

BODIES = {"PATCH": {}, "POST /api/webhooks/{webhook_id}/replay": {"since": "2026-01-01T00:00:00Z"}}
"""The bodies of operations that need one, by the method, or with the path."""

ROLES = ("anyone", "viewer", "operator", "admin")
NAMES = {"viewer": "vera", "operator": "oli", "admin": "ann"}
MODEL = "fast"


class OwnersGateway(AccountsGateway):
    """
    A gateway with another operator, ``otto``, and with objects of ``oli``.
    """

    def __enter__(self):
        super().__enter__()
        self.tokens = {role: self.log_in(name).json["access_token"] for role, name in NAMES.items()}
        self.tokens["other"] = self.log_in("otto").json["access_token"]
        return self

    async def _create_accounts(self):
        await super()._create_accounts()
        async with self.worker.database.write() as connection:
            await create_account(connection, COMMAND, "otto", "operator", hash_password(PASSWORD))

    def create_objects(self):
        """
        Return the values of path parameters of objects that the operator owns.
        """
        token = self.tokens["operator"]
        run = self.call("POST", "/api/runs", {"specification": conversation(1)}, token)
        document = self.call("POST", "/api/runs/documents?name=a.txt", "Grafting joins two plants.", token)
        said = self.call("POST", "/api/run", {"model": MODEL, "input": "What is grafting?", "session": "oli"}, token)
        webhook = self.call("POST", "/api/webhooks", {"url": "https://example.org/"}, token)
        made = (run, document, said, webhook)
        assert [each.status for each in made] == [201, 201, 200, 201], made
        values = {"run_id": run.json["id"], "document_id": document.json["id"], "name": "oli"}
        return values | {"webhook_id": webhook.json["id"], "delivery_id": self._deliver(webhook.json["id"])}

    def _deliver(self, webhook):
        """Return the id of a delivery to an endpoint."""

        async def run():
            database = self.worker.database
            async with database.write() as connection:
                await record_events(connection, [NewEvent("run.finished", "run_1", {})])
            await Sequencer(database, fan_out, poll=60).assign()
            async with database.read() as connection:
                return str((await list_deliveries(connection, webhook))[0].id)

        return self.run(run())


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """
    A gateway with accounts, runs and sessions.
    """
    folder = tmp_path_factory.mktemp("owners")
    server = {"models": {MODEL: "offline/extractive"}, "runs": {"dir": str(folder / "runs")}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_N", 16)
        patch.setattr(event_streams, "MAX_SECONDS", 0.0)  # else the stream of calls goes on
        with OwnersGateway({"server": server}, f"sqlite:///{folder}/server.sqlite3") as gateway:
            yield gateway


@pytest.fixture(autouse=True)
def master_key(monkeypatch):
    """
    Have a master key, which seals the secrets of webhooks.
    """
    monkeypatch.setenv(VARIABLE, new_master_key())


def list_operations(gateway):
    """
    Return the operations under /api: method and path.
    """
    paths = create_app(gateway.worker).rest.openapi()["paths"]
    found = [(method.upper(), path) for path in paths if path.startswith("/api/") for method in paths[path]]
    assert len(found) > 50
    return found


def find_least_role(method, path):
    """
    Return the least role that may use an operation.
    """
    roles = []
    for line in LEAST_ROLES.strip().splitlines():
        role, methods, pattern = line.split()
        if method in methods.split("|") and re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), path):
            roles.append(role)
    assert roles, f"LEAST_ROLES has no line for {method} {path}"
    return roles[-1]


def send(gateway, method, path, token="", **headers):
    """
    Send a request without a valid body.
    """
    path = re.sub(r"\{(\w+)\}", lambda found: {"version": "1"}.get(found[1], "1x"), path)
    return gateway.call(method, path, None if method == "GET" else {}, token, **headers)


def test_a_role_may_use_what_is_meant_for_it(gateway):
    """
    A lower role gets a 403, and nobody without a login anything but a login.
    """
    for method, path in list_operations(gateway):
        least = find_least_role(method, path)
        if path.startswith("/api/auth/"):  # it would end the logins of this test
            continue
        for role, token in [("anyone", ""), *gateway.tokens.items()][:4]:
            answer = send(gateway, method, path, token)
            is_allowed = ROLES.index(role) >= ROLES.index(least)
            refusal = 401 if role == "anyone" else 403

            assert (answer.status == refusal) != is_allowed, (method, path, role, answer)
            assert answer.status < 500, (method, path, role, answer)
            assert is_allowed or set(answer.json["error"]) == {"code", "message", "hint", "request_id"}


def test_what_is_no_login_is_refused_everywhere(gateway):
    """
    Also a refresh token, and a token that has ended.
    """
    tokens = gateway.log_in("ann").json
    gateway.call("POST", "/api/auth/logout", token=tokens["access_token"])
    refused = [tokens["access_token"], gateway.log_in("ann").json["refresh_token"], "bw_access_" + "x" * 43, "x y"]
    for method, path in list_operations(gateway):
        if find_least_role(method, path) != "anyone":
            for token in refused:
                assert send(gateway, method, path, token).status == 401, (method, path)


def test_a_cookie_alone_changes_nothing(gateway):
    """
    Each operation that may change something needs the same origin and the token of the page.
    """
    cookie, csrf = gateway.open_page()
    headers = {"cookie": cookie, "host": "localhost"}
    forgeries = [
        {},
        {"origin": "http://localhost"},
        {"origin": "http://localhost", "x_csrf_token": csrf[::-1]},
        {"x_csrf_token": csrf},
        {"origin": "null", "x_csrf_token": csrf},
        {"origin": "http://evil.example", "x_csrf_token": csrf},
        {"origin": "http://localhost.evil.example", "x_csrf_token": csrf},
    ]
    for method, path in list_operations(gateway):
        if method != "GET" and find_least_role(method, path) != "anyone":
            for forged in forgeries:
                answer = send(gateway, method, path, **headers, **forged)
                assert answer.status == 403, (method, path, forged, answer)
                assert answer.json["error"]["code"] in ("wrong_origin", "invalid_csrf_token")
        elif method == "GET":
            assert send(gateway, method, path, **headers).status not in (401, 403), path


def test_objects_of_others_do_not_exist(gateway):
    """
    Another operator gets a 404 where the owner does not.
    """
    values = gateway.create_objects()
    operations = [(method, path) for method, path in list_operations(gateway) if "{" in path]
    owned = [each for each in operations if each[1].startswith(OWNED)]
    assert {path for _, path in operations} == {path for _, path in operations if path.startswith((*OWNED, *SHARED))}, (
        "add the paths to OWNED or to SHARED"
    )

    for method, path in sorted(owned, key=lambda each: each[0] == "DELETE"):
        target = path.format_map(values)
        body = BODIES.get(f"{method} {path}", BODIES.get(method))
        foreign = gateway.call(method, target, body, gateway.tokens["other"])
        assert (foreign.status, foreign.json["error"]["code"]) == (404, "not_found"), (method, target, foreign)
    for method, path in owned:
        if method == "GET" and not path.endswith("/events"):
            own = gateway.call(method, path.format_map(values), None, gateway.tokens["operator"])
            assert own.status in (200, 409), (path, own)


def test_lists_have_no_objects_of_others(gateway):
    """
    Neither their names nor their number.
    """
    values = gateway.create_objects()
    for path in ("/api/runs", "/api/runs/documents", "/api/sessions", "/api/webhooks"):
        own = gateway.call("GET", path, token=gateway.tokens["operator"])
        foreign = gateway.call("GET", path, token=gateway.tokens["other"])

        assert own.json["items"], path
        assert foreign.json == {"items": [], "next_cursor": None}
        assert not any(value in json.dumps(foreign.json) for value in values.values())
