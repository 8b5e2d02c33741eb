"""Inference by people: ``/api/run`` with the login of an account."""

from __future__ import annotations

import pytest

RUN = "/api/run"
QUESTION = {"model": "fast", "input": "What grows?\n\n<passage>Trees grow.</passage>", "session": "s"}


@pytest.mark.parametrize(("name", "status"), [("ann", 200), ("oli", 200), ("vera", 403)])
def test_access_token_runs_if_the_role_may(gateway, name, status):
    """
    Records count the call under the account. A viewer gets a 403 that says whom to ask.
    """
    token = gateway.log_in(name).json["access_token"]

    received = gateway.call("POST", RUN, QUESTION, token)

    assert received.status == status, received.body
    if status == 403:
        assert received.json["error"]["hint"] == "Ask an administrator for another role: operator or admin."
        return
    assert received.json["text"] == "Trees grow."
    gateway.run(gateway.worker.services.usage.flush())
    (call,) = gateway.call("GET", "/api/telemetry/calls", token=token).json["items"]
    account = gateway.call("GET", "/api/auth/me", token=token).json
    assert (call["key"], call["label"]) == (f"account-{account['id']}", name)
    assert gateway.call("GET", "/api/sessions/s", token=token).json["messages"] == 2
    assert gateway.call("GET", "/api/sessions/s", token=gateway.keys["owner"]).status == 404


def test_cookie_of_a_page_runs_with_its_token(gateway):
    """
    Without the token of the page, or from another origin, nothing is run.
    """
    cookie, csrf_token = gateway.open_page("oli")
    sent = {"cookie": cookie, "host": "localhost", "origin": "http://localhost", "authorization": ""}

    def run(**headers):
        return gateway.call("POST", RUN, QUESTION, **(sent | headers))

    assert run(x_csrf_token=csrf_token).status == 200
    assert (run().status, run().json["error"]["code"]) == (403, "invalid_csrf_token")
    foreign = run(x_csrf_token=csrf_token, origin="http://evil.example")
    assert (foreign.status, foreign.json["error"]["code"]) == (403, "wrong_origin")


def test_cookie_is_not_for_apis_of_vendors(gateway):
    """
    Under ``/v1`` an account uses its access token.
    """
    cookie, csrf_token = gateway.open_page("ann")
    sent = {"cookie": cookie, "host": "localhost", "origin": "http://localhost", "x_csrf_token": csrf_token}
    body = {"model": "fast", "messages": [{"role": "user", "content": QUESTION["input"]}]}
    token = gateway.log_in("ann").json["access_token"]

    assert gateway.call("POST", "/v1/chat/completions", body, **sent, authorization="").status == 401
    assert gateway.call("POST", "/v1/chat/completions", body, token).status == 200
