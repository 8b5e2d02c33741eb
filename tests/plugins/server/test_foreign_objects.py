"""Every route that names a file, a batch or a reply, with keys of other teams: there is no such object."""

from __future__ import annotations

import itertools
import json
import re
from typing import NamedTuple

import pytest

from budwood_server.access.public_ids import encode_id
from budwood_server.replies.store import ReplyStore
from budwood_server.routes.table import ROUTES
from tests.plugins.server.keyed_gateway import KeyedGateway
from tests.ports import find_port

NUMBERS = itertools.count(1)
MODEL = "fast"
LINES = {"models": {MODEL: "gpt-4.1-mini"}, "endpoint": "/v1/chat/completions"}


class Naming(NamedTuple):
    """
    A request that names an object.

    Attributes:
        kind: The kind of the object: a key of `MAKERS`.
        path: The path with ``{id}``; by default that of the route.
        body: The body with ``{id}`` in its texts, or None.
    """

    kind: str
    path: str = ""
    body: object = None


def chat(part):
    """Return a body of a chat with a part that names a file."""
    return {"model": MODEL, "max_tokens": 5, "messages": [{"role": "user", "content": [part]}]}


FILE_PART = {"type": "file", "file": {"file_id": "{id}"}}
DOCUMENT = {"type": "document", "source": {"type": "file", "file_id": "{id}"}}
INPUT_FILE = {"model": MODEL, "input": [{"role": "user", "content": [{"type": "input_file", "file_id": "{id}"}]}]}
FOLLOWING = {"model": MODEL, "input": "Go on.", "previous_response_id": "{id}"}

NAMINGS = {
    "POST /v1/chat/completions": [Naming("file", body=chat(FILE_PART))],
    "POST /v1/messages": [Naming("file", body=chat(DOCUMENT))],
    "POST /v1/messages/count_tokens": [Naming("file", body=chat(DOCUMENT))],
    "POST /v1/images/edits": [
        Naming("file", body={"model": MODEL, "prompt": "Blue.", "images": [{"file_id": "{id}"}]}),
        Naming("file", body={"model": MODEL, "prompt": "Blue.", "mask": {"file_id": "{id}"}}),
    ],
    "GET /v1/files": [Naming("file", "/v1/files?after={id}")],
    "GET /v1/files/{file_id}": [Naming("file")],
    "DELETE /v1/files/{file_id}": [Naming("file")],
    "GET /v1/files/{file_id}/content": [Naming("file")],
    "POST /v1/responses": [
        Naming("file", body=INPUT_FILE),
        Naming("response", body=FOLLOWING),
        Naming("kept response", body=FOLLOWING | {"model": "plain"}),
    ],
    "POST /v1/responses/input_tokens": [Naming("file", body=INPUT_FILE), Naming("response", body=FOLLOWING)],
    "GET /v1/responses/{id}": [
        Naming("response"),
        Naming("kept response"),
        Naming("response", "/v1/responses/{id}?stream=true"),
        Naming("kept response", "/v1/responses/{id}?stream=true"),
    ],
    "DELETE /v1/responses/{id}": [Naming("response"), Naming("kept response")],
    "POST /v1/responses/{id}/cancel": [Naming("response"), Naming("kept response")],
    "GET /v1/responses/{id}/input_items": [Naming("response"), Naming("kept response")],
    "POST /v1/batches": [
        Naming(
            "batch file",
            body={"input_file_id": "{id}", "endpoint": "/v1/chat/completions", "completion_window": "24h"},
        )
    ],
    "GET /v1/batches": [Naming("batch", "/v1/batches?after={id}")],
    "GET /v1/batches/{batch_id}": [Naming("batch")],
    "POST /v1/batches/{batch_id}/cancel": [Naming("batch")],
}
"""The requests that name objects, by route."""

WITHOUT_OBJECTS = {
    "GET /v1/chat/completions",  # an empty page: the server stores no chats
    "GET /v1/chat/completions/{id}",
    "POST /v1/chat/completions/{id}",
    "DELETE /v1/chat/completions/{id}",
    "GET /v1/chat/completions/{id}/messages",
    "POST /v1/completions",
    "POST /v1/embeddings",
    "GET /v1/models",
    "GET /v1/models/{id:path}",
    "POST /v1/moderations",
    "POST /v1/images/generations",
    "POST /v1/images/variations",
    "POST /api/run",
    "POST /v1/audio/speech",
    "POST /v1/audio/transcriptions",
    "POST /v1/audio/translations",
    "POST /v1/files",
}
"""The routes whose requests name no object that belongs to a key."""

