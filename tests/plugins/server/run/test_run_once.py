"""``POST /api/run`` with an ``idempotency-key``, with databases of both kinds."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select, update

from budwood_server.database.tables import IDEMPOTENT_REPLIES as REPLIES
from tests.plugins.server.gateway_server import GatewayServer
from tests.plugins.server.http_client import connect, encode_request, read_until
from tests.plugins.server.prompted_gateway import PromptedGateway
from tests.plugins.server.test_chat import answer
from tests.servers import RESET, WAIT_FOR_CLOSE, reply, signal

RUN = "/api/run"
BODY = {"model": "fast", "input": "Hi", "session": "s"}


@pytest.fixture
def gateway(vendor, database_url):
    """
    A gateway with a database.
    """
    with PromptedGateway(vendor, database_url) as server:
        yield server


@pytest.fixture
def small(vendor, sqlite_url):
    """
    A gateway with SQLite.
    """
    with PromptedGateway(vendor, sqlite_url) as server:
        yield server


def count_kept(gateway, **changes):
    """
    Return how many keys are taken, after changes of their rows.
    """

    async def count():
        async with gateway.worker.database.write() as connection:
            if changes:
                await connection.execute(update(REPLIES).values(**changes))
            return (await connection.execute(select(func.count()).select_from(REPLIES))).scalar_one()

    return gateway.run(count())


def test_the_model_is_asked_once(gateway, vendor):
    """
    The same request gets the first reply, a header says so, and the session has one turn.
    """
    vendor.play(answer({"content": "Hello."}))

    first, second = (gateway.post(RUN, BODY, idempotency_key="a") for _ in range(2))
    session = gateway.send("GET", "/api/sessions/s", gateway.keys["owner"]).json

    assert (first.status, second.status) == (200, 200), first.body
    assert second.body == first.body
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert [message["content"] for message in session["content"]] == ["Hi", "Hello."]
    assert len(vendor.requests) == 1


@pytest.mark.parametrize(
    ("body", "headers"), [({"input": "Other"}, {}), ({}, {"x_budwood_label": "b"}), ({"session": None}, {})]
)
def test_a_key_is_for_one_request(small, vendor, body, headers):
    """
    Another body, or other options in headers, are a 409; what the client calls itself is no part of the request.
    """
    vendor.play(answer({"content": "Hello."}))
    small.post(RUN, BODY, idempotency_key="a", x_budwood_client="one/1")

    other = small.post(RUN, BODY | body, idempotency_key="a", **headers)
    same = small.post(RUN, BODY, idempotency_key="a", x_budwood_client="two/2")

    assert (other.status, other.json["error"]["code"]) == (409, "idempotency_conflict")
    assert same.headers["idempotent-replayed"] == "true"


def test_another_principal_has_keys_of_its_own(small, vendor):
    """
    It never gets the reply of the first.
    """
    vendor.play(answer({"content": "Hello."})).play(answer({"content": "Bye."}))

    texts = [small.post(RUN, BODY, key, idempotency_key="a").json["text"] for key in ("owner", "other")]

    assert texts == ["Hello.", "Bye."]


@pytest.mark.parametrize("failure", [reply(500, body="{}"), RESET])
def test_a_request_that_failed_asks_again(small, vendor, failure):
    """
    Errors are not kept.
    """
    vendor.play(failure).play(answer({"content": "Hello."}))

    assert small.post(RUN, BODY, idempotency_key="a").status == 502
    assert count_kept(small) == 0
    assert small.post(RUN, BODY, idempotency_key="a").json["text"] == "Hello."


def test_a_request_under_way_is_a_conflict(small, vendor):
    """
    The second one gets a 409 that says when to come again; one whose worker died is asked again.
    """
    vendor.play(answer({"content": "Hello."}), times=2)
    small.post(RUN, BODY, idempotency_key="a")
    count_kept(small, reply=None)

    second = small.post(RUN, BODY, idempotency_key="a")
    count_kept(small, expires=0.0)
    third = small.post(RUN, BODY, idempotency_key="a")

    assert (second.status, second.json["error"]["code"]) == (409, "idempotency_in_progress")
    assert second.headers["retry-after"] == "1"
    assert (third.status, len(vendor.requests)) == (200, 2)


@pytest.mark.parametrize(
    ("body", "key", "code"),
    [({"stream": True}, "a", "unsupported_field"), ({}, "x" * 256, "invalid_value"), ({}, "a b", "invalid_value")],
)
def test_a_stream_and_an_invalid_key_are_refused(small, vendor, body, key, code):
    """
    The model is not asked.
    """
    refused = small.post(RUN, BODY | body, idempotency_key=key)

    assert (refused.status, refused.json["error"]["code"]) == (400, code)
    assert refused.json["error"]["hint"]
    assert vendor.requests == []


def test_a_client_that_leaves_makes_the_key_free(vendor, tmp_path):
    """
    The call of the model is cancelled, so that the next request asks again.
    """
    reached = threading.Event()
    vendor.play(signal(reached), WAIT_FOR_CLOSE).play(answer({"content": "Hello."}))
    settings = {"providers": {"vendor": {"plugin": "openai-compatible", "base_url": f"{vendor.url}/v1"}}}
    server = {"models": {"fast": "vendor/m"}, "database": f"sqlite:///{tmp_path}/server.sqlite3"}
    request = encode_request(RUN, {"model": "fast", "input": "Hi"}, headers={"idempotency-key": "a"})
    with GatewayServer(settings | {"server": server}, database_file=tmp_path / "server.sqlite3") as gateway:
        with connect(gateway) as connection:
            connection.sendall(request)
            reached.wait()
        vendor.closed_by_client.wait()
        received = b"HTTP/1.1 409"
        while received.startswith(b"HTTP/1.1 409"):  # until the server has noticed it
            with connect(gateway) as connection:
                connection.sendall(request)
                received = read_until(connection, b"}")

    assert b"Hello." in received


def test_a_server_without_a_database_refuses_keys():
    """
    It could not keep the reply.
    """
    with (
        GatewayServer({"server": {"models": {"fast": "offline/extractive"}}}) as gateway,
        connect(gateway) as connection,
    ):
        body = {"model": "fast", "input": "Hi"}
        connection.sendall(encode_request(RUN, body, headers={"idempotency-key": "a"}))
        received = read_until(connection, b"}}")

    assert received.startswith(b"HTTP/1.1 400")
    assert b"idempotency_unavailable" in received
