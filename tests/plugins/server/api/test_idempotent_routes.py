"""Which routes under ``/api`` take an ``idempotency-key``."""

from __future__ import annotations

from budwood import Settings
from budwood_server.app import create_app
from budwood_server.worker import Worker

WITHOUT = {
    "/api/auth/login": "nothing identifies the principal yet, and another login harms nothing",
    "/api/auth/logout": "the second has no effect",
    "/api/auth/password": "it ends the login, so that the second is a 401",
    "/api/auth/refresh": "a refresh token is for one use: it takes the place of the key",
    "/api/auth/tickets": "a ticket that nobody uses expires within a minute, and must not be stored",
    "/api/config/reload": "the second has no effect",
    "/api/prompts/{name}/render": "it changes nothing",
    "/api/runs/documents": "the same content under the same name is stored once",
    "/api/webhooks/{webhook_id}/test": "each sends an event of its own, and changes nothing",
}
"""The routes that take no key, and why."""


def list_posts(document):
    """
    Yield the paths of POST under ``/api``, and the names of their headers.
    """
    for path, operations in document["paths"].items():
        if path.startswith("/api/") and "post" in operations:
            parameters = operations["post"].get("parameters", ())
            yield path, {each["name"] for each in parameters if each["in"] == "header"}


def test_every_route_that_acts_takes_a_key():
    """
    A new one has to take it, or to be in the table above with the reason.
    """
    worker = Worker(lambda: Settings.load({}), authenticate=lambda _: None)
    posts = dict(list_posts(create_app(worker).rest.openapi()))

    assert {path for path, headers in posts.items() if "idempotency-key" not in headers} == {*WITHOUT}
