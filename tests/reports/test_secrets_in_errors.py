"""Errors contain no secret in any form, and are classified by the server's original text."""

from __future__ import annotations

import base64
import traceback

import pytest

from budwood import Client
from budwood.errors import (
    AuthenticationError,
    BudwoodError,
    ConfigurationError,
    ContextLengthError,
    CredentialError,
    NotFoundError,
    QuotaExhaustedError,
)
from budwood.settings import Settings
from budwood.types import AccessToken
from budwood_testing import ScriptedTransport
from tests.reports.reachable import get_reachable_text

KEY = "sk-live-0a1b2c3d4e5f6a7b8c9d"
PASSWORD = "correct-horse-battery"


def fail(body: object, *, status: int = 401, key: str = KEY, headers: dict[str, str] | None = None, **options: object):
    """
    Ask a server that answers with an error, and return the exception.
    """
    transport = ScriptedTransport().reply(status, body, headers=headers or {})
    settings = {"providers": {"work": {"plugin": "openai-compatible", "base_url": "http://work.test/v1"}}}
    arguments = {"settings": settings, "api_key": key, "transport": transport, "retries": 0, **options}
    with pytest.raises(BudwoodError) as caught, Client("work/test-model", **arguments) as client:
        client.ask("Hi")
    return caught.value


