"""Helpers for tests in which a vendor's SDK and Budwood decode the same replies of a local server."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from budwood import Client
from budwood.settings import Settings
from budwood.settings_sources import Source
from budwood_testing import FakeClock
from tests.contract import recorded
from tests.contract.replay import is_stream
from tests.servers import reply

IDS = ("x-request-id", "request-id")
"""Headers that are served as recorded; the others do not affect the decoded reply."""


class Reply(NamedTuple):
    """
    A reply to serve, and its source: an exchange, or the path of a reply without its request.
    """

    source: Any
    status: int
    body: bytes
    streamed: bool
    headers: dict[str, str]


class Reading(NamedTuple):
    """
    The content of a reply, to be compared.
    """

    text: str
    reasoning: str
    calls: list[tuple[str | None, str, Any]]
    finish: str | None
    usage: tuple[int | None, ...]
    id: str | None
    model: str | None


def import_sdk(name, distribution):
    """
    Import a vendor's SDK. If it is missing the tests of the module are skipped, and fail in CI.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        if os.environ.get("CI"):
            raise
        return pytest.skip(f"`pip install {distribution}` for the vendor's own SDK", allow_module_level=True)


def make_client(model, **settings):
    """
    Create a client with settings for its provider, without settings of the user.
    """
    source = Source("arguments", {"providers": {model.partition("/")[0]: settings}})
    return Client(model, settings=Settings(source), clock=FakeClock(), cache=False, retries=0)


def list_replies(case, predicate, *, read_streams=recorded.read_streams):
    """
    Return the replies of a case: those that match in a recording, or one without its request.
    """
    if not isinstance(case, Path):
        return [_make_reply(one) for one in recorded.select_exchanges(case, predicate)]
    if not case.name.endswith(".chunks.txt"):
        return [Reply(case, 200, case.read_bytes(), streamed=False, headers={})]
    return [Reply(case, 200, body, streamed=True, headers={}) for body in read_streams(case)]


def _make_reply(one):
    retained = {name.replace("-", "_"): values[-1] for name, values in one.response.headers.items() if name in IDS}
    streamed = is_stream(one.response) or recorded.ends_with(one.request.url, ":streamGenerateContent")
    return Reply(one, one.response.status, one.response.body, streamed, retained)


def serve(server, recorded_reply):
    """
    Let the server send a reply twice, and remove replies left by a failed test.
    """
    is_text = recorded_reply.body.lstrip()[:1] in (b"{", b"[")  # Gemini also streams lists
    content_type = "application/json" if is_text else "text/event-stream"
    server.clear_replies().play(
        reply(recorded_reply.status, recorded_reply.body, content_type=content_type, **recorded_reply.headers), times=2
    )


def ask_budwood(client, recorded_reply, **options):
    """
    Ask with Budwood's client, streamed if the reply is a stream.
    """
    if not recorded_reply.streamed:
        return client.ask("Hello", **options)
    with client.stream("Hello", **options) as stream:
        for _ in stream:
            pass
    return stream.response


def make_reading(response, usage):
    """
    Return the content of a response, with the counts in ``usage``.
    """
    return Reading(
        text=response.text,
        reasoning=response.reasoning,
        calls=[(call.id, call.name, parse_arguments(call.arguments)) for call in response.tool_calls],
        finish=response.raw_finish_reason,
        usage=tuple(getattr(response.usage, name) for name in usage),
        id=response.id,
        model=response.model,
    )


def remove_generated_ids(reading, expected):
    """
    Remove the ids that Budwood generated for calls without ids.
    """
    calls = [(other[0] and call[0], *call[1:]) for call, other in zip(reading.calls, expected.calls, strict=True)]
    return reading._replace(calls=calls)


def parse_arguments(arguments):
    """
    Parse the arguments of a call; invalid JSON is unchanged, and empty arguments are an empty object.
    """
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


def find_reason(reasons, source):
    """
    Return the reason why an SDK cannot decode a reply; None if it can.
    """
    name = source.name if isinstance(source, Path) else source.file
    return next((reason for part, reason in reasons.items() if part in name), None)
