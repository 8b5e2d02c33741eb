from __future__ import annotations

import json

import pytest

from budwood.catalog import Catalog
from budwood.contracts import PluginContext
from budwood.errors import InvalidRequestError, NotFoundError, ProviderError
from budwood.testing import FakeClock
from budwood.types import HTTPReply, ReasoningPart, ReplyHead
from budwood_groq import Groq, GroqSettings
from tests.contract import naive, recorded
from tests.contract.naive_requests import canonical, read_request
from tests.contract.replay import REQUEST, built, head_of, is_stream

OF_THE_SETTINGS = ("service_tier", "reasoning_format")
"""Parameters that an instance's settings give."""

OTHERWISE = {
    "n": "1, which is Groq's default and the only value that it takes",
    "reasoning_format": "parsed, where a client left it out of a request to a model that then thinks in its text",
}
"""What is written otherwise than the recorded client did, and why."""

EXTRA = {"search_settings": "of the search that compound systems run at Groq: a parameter of no other vendor"}
"""What a user has to give as ``extra``, and why."""

SAID_OTHERWISE = ("object", "created", "role", "type", "index")


def is_groq(entry):
    """
    Whether an interaction is a chat.
    """
    return recorded.ends_with(entry["url"], "/openai/v1/chat/completions")


FILES = recorded.files(is_groq, named="groq/")


@pytest.fixture
def groq(tmp_path):
    """
    Make Groq's provider object, with the catalog's own rules.
    """

    def make(**settings):
        context = PluginContext(
            instance="groq",
            rules=lambda model: Catalog().rules("groq", "groq", model),
            log=lambda _event, **_fields: None,
            clock=FakeClock(),
            cache_folder=tmp_path,
        )
        return Groq(GroqSettings(**settings), context)

    return make


def played(provider, head, pieces):
    """
    Decode a stream; return its events and the error with which it ended, if it did.
    """
    decoder = provider.decoder(REQUEST, head)
    events = []
    try:
        for piece in pieces:
            events += decoder.feed(piece)
        events += decoder.close()
    except ProviderError as error:
        return events, error
    return events, None