def make_error_body(message: str, **fields: object) -> dict[str, object]:
    """Return an error in OpenAI's envelope."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None, **fields}}


@pytest.mark.parametrize("key", ["null", "x", "test", "error", "code", "insufficient_quota", "message", "dummy"])
def test_a_dummy_key_does_not_change_the_class_of_an_error(key):
    """
    A key that occurs in the body does not turn an exhausted quota into a rate limit.
    """
    body = make_error_body("You exceeded your quota.", type="insufficient_quota", code="insufficient_quota")

    error = fail(body, status=429, key=key)

    assert isinstance(error, QuotaExhaustedError)
    assert not error.retryable


@pytest.mark.parametrize("key", ["x", "e", "test", "none", "EMPTY", "ollama"])
def test_a_short_key_is_not_redacted(key):
    """
    A key with fewer than eight characters is a dummy and is not redacted.
    """
    long = fail(make_error_body("The ollama test model has none.", code="context_length_exceeded"), status=400, key=key)
    missing = fail(make_error_body("No test-model EMPTY.", code="model_not_found"), status=404, key=key)

    assert isinstance(long, ContextLengthError)
    assert (long.message, long.code) == ("The ollama test model has none.", "context_length_exceeded")
    assert isinstance(missing, NotFoundError)
    assert missing.message == "No test-model EMPTY."


def test_a_dummy_key_that_equals_a_name_is_not_redacted():
    """
    A key such as ``lm-studio`` does not redact the name of the provider or the model.
    """
    settings = {"providers": {"lm-studio": {"plugin": "openai-compatible", "base_url": "http://work.test/v1"}}}
    transport = ScriptedTransport().reply(401, make_error_body("No."))
    with (
        pytest.raises(AuthenticationError) as caught,
        Client("lm-studio/lm-studio", settings=settings, api_key="lm-studio", transport=transport) as client,
    ):
        client.ask("Hi")

    assert (caught.value.provider, caught.value.model) == ("lm-studio", "lm-studio")


@pytest.mark.parametrize(
    "echo",
    [
        KEY,
        f"Bearer {KEY}",
        KEY[:-3],
        KEY[4:],
        KEY[2:-2],
        KEY.replace("-", "%2D"),
        f"two of them: {KEY} {KEY[:-1]}",
        f"{'x' * 460}{KEY}",
    ],
)
def test_a_repeated_key_is_removed_in_every_form(echo):
    """
    A key is redacted in full, without its beginning or end, and where a text is truncated.
    """
    error = fail(make_error_body(f"Incorrect API key provided: {echo}."))

    assert isinstance(error, AuthenticationError)
    assert KEY[8:16] not in get_reachable_text(error)
    assert "[redacted]" in str(error)


@pytest.mark.parametrize("scheme", ["Bearer ", "Token ", "Basic "])
def test_a_key_with_a_scheme_is_also_redacted_without_it(scheme):
    """
    If the key includes a scheme, the key alone is redacted as well.
    """
    error = fail(make_error_body(f"Incorrect API key provided: {KEY}."), key=scheme + KEY)

    assert KEY not in get_reachable_text(error)
    assert error.message.endswith("provided: [redacted].")


@pytest.mark.parametrize("cut", [slice(0, -2), slice(3, None), slice(0, None)])
def test_a_request_id_with_part_of_the_key_is_redacted(cut):
    """
    A request id that contains part of the key is redacted in the error and in its attempts.
    """
    error = fail(make_error_body("No."), headers={"x-request-id": f"req.{KEY[cut]}.7"})

    assert error.request_id == "req.[redacted].7"
    assert error.attempts[0].request_id == "req.[redacted].7"


@pytest.mark.parametrize("user", ["me", ""])
def test_the_password_of_an_address_is_removed(user):
    """
    The password of a URL is redacted, also in the form of the header ``authorization``.
    """
    basic = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
    message = f"Refused: Basic {basic}, password {PASSWORD}."

    error = fail(make_error_body(message), base_url=f"http://{user}:{PASSWORD}@work.test/v1")

    assert basic not in get_reachable_text(error)
    assert PASSWORD not in get_reachable_text(error)
    assert error.message.count("[redacted]") == 2


def test_a_secret_header_of_the_settings_is_removed():
    """
    Values of headers in the settings are redacted, since some servers expect their key there.
    """
    settings = {
        "providers": {
            "work": {"plugin": "openai-compatible", "base_url": "http://work.test/v1", "headers": {"x-api-key": KEY}}
        }
    }

    error = fail(make_error_body(f"Key {KEY} was refused."), settings=settings, api_key=None)

    assert KEY not in get_reachable_text(error)


@pytest.mark.parametrize(
    "body", [f"\xff{KEY}".encode("latin-1"), b"<html>" + KEY.encode(), b'{"error": "' + KEY.encode()]
)
def test_an_unreadable_body_shows_no_key(body):
    """
    Neither the quoted body nor the chained error of the parser contains the key.
    """
    assert KEY[8:16] not in get_reachable_text(fail(body))
    assert KEY[8:16] not in get_reachable_text(fail(body, status=200))


@pytest.mark.parametrize("name", ["budwood.toml", ".env"])
def test_an_error_for_an_undecodable_file_has_no_bytes_of_it(tmp_path, name):
    """
    The decoding error, which contains the file, is neither the cause nor the context.
    """
    tmp_path.joinpath(name).write_bytes(f"OPENAI_API_KEY='{KEY}' # caf".encode() + b"\xe9\n")

    with pytest.raises(ConfigurationError, match="UTF-8") as caught:
        Settings.load(folder=tmp_path, environment={}, user_file=tmp_path / "none.toml")

    assert KEY not in get_reachable_text(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("text", [f"api_key = '{KEY}", f"[options]\nretries = '{KEY}'", f"n = {'9' * 5000} # {KEY}"])
def test_an_error_for_an_invalid_file_has_no_context(tmp_path, text):
    """
    The errors of parsers and validators, which contain the file, are not in the context.
    """
    tmp_path.joinpath("budwood.toml").write_text(text, "utf-8")

    with pytest.raises(ConfigurationError) as caught:
        Settings.load(folder=tmp_path, environment={}, user_file=tmp_path / "none.toml")

    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


@pytest.mark.parametrize("key", [f" {KEY}", f"{KEY}\n", f"\t{KEY} ", f"{KEY}\r\n"])
def test_a_key_with_white_space_is_rejected(key):
    """
    The call raises an error before anything is sent, since no vendor accepts such a key.
    """
    with pytest.raises(CredentialError, match="openai: the API key begins or ends with white space") as caught:
        Client("openai/gpt-5", api_key=key, transport=ScriptedTransport())

    assert KEY not in get_reachable_text(caught.value)


def test_a_token_with_white_space_is_rejected():
    """
    The same is true for the tokens of a token source.
    """
    source = {"base_url": "https://work.test", "token_source": lambda: AccessToken(secret=f"{KEY}\n")}
    transport = ScriptedTransport()

    with (
        pytest.raises(CredentialError, match="azure: the token of the token source begins or ends with white space"),
        Client("azure/chat", settings={"providers": {"azure": source}}, transport=transport) as client,
    ):
        client.ask("Hi")
    assert transport.calls == []


def test_an_unreadable_header_is_logged_without_the_key(monkeypatch):
    """
    If a plugin fails to parse a rate limit header, the log does not show the key.
    """
    logged: list[str] = []
    monkeypatch.setattr("budwood.logs.emit", lambda event, **fields: logged.append(f"{event} {fields}"))
    monkeypatch.setattr(
        "budwood_openai_compatible.OpenAICompatible.rate_limits",
        lambda _, head: {}[head.headers["x-echo"]],
    )

    fail(make_error_body("No."), headers={"x-echo": f"Bearer {KEY}"})

    assert "rate limits unreadable" in logged[0]
    assert KEY not in "".join(logged)


def test_a_key_in_base64_is_redacted():
    """
    The base64 of a key is removed from errors as the key is.
    """
    secret = base64.b64encode(KEY.encode()).decode().rstrip("=")

    assert secret not in get_reachable_text(fail(make_error_body(f"The key {secret} is wrong.")))


def test_a_token_as_the_user_of_an_address_is_redacted():
    """
    An address may have a token in place of user and password.
    """
    transport = ScriptedTransport().reply(401, make_error_body(f"The token {PASSWORD} is wrong."))
    address = f"http://{PASSWORD}@work.test/v1"
    client = Client("openai-compatible/m", base_url=address, transport=transport, retries=0)

    with pytest.raises(AuthenticationError) as caught, client:
        client.ask("Hi")

    assert PASSWORD not in get_reachable_text(caught.value)
