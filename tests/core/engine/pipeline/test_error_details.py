"""What errors say that neither the vendor nor the transport knows."""

from __future__ import annotations

import pytest

from budwood import Client
from budwood.errors import (
    AuthenticationError,
    BadResponseError,
    CapacityError,
    ConnectionFailedError,
    ProviderError,
    RateLimitError,
    RequestTimeoutError,
)
from budwood.types import HTTPCall
from budwood.wire.errors import broken_connection_error, connection_error
from budwood_testing import ScriptedTransport

REFUSED = {"error": {"message": "No.", "type": None, "param": None, "code": None}}


def fail(client, **options):
    """
    Return the error of a call.
    """
    with pytest.raises(ProviderError) as caught:
        client.ask("hi", **options)
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind", "rest"),
    [(429, RateLimitError, "or send fewer requests at a time."), (503, CapacityError, "or use another model.")],
)
def test_hint_says_how_long_to_wait(make_client, scripted, status, kind, rest):
    """
    If the vendor names the seconds; these are rounded up.
    """
    client = make_client(retries=0)
    scripted.reply(status, REFUSED, headers={"retry-after": "6.2"}).reply(status, REFUSED)

    known, unknown = fail(client), fail(client)

    assert (type(known), known.hint) == (kind, f"Retry in 7 s, {rest}")
    assert unknown.hint == f"Retry later, {rest}"


def test_hint_for_a_missing_model_names_the_provider(scripted, clock):
    """
    By its own name, so that the command can be typed as it is.
    """
    scripted.reply(400, {"error": {"message": "No.", "code": "model_not_found"}})
    provider = {"plugin": "openai-compatible", "base_url": "http://127.0.0.1:9/v1", "api_key": "k"}
    with Client("local/m", settings={"providers": {"local": provider}}, transport=scripted, clock=clock) as client:
        assert fail(client).hint == "`budwood models list local` lists the available models."


def test_server_that_requires_a_key_is_not_said_to_reject_one(scripted, clock):
    """
    Without a key the error names the variable for it.
    """
    scripted.reply(401, REFUSED)
    provider = {"plugin": "openai-compatible", "base_url": "http://127.0.0.1:9/v1"}
    with Client("local/m", settings={"providers": {"local": provider}}, transport=scripted, clock=clock) as client:
        error = fail(client)

    assert isinstance(error, AuthenticationError)
    assert error.message == "The server requires a credential: HTTP 401: No."
    assert "BUDWOOD_PROVIDERS__LOCAL__API_KEY" in error.hint


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://user:secret@login.example:444/sso?token=secret", " to login.example"),
        ("/sso?token=secret", ""),
        ("http://[", ""),
        (None, ""),
    ],
)
def test_redirect_names_its_host(make_client, scripted, location, target):
    """
    Only the host: the rest of the URL may contain secrets.
    """
    scripted.reply(307, b"", headers={"location": location} if location else {})

    error = fail(make_client())

    assert isinstance(error, BadResponseError)
    assert error.message == f"The server sent a redirect{target} (HTTP 307), which is not followed."


def test_deadline_error_says_the_seconds(make_client, clock):
    """
    The transport, which notices that the time is over, does not know them.
    """
    scripted = ScriptedTransport(clock=clock).reply(body=REFUSED, delay=1000.0)

    error = fail(make_client(transport=scripted), timeout=2.5)

    assert isinstance(error, RequestTimeoutError)
    assert error.message == "The call took longer than its timeout of 2.5 s."
    assert str(error).startswith("openai: The call took longer than its timeout of 2.5 s. Raise timeout=…")


def test_lost_connection_keeps_the_id_of_the_request(make_client, scripted):
    """
    The vendor's support needs it, although the body is not complete.
    """
    lost = ConnectionFailedError("The connection was lost.")
    scripted.reply(200, b'{"id": ', headers={"x-request-id": "req-7"}, failure=lost)

    error = fail(make_client(retries=0))

    assert (error.request_id, error.attempts[0].request_id) == ("req-7", "req-7")


@pytest.mark.parametrize("make_error", [broken_connection_error, connection_error])
def test_reasons_of_libraries_end_with_one_full_stop(make_error):
    """
    Some end with one themselves.
    """
    call = HTTPCall(method="GET", url="https://vendor.example/v1")
    reasons = ["Server disconnected without sending a response.", "Server disconnected without sending a response"]

    messages = {make_error(call, reason).message for reason in reasons}

    assert len(messages) == 1
    assert messages.pop().endswith(" without sending a response.")
