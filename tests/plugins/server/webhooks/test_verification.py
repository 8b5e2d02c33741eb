"""``budwood_server.webhooks.verify``."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest

from budwood_server.webhooks import (
    MissingHeaderError,
    PayloadError,
    SignatureError,
    TimestampError,
    WebhookVerificationError,
    verify,
)
from budwood_server.webhooks.signing import create_secret, sign, sign_headers

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the tests of standard-webhooks, as the next four
OTHER = "whsec_YW5vdGhlciBzZWNyZXQgZm9yIHRlc3Rz"  # constant, because names of tests contain it
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
WRONG = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="

NOW = datetime.fromtimestamp(TIMESTAMP, UTC)


def make_headers(signature=SIGNATURE, timestamp=TIMESTAMP):
    """
    Return the headers of a request.
    """
    return {"Webhook-Id": ID, "Webhook-Timestamp": str(timestamp), "Webhook-Signature": signature}


@pytest.mark.parametrize("secret", [SECRET, SECRET.removeprefix("whsec_"), [OTHER, SECRET]])
@pytest.mark.parametrize("signature", [SIGNATURE, f"{WRONG} {SIGNATURE}", f"v2,abc {SIGNATURE}"])
def test_the_published_vector_is_accepted(secret, signature):
    """
    Also among other signatures, by one of several secrets, and as text.
    """
    assert sign(SECRET, ID, TIMESTAMP, BODY) == SIGNATURE
    for body in (BODY, BODY.decode()):
        assert verify(body, make_headers(signature), secret, now=NOW) == {"test": 2432232314}


@pytest.mark.parametrize(
    ("body", "headers", "secret", "error"),
    [
        (BODY, make_headers(WRONG), SECRET, SignatureError),
        (BODY, make_headers("v1,"), SECRET, SignatureError),
        (BODY, make_headers("v1a," + SIGNATURE[3:]), SECRET, SignatureError),
        (BODY, make_headers("v1,\xe9"), SECRET, SignatureError),
        (BODY, make_headers(f"{WRONG} " * 20 + SIGNATURE), SECRET, SignatureError),
        (BODY + b" ", make_headers(), SECRET, SignatureError),
        (BODY, make_headers() | {"Webhook-Id": "msg_x"}, SECRET, SignatureError),
        (BODY, make_headers(timestamp=TIMESTAMP + 1), SECRET, SignatureError),
        (BODY, make_headers(), OTHER, SignatureError),
        (BODY, make_headers(timestamp=TIMESTAMP - 301), SECRET, TimestampError),
        (BODY, make_headers(timestamp=TIMESTAMP + 301), SECRET, TimestampError),
        (BODY, make_headers(timestamp="now"), SECRET, MissingHeaderError),
        (BODY, make_headers(timestamp="9" * 5000), SECRET, MissingHeaderError),
        (BODY, {}, SECRET, MissingHeaderError),
        (BODY, make_headers(""), SECRET, MissingHeaderError),
        (b"[]", make_headers(sign(SECRET, ID, TIMESTAMP, b"[]")), SECRET, PayloadError),
        (b"\xff", make_headers(sign(SECRET, ID, TIMESTAMP, b"\xff")), SECRET, PayloadError),
    ],
)
def test_others_are_refused(body, headers, secret, error):
    """
    Each with an error of its own, of one class, that contains no secret.
    """
    with pytest.raises(error) as caught:
        verify(body, headers, secret, now=NOW)

    assert isinstance(caught.value, WebhookVerificationError)
    assert SECRET[6:] not in f"{caught.value!r} {caught.value.hint}"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_short", [], "whsec_!"])
def test_invalid_secrets_are_a_mistake_of_the_program(secret):
    """
    None accepts a request.
    """
    with pytest.raises(ValueError, match="secret"):
        verify(BODY, make_headers(), secret, now=NOW)


def test_the_reference_library_agrees():
    """
    It accepts what the server signs, also with two secrets, and signs what `verify` accepts.
    """
    library = pytest.importorskip("standardwebhooks")
    secrets = [create_secret(), create_secret()]
    headers = sign_headers(secrets, ID, int(time.time()), BODY)

    for secret in secrets:
        assert library.Webhook(secret).verify(BODY, headers) == {"test": 2432232314}
    with pytest.raises(library.WebhookVerificationError):
        library.Webhook(create_secret()).verify(BODY, headers)
    now = datetime.now(UTC)
    signature = library.Webhook(secrets[1]).sign(ID, now, BODY.decode())
    assert verify(BODY, make_headers(signature, int(now.timestamp())), secrets[1]) == {"test": 2432232314}


def test_the_vectors_of_the_specification(shared_folder):
    """
    The server signs them as published, and `verify` accepts those that are valid and within the tolerance.
    """
    vectors = json.loads((shared_folder / "specs" / "standard-webhooks" / "vectors.json").read_text("utf-8"))
    secrets = vectors["secret"], vectors["secret_prefixed"]
    assert vectors["sign"]
    assert vectors["invalid_signature"]
    for each, is_valid in [(one, name == "sign") for name in ("sign", "invalid_signature") for one in vectors[name]]:
        body, timestamp = each["payload"].encode(), each["timestamp"]
        headers = {
            "webhook-id": each["id"],
            "webhook-timestamp": str(timestamp),
            "webhook-signature": each["signature"],
        }
        for secret in secrets:
            assert (sign(secret, each["id"], timestamp, body) == each["signature"]) is is_valid
            for seconds in (0, -vectors["tolerance_seconds"], vectors["tolerance_seconds"]):
                now = datetime.fromtimestamp(timestamp + seconds, UTC)
                if is_valid:
                    assert verify(body, headers, secret, now=now) == json.loads(body)
                else:
                    with pytest.raises(SignatureError):
                        verify(body, headers, secret, now=now)
            with pytest.raises(TimestampError):
                verify(body, headers, secret)
