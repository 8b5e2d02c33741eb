"""Secrets are removed from recordings, in every encoding."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import ConfigurationError, ConnectionFailedError
from budwood.types import HTTPCall, ReplyHead
from budwood_testing import sse
from budwood_testing.cassettes.cassette_file import RecordedCall, RecordedFailure, RecordedReply, Recording
from budwood_testing.cassettes.scrubbing import Scrubber

KEY = "sk-test/secret+42"


def create_scrubber(call=None, **options):
    """
    Create a scrubber that has learned the credentials of a call.
    """
    scrubber = Scrubber(**options)
    scrubber.learn_call(
        call or HTTPCall(method="POST", url="https://a.example/", headers={"Authorization": f"Bearer {KEY}"})
    )
    return scrubber


@pytest.mark.parametrize(
    "encoded",
    [
        KEY,
        KEY.replace("/", "\\/"),
        quote(KEY, safe=""),
        quote(KEY, safe="").lower(),
        *(base64.b64encode(before + KEY.encode() + b"!").decode() for before in (b"", b"u:", b"me:", b"user:")),
        base64.urlsafe_b64encode(b"user:" + KEY.encode()).decode(),
        "".join(f"\\u{ord(character):04x}" for character in KEY),
    ],
)
def test_key_is_found_in_every_encoding(encoded):
    """
    A key is found literally, escaped in JSON, percent-encoded, and in base64 at any offset.
    """
    body = b'{"said": "before ' + encoded.encode() + b' after"}'

    (clean,) = create_scrubber().scrub_chunks((body,))

    text = json.loads(clean)["said"]
    assert "[redacted]" in text
    assert encoded.encode() not in clean
    for start in range(len(encoded) - 12):
        assert encoded[start : start + 12].encode() not in clean


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", f"Bearer {KEY}"),
        ("x-api-key", KEY),
        ("api-key", KEY),
        ("X-Goog-Api-Key", KEY),
        ("cookie", f"session={KEY}; other=1"),
        ("authorization", "Basic " + base64.b64encode(f"user:{KEY}".encode()).decode()),
        ("openai-organization", KEY),
        ("x-acme", "a0b1c2d3e4f5a0b1c2d3e4f5"),
    ],
)
def test_credentials_are_learned_from_headers(name, value):
    """
    Sensitive headers are not recorded, and their values are removed from bodies.
    """
    call = HTTPCall(method="POST", url="https://a.example/", headers={name: value}, body=f"I am {KEY}".encode())
    secret = "a0b1c2d3e4f5a0b1c2d3e4f5" if name == "x-acme" else KEY
    scrubber = create_scrubber(call)

    assert name.lower() not in scrubber.scrub_call(call).headers
    assert scrubber.scrub_text(f"no such key: {secret}.") == "no such key: [redacted]."


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/m:go?alt=sse&key=AIzaKeyOfMine", "https://a.example/m:go?alt=sse&key=[redacted]"),
        ("https://me:password1@a.example/v1", "https://a.example/v1"),
        (
            "https://a.example/v1?X-Amz-Signature=0123456789&page=2",
            "https://a.example/v1?X-Amz-Signature=[redacted]&page=2",
        ),
        ("https://a.example/v1?api-version=2024-10-21", "https://a.example/v1?api-version=2024-10-21"),
    ],
)
def test_credentials_are_removed_from_urls(url, expected):
    """
    Keys, passwords and signatures are removed from URLs; other parameters are recorded.
    """
    call = HTTPCall(method="GET", url=url)

    assert create_scrubber(call).scrub_call(call).url == expected


def test_password_in_a_url_is_a_secret():
    """
    A password in a URL is also removed from bodies.
    """
    scrubber = create_scrubber(HTTPCall(method="GET", url="https://me:pass%20word1@a.example/?key=AIzaKeyOfMine"))

    assert scrubber.scrub_text("pass word1, AIzaKeyOfMine") == "[redacted], [redacted]"


@pytest.mark.parametrize(
    "body",
    [
        '{"access_token": "abc", "n": 1}',
        r'{"text": "{\"client_secret\": \"abc\"}"}',
        "grant_type=password&password=abc",
        '{"next": "https://a.example/?page=2&key=abc"}',
        "Authorization: Bearer abc0123456789def0",
        "Wrong key: sk-proj-abc0123456789abcdef0123.",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhYmMifQ.abc-def",
    ],
)
def test_known_formats_of_secrets_are_found(body):
    """
    OAuth tokens, vendors' keys and JSON Web Tokens are removed without being learned first.
    """
    (clean,) = Scrubber().scrub_chunks((body.encode(),))

    assert b"abc" not in clean
    assert b"[redacted]" in clean


@pytest.mark.parametrize(
    "body",
    [
        '{"token": "Hello", "logprob": -0.1, "max_tokens": 100}',
        "The bearer responsibilities of a task-oriented-dialogue-system-with-memory",
        '{"properties": {"access_token": {"type": "string"}}}',
        '{"monkey": "a?donkey=abc"}',
        '{"prompt_tokens": 7}',
    ],
)
def test_other_text_is_not_changed(body):
    """
    Text that resembles secrets is recorded unchanged.
    """
    assert create_scrubber().scrub_chunks((body.encode(),)) == (body.encode(),)


def test_placeholder_is_not_a_secret():
    """
    Short placeholder keys such as "ollama", which often occur in replies, are not removed.
    """
    call = HTTPCall(method="POST", url="http://localhost/", headers={"authorization": "Bearer ollama"})

    assert create_scrubber(call).scrub_text("ollama runs here") == "ollama runs here"


def test_chunk_boundary_inside_a_secret_moves_to_its_end():
    """
    The number of chunks and the chunks without secrets do not change.
    """
    chunks = (b"one ", b"sk-test/", b"secret+42 two ", "drei \u00e4".encode()[:-1], "\u00e4".encode()[-1:])

    assert create_scrubber().scrub_chunks(chunks) == (b"one ", b"[redacted]", b" two ", *chunks[3:])


def test_secret_that_spans_several_events_is_found():
    """
    A secret is removed even if each event of a stream contains only a part of it.
    """
    deltas = ["My key is ", "sk-te", "st/sec", "ret+42", ". And", " yours?"]
    chunks = sse(*({"choices": [{"index": 0, "delta": {"content": text}}]} for text in deltas))

    clean = create_scrubber().scrub_chunks(chunks)

    events = [json.loads(chunk.removeprefix(b"data: ")) for chunk in clean[:-1]]
    texts = [event["choices"][0]["delta"]["content"] for event in events]
    assert texts == ["My key is ", "[redacted]", "", "", ". And", " yours?"]
    assert [clean[0], *clean[4:]] == [chunks[0], *chunks[4:]]


def test_texts_of_two_choices_are_searched_separately():
    """
    Where two choices are encoded in turns, the secret is found in the one that spells it.
    """
    deltas = [(0, "sk-test/"), (1, "abc"), (0, "secret+42"), (1, "def")]
    chunks = sse(*({"choices": [{"index": index, "delta": {"content": text}}]} for index, text in deltas))

    clean = b"".join(create_scrubber().scrub_chunks(chunks))

    assert b"[redacted]" in clean
    assert b"secret+42" not in clean
    assert b"abc" in clean


def test_binary_data_is_not_changed():
    """
    Binary data is recorded byte for byte, except for secrets in it.
    """
    audio = bytes(range(256))

    assert create_scrubber().scrub_chunks((audio, audio + KEY.encode() + audio)) == (
        audio,
        audio + b"[redacted]" + audio,
    )


def test_additional_secrets_and_patterns_are_removed():
    """
    Given texts are removed, and matches of given patterns, or only their groups.
    """
    scrubber = Scrubber(["Project Bluebird"], [r'"customer": "([^"]*)"', r"\d{4}-\d{4}"])

    (clean,) = scrubber.scrub_chunks((b'{"customer": "Ada", "text": "Project Bluebird, 1234-5678"}',))

    assert clean == b'{"customer": "[redacted]", "text": "[redacted], [redacted]"}'


@pytest.mark.parametrize(
    ("options", "message"), [({"secrets": ["1234"]}, "fewer than 8"), ({"patterns": ["("]}, "'\\('")]
)
def test_invalid_options_are_rejected(options, message):
    """
    A secret that is too short and an invalid pattern raise an error.
    """
    with pytest.raises(ConfigurationError, match=message):
        Scrubber(**options)


def test_reply_headers_are_scrubbed():
    """
    Cookies and organisation names are redacted, headers about the connection omitted, and others recorded.
    """
    headers = {
        "content-type": "application/json",
        "content-length": "17",
        "openai-organization": "acme-research",
        "retry-after": "3",
        "set-cookie": "cf=0123456789abcdef; path=/; secure",
        "x-ratelimit-remaining-tokens": "100",
        "x-request-id": "req_1",
    }
    scrubber = Scrubber()
    scrubber.learn_reply(ReplyHead(200, headers))

    assert scrubber.scrub_headers(headers) == {
        "content-type": "application/json",
        "openai-organization": "[redacted]",
        "retry-after": "3",
        "set-cookie": "[redacted]",
        "x-ratelimit-remaining-tokens": "100",
        "x-request-id": "req_1",
    }
    assert scrubber.scrub_text("acme-research 0123456789abcdef path") == "[redacted] [redacted] path"


def test_failures_are_scrubbed():
    """
    A key is removed from message and hint of a recorded failure.
    """
    failure = RecordedFailure.from_error(ConnectionFailedError(f"broke with {KEY}", hint=f"not {KEY}"))
    recording = Recording(call=RecordedCall(method="GET", url=f"https://a.example/{KEY}"), failure=failure)

    clean = create_scrubber().scrub_recording(recording)

    assert KEY not in clean.model_dump_json()
    assert clean.failure.message == "broke with [redacted]"


@given(
    st.lists(st.one_of(st.text(), st.binary(), st.just(KEY), st.just("\u20ac")), max_size=8),
    st.lists(st.integers(0, 200), max_size=6),
)
def test_chunks_do_not_affect_the_result(parts, cuts):
    """
    The result does not depend on the chunks of a body, and scrubbing it again changes nothing.
    """
    body = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    boundaries = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    chunks = [body[start:end] for start, end in pairwise(boundaries)]
    scrubber = create_scrubber()

    clean = scrubber.scrub_chunks(chunks)

    assert len(clean) == len(chunks)
    assert b"".join(clean) == body.replace(KEY.encode(), b"[redacted]")
    assert scrubber.scrub_chunks(clean) == clean


@given(
    st.text(min_size=8, max_size=40, alphabet=st.characters(min_codepoint=33, max_codepoint=126)), st.binary(max_size=9)
)
def test_any_key_is_found_in_base64(secret, before):
    """
    Any key is found in base64, at any offset.
    """
    scrubber = Scrubber([secret])
    encoded = base64.b64encode(before + secret.encode() + b"zz").decode()

    assert "[redacted]" in scrubber.scrub_text(encoded)


def test_secret_learned_later_is_removed_from_a_recording():
    """
    A token in a reply is removed once it is the credential of a later call.
    """
    scrubber = Scrubber()
    reply = RecordedReply(status=200, body=(b'{"ticket": "tick-', b'et-0001"}'))
    recording = Recording(call=RecordedCall(method="GET", url="https://a.example/"), reply=reply)
    assert scrubber.scrub_recording(recording) == recording

    scrubber.learn_call(
        HTTPCall(method="GET", url="https://a.example/", headers={"authorization": "Bearer tick-et-0001"})
    )

    assert b"".join(scrubber.scrub_recording(recording).reply.body) == b'{"ticket": "[redacted]"}'