CASES = [(route, naming) for route, namings in NAMINGS.items() for naming in namings]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """
    A gateway whose vendors cannot be reached: a request that is sent to one is an error with another status than 404.
    """
    url = f"http://127.0.0.1:{find_port()}/v1"
    settings = {
        "providers": {
            "openai": {"api_key": "sk-vendor", "base_url": url},
            "plain": {"plugin": "openai-compatible", "base_url": url},
        },
        "options": {"retries": 0},
        "server": {
            "models": {MODEL: "openai/gpt-4.1-mini", "plain": "plain/small"},
            "responses": {"retention": 1},
        },
    }
    folder = tmp_path_factory.mktemp("gateway")
    with KeyedGateway(settings, f"sqlite:///{folder}/server.sqlite3") as gateway:
        yield gateway


def record(gateway, kind, **data):
    """Record an object that the vendor has for the key "owner", and return its id."""
    vendor_id = f"{kind}-vendor-{next(NUMBERS)}"
    public_id = encode_id(kind, "openai", vendor_id)
    owner = gateway.owner_of("owner")
    gateway.run(
        gateway.ownership.record(kind, public_id, owner, provider="openai", vendor_id=vendor_id, data=data or None)
    )
    return public_id


def keep_reply(gateway):
    """Keep a reply of the key "owner" in the database, and return its id."""
    reply_id = f"resp_{next(NUMBERS):032x}"
    reply = {"id": reply_id, "object": "response", "model": "plain", "status": "completed", "output": []}
    store = ReplyStore(gateway.worker.database, 1)
    gateway.run(store.add(reply, [], owner=gateway.owner_of("owner"), previous_id=None))
    return reply_id


MAKERS = {
    "file": lambda gateway: record(gateway, "file", purpose="user_data", filename="a.pdf"),
    "batch file": lambda gateway: record(gateway, "file", purpose="batch", batch=LINES),
    "batch": lambda gateway: record(gateway, "batch", model="openai/gpt-4.1-mini", files={}),
    "response": lambda gateway: record(gateway, "response", previous_response_id=None),
    "kept response": keep_reply,
}


def ask(gateway, token, route, naming, object_id):
    """Send a request that names an object, and return the status and the text of the reply without what varies."""
    method, _, path = route.partition(" ")
    path = (naming.path or re.sub(r"\{\w+\}", "{id}", path)).replace("{id}", object_id)
    body = json.dumps(naming.body).replace("{id}", object_id).encode() if naming.body else b""
    answer = gateway.send(method, path, token, body, content_type="application/json")
    text = answer.body.decode().replace(object_id, "ID")
    return answer.status, re.sub(r"req_[0-9a-f]+", "REQUEST", text)


def test_each_route_is_known():
    """
    A new route must be added to one of the tables above.
    """
    assert NAMINGS.keys() | WITHOUT_OBJECTS == {f"{route.method} {route.path}" for route in ROUTES}
    assert not NAMINGS.keys() & WITHOUT_OBJECTS


@pytest.mark.parametrize(("route", "naming"), CASES, ids=lambda value: getattr(value, "kind", value))
def test_others_get_the_error_for_an_unknown_id(gateway, route, naming):
    """
    Keys of another team or of none get the same 404 as for an id that was never given out. The own team does not.
    """
    make, keys = MAKERS[naming.kind], gateway.keys
    object_id, forgotten = make(gateway), make(gateway)
    forget(gateway, naming.kind, forgotten)

    status, unknown = ask(gateway, keys["owner"], route, naming, forgotten)
    assert status == 404, unknown
    for name in ("other", "alone"):
        assert ask(gateway, keys[name], route, naming, object_id) == (404, unknown)
        assert ask(gateway, keys[name], route, naming, forgotten) == (404, unknown)

    for name in ("colleague", "owner"):
        assert ask(gateway, keys[name], route, naming, object_id)[0] != 404
        object_id = make(gateway)  # the request may have deleted it


def forget(gateway, kind, object_id):
    """Remove an object from the database, as if it had never existed."""
    owner = gateway.owner_of("owner")
    if kind == "kept response":
        gateway.run(ReplyStore(gateway.worker.database, 1).delete(object_id, owner))
    else:
        gateway.run(gateway.ownership.delete(kind.removeprefix("batch "), object_id, owner))


@pytest.mark.parametrize(("path", "kind"), [("/v1/files", "file"), ("/v1/batches", "batch")])
def test_lists_have_no_objects_of_others(gateway, path, kind):
    """
    Only the team of a key sees them.
    """
    object_id = MAKERS[kind](gateway)

    def is_listed(name):
        return object_id in gateway.send("GET", path, gateway.keys[name]).body.decode()

    assert [is_listed(name) for name in ("owner", "colleague", "other", "alone")] == [True, True, False, False]
