"""What must not be in a recording is found, however it is written."""

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
from budwood_testing.cassettes.scrubbing import Scrubber
from budwood_testing.cassettes.tape import RecordedCall, RecordedFailure, RecordedReply, Recording

KEY = "sk-test/secret+42"


def scrubber(call=None, **options):
    """
    Make one that has seen a call.
    """
    made = Scrubber(**options)
    made.learn_call(
        call or HTTPCall(method="POST", url="https://a.example/", headers={"Authorization": f"Bearer {KEY}"})
    )
    return made


@pytest.mark.parametrize(
    "written",
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
def test_key_is_found_in_every_form(written):
    """
    As it is, escaped for JSON, percent-encoded, or in base64 wherever it begins.
    """
    body = b'{"said": "before ' + written.encode() + b' after"}'

    (clean,) = scrubber().pieces((body,))

    said = json.loads(clean)["said"]
    assert "[redacted]" in said
    assert written.encode() not in clean
    for start in range(len(written) - 12):
        assert written[start : start + 12].encode() not in clean


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
def test_credentials_of_a_call_are_learnt_from_its_headers(name, value):
    """
    Their values are written nowhere, nor is what they carry where the reply repeats it.
    """
    call = HTTPCall(method="POST", url="https://a.example/", headers={name: value}, body=f"I am {KEY}".encode())
    secret = "a0b1c2d3e4f5a0b1c2d3e4f5" if name == "x-acme" else KEY
    made = scrubber(call)

    assert name.lower() not in made.call(call).headers
    assert made.text(f"no such key: {secret}.") == "no such key: [redacted]."


@pytest.mark.parametrize(
    ("url", "kept"),
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
def test_credentials_are_taken_out_of_addresses(url, kept):
    """
    A key, a password, a signature; other parameters stay.
    """
    call = HTTPCall(method="GET", url=url)

    assert scrubber(call).call(call).url == kept


def test_password_of_an_address_is_a_secret_everywhere():
    """
    A reply may repeat it.
    """
    made = scrubber(HTTPCall(method="GET", url="https://me:pass%20word1@a.example/?key=AIzaKeyOfMine"))

    assert made.text("pass word1, AIzaKeyOfMine") == "[redacted], [redacted]"


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
def test_secrets_of_others_are_known_by_their_looks(body):
    """
    Tokens of OAuth, keys of vendors and JSON Web Tokens, whoever's they are.
    """
    (clean,) = Scrubber().pieces((body.encode(),))

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
def test_what_is_no_secret_stays(body):
    """
    Recordings hold what was said.
    """
    assert scrubber().pieces((body.encode(),)) == (body.encode(),)


def test_placeholder_is_no_secret():
    """
    Local servers are given "ollama" for a key, which stands in many a reply.
    """
    call = HTTPCall(method="POST", url="http://localhost/", headers={"authorization": "Bearer ollama"})

    assert scrubber(call).text("ollama runs here") == "ollama runs here"


def test_cut_within_a_secret_moves_to_its_end():
    """
    The pieces stay as many as they are, and the others stay what they are.
    """
    pieces = (b"one ", b"sk-test/", b"secret+42 two ", "drei \u00e4".encode()[:-1], "\u00e4".encode()[-1:])

    assert scrubber().pieces(pieces) == (b"one ", b"[redacted]", b" two ", *pieces[3:])


def test_secret_that_a_model_spells_out_in_a_stream_is_found():
    """
    Each event holds a part of it, and none the whole.
    """
    deltas = ["My key is ", "sk-te", "st/sec", "ret+42", ". And", " yours?"]
    pieces = sse(*({"choices": [{"index": 0, "delta": {"content": text}}]} for text in deltas))

    clean = scrubber().pieces(pieces)

    events = [json.loads(piece.removeprefix(b"data: ")) for piece in clean[:-1]]
    said = [event["choices"][0]["delta"]["content"] for event in events]
    assert said == ["My key is ", "[redacted]", "", "", ". And", " yours?"]
    assert [clean[0], *clean[4:]] == [pieces[0], *pieces[4:]]


def test_texts_of_two_replies_in_one_stream_are_kept_apart():
    """
    Where two choices are written in turns, the secret is found in the one that spells it.
    """
    said = [(0, "sk-test/"), (1, "abc"), (0, "secret+42"), (1, "def")]
    pieces = sse(*({"choices": [{"index": index, "delta": {"content": text}}]} for index, text in said))

    clean = b"".join(scrubber().pieces(pieces))

    assert b"[redacted]" in clean
    assert b"secret+42" not in clean
    assert b"abc" in clean


def test_binary_stays_byte_for_byte():
    """
    But for the secret in it.
    """
    audio = bytes(range(256))

    assert scrubber().pieces((audio, audio + KEY.encode() + audio)) == (audio, audio + b"[redacted]" + audio)


def test_users_name_what_else_is_secret():
    """
    Texts as they are, and patterns, of which the groups alone are taken out.
    """
    made = Scrubber(["Project Bluebird"], [r'"customer": "([^"]*)"', r"\d{4}-\d{4}"])

    (clean,) = made.pieces((b'{"customer": "Ada", "text": "Project Bluebird, 1234-5678"}',))

    assert clean == b'{"customer": "[redacted]", "text": "[redacted], [redacted]"}'


@pytest.mark.parametrize(("options", "said"), [({"secrets": ["1234"]}, "fewer than 8"), ({"patterns": ["("]}, "'\\('")])
def test_what_cannot_be_found_is_refused(options, said):
    """
    A short secret or a broken pattern would give a false sense of safety.
    """
    with pytest.raises(ConfigurationError, match=said):
        Scrubber(**options)


def test_reply_headers_lose_cookies_and_organisations():
    """
    What the engine reads of them stays, and what speaks of the connection goes.
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
    made = Scrubber()
    made.learn_reply(ReplyHead(200, headers))

    assert made.headers(headers) == {
        "content-type": "application/json",
        "openai-organization": "[redacted]",
        "retry-after": "3",
        "set-cookie": "[redacted]",
        "x-ratelimit-remaining-tokens": "100",
        "x-request-id": "req_1",
    }
    assert made.text("acme-research 0123456789abcdef path") == "[redacted] [redacted] path"


def test_failure_is_cleaned_too():
    """
    Servers repeat keys in their errors, and proxies in theirs.
    """
    failure = RecordedFailure.of(ConnectionFailedError(f"broke with {KEY}", hint=f"not {KEY}"))
    recording = Recording(call=RecordedCall(method="GET", url=f"https://a.example/{KEY}"), failure=failure)

    clean = scrubber().recording(recording)

    assert KEY not in clean.model_dump_json()
    assert clean.failure.message == "broke with [redacted]"


@given(
    st.lists(st.one_of(st.text(), st.binary(), st.just(KEY), st.just("\u20ac")), max_size=8),
    st.lists(st.integers(0, 200), max_size=6),
)
def test_no_cut_hides_a_secret_or_changes_anything_else(parts, cuts):
    """
    However the body is cut, what comes out is the same; and cleaning it again changes nothing.
    """
    body = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in pairwise(places)]
    made = scrubber()

    clean = made.pieces(pieces)

    assert len(clean) == len(pieces)
    assert b"".join(clean) == body.replace(KEY.encode(), b"[redacted]")
    assert made.pieces(clean) == clean


@given(
    st.text(min_size=8, max_size=40, alphabet=st.characters(min_codepoint=33, max_codepoint=126)), st.binary(max_size=9)
)
def test_any_key_is_found_in_base64(secret, before):
    """
    Whatever it is made of and wherever it begins.
    """
    made = Scrubber([secret])
    encoded = base64.b64encode(before + secret.encode() + b"zz").decode()

    assert "[redacted]" in made.text(encoded)


def test_recording_loses_what_is_learnt_later():
    """
    A token that one call fetched is the next call's credential.
    """
    made = Scrubber()
    reply = RecordedReply(status=200, body=(b'{"ticket": "tick-', b'et-0001"}'))
    recording = Recording(call=RecordedCall(method="GET", url="https://a.example/"), reply=reply)
    assert made.recording(recording) == recording

    made.learn_call(HTTPCall(method="GET", url="https://a.example/", headers={"authorization": "Bearer tick-et-0001"}))

    assert b"".join(made.recording(recording).reply.body) == b'{"ticket": "[redacted]"}'