def usage_of(chunks):
    """
    Find the usage of a stream, where Groq has it or where OpenAI has it.
    """
    said = [chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage") for chunk in chunks]
    return next((usage for usage in reversed(said) if usage), None)


def assert_same(response, reading):
    """
    Compare a response with the naive reading of its first choice.
    """
    assert response.text == reading.text
    assert response.reasoning == reading.reasoning
    assert [(call.id, call.name, call.arguments) for call in response.tool_calls] == reading.calls
    assert response.raw_finish_reason == reading.finish


def assert_whole(provider, head, body):
    """
    Decode a whole reply, and find all that its JSON says.
    """
    response = provider.decode(REQUEST, HTTPReply(head, body))
    reply = json.loads(body)
    assert_same(response, naive.read_reply(reply)[0])
    assert response.usage.raw == reply["usage"]
    assert response.usage.output_tokens == reply["usage"]["completion_tokens"]
    kept = naive.leaves(response.model_dump(exclude={"raw"}))
    assert naive.leaves(naive.without(reply, *SAID_OTHERWISE)) <= kept


def assert_stream(provider, head, body):
    """
    Decode a stream, and find all that its chunks say.
    """
    chunks = [chunk for chunk in naive.chunks_of(body) if "error" not in chunk]
    events, error = played(provider, head, [body])
    response = built(events)
    assert_same(response, naive.read_stream(chunks)[0])
    assert (error is not None) == (naive.error_of(body) is not None)
    assert response.usage.raw == usage_of(chunks)
    kept = naive.leaves(response.model_dump())
    assert naive.leaves(naive.without(list(naive.beside_text(chunks)), *SAID_OTHERWISE)) <= kept
    for size in (1, 17):
        pieces = [body[start : start + size] for start in range(0, len(body), size)]
        assert played(provider, head, pieces)[0] == events


@pytest.mark.parametrize("file", FILES)
def test_recorded_replies_lose_nothing(shared_folder, groq, file):
    """
    Every recorded reply of Groq, whole or streamed, decodes into what a naive reading finds, and no value is lost.
    """
    for one in recorded.chats(file):
        if one.response.status == 200:
            check = assert_stream if is_stream(one.response) else assert_whole
            check(groq(), head_of(one.response), one.response.body)


@pytest.mark.parametrize("path", recorded.fixtures("groq", suffix=".json"))
def test_recorded_bodies_lose_nothing(shared_folder, groq, path):
    """
    Bodies that were recorded without their requests decode like all others.
    """
    assert_whole(groq(), ReplyHead(200, {}), path.read_bytes())


@pytest.mark.parametrize("path", recorded.fixtures("groq", suffix=".chunks.txt"))
def test_recorded_chunks_lose_nothing(shared_folder, groq, path):
    """
    Chunks that were recorded one a line decode as the stream that they were.
    """
    lines = path.read_bytes().splitlines()
    body = b"".join(b"data: " + line + b"\n\n" for line in lines if line) + b"data: [DONE]\n\n"
    assert_stream(groq(), ReplyHead(200, {}), body)


@pytest.mark.parametrize("file", recorded.files(lambda entry: is_groq(entry) and entry["status"] >= 400, "groq/"))
def test_recorded_errors(shared_folder, groq, file):
    """
    Recorded errors have the class of their code, and say what Groq said.
    """
    for one in recorded.chats(file):
        if one.response.status < 400:
            continue
        error = groq().error(HTTPReply(head_of(one.response), one.response.body))
        said = one.response.json()["error"]
        assert type(error) is {400: InvalidRequestError, 404: NotFoundError}[one.response.status]
        assert (error.status, error.code) == (one.response.status, said["code"])
        assert said["message"][:200] in str(error)
        assert error.retryable is (said["code"] == "tool_use_failed")


@pytest.mark.parametrize(
    "file", recorded.files(is_groq, named="groq/pydantic-ai__test_groq__test_tool_use_failed_error_")
)
def test_recorded_errors_inside_a_stream(shared_folder, groq, file):
    """
    A generation that failed in the middle of a stream is raised as such, after what came before it.
    """
    failed = [one.response for one in recorded.chats(file) if naive.error_of(one.response.body)]
    assert failed
    for response in failed:
        said = naive.error_of(response.body)
        events, error = played(groq(), head_of(response), [response.body])
        assert type(error) is InvalidRequestError
        assert (error.status, error.code, error.retryable) == (said["status_code"], said["code"], True)
        assert any(isinstance(part, ReasoningPart) for part in built(events).message.parts)


@pytest.mark.parametrize("file", FILES)
def test_recorded_requests_are_written_again(shared_folder, groq, file):
    """
    A recorded request that is read into ours, and its tier and format into settings, is written as it was.
    """
    for one in recorded.chats(file):
        said = one.request.json()
        settings = {name: said[name] for name in OF_THE_SETTINGS if name in said}
        ours = {name: value for name, value in said.items() if name not in (*OF_THE_SETTINGS, "n")}
        if ours.get("reasoning_effort") == "default":
            ours["reasoning_effort"] = "medium"  # Groq's own word for a model that knows no other effort
        request = read_request(ours, "groq")
        assert set(request.extra) <= set(EXTRA)

        call = groq(**settings).encode(request, stream=said["stream"])

        written = canonical(json.loads(call.body))
        expected = canonical({name: value for name, value in said.items() if name != "n"})
        if "reasoning_format" not in said:
            written.pop("reasoning_format", None)
        assert written == expected
        assert {receipt.action for receipt in call.adaptations} <= {"changed"}


def test_every_interaction_is_replayed(shared_folder, capsys):
    """
    Of what was recorded of Groq, nothing falls between the tests.
    """
    entries = [entry for file in recorded.index() if file["provider"] == "groq" for entry in file["interactions"]]

    assert all(map(is_groq, entries))
    with capsys.disabled():
        print(f"\ngroq: {len(entries)} of {len(entries)} interactions are replayed")  # noqa: T201 - asked for
