from __future__ import annotations

import json
import random
import sys

import pytest

from budwood.engine.assembly import ResponseBuilder
from budwood.errors import NotFoundError
from budwood.types import ChatRequest, EmbeddingRequest, HTTPReply, Message, ReplyHead
from tests.contract import naive, naive_ollama, recorded

REQUEST = ChatRequest(model="recorded", messages=(Message.user("Hello"),))

SAID_OTHERWISE = ("role", "done", "index")
"""Fields whose values need not be found again: markers of the form, and a number that becomes a position."""

FINISH = {"stop": "stop", "length": "length"}

LEFT_OUT = {
    "/api/generate": "completion of bare prompts: ours is chat",
    "/v1/chat/completions": "Ollama's imitation of OpenAI: tested with the codec of Chat Completions",
}
"""Endpoints of Ollama's recordings that are not replayed here, and why."""


def of_endpoint(*endings):
    """
    Make a test of whether a recorded interaction is one of these endpoints.
    """
    return lambda entry: any(recorded.ends_with(entry["url"], ending) for ending in endings)


is_chat = of_endpoint("/api/chat")
is_embedding = of_endpoint("/api/embed", "/api/embeddings")


@pytest.fixture(scope="session")
def ollama_schemas(shared_folder):
    """
    Ollama's own description of its API, relaxed to what servers and clients really send.
    """
    return recorded.tool("openapi_check").Schemas.load(shared_folder / "specs" / "ollama" / "openapi.yaml")


def reply_of(response):
    """
    Hand a recorded reply over as a transport would.
    """
    headers = {name: values[-1] for name, values in response.replay_headers.items()}
    return HTTPReply(ReplyHead(response.status, headers), response.body)


def events_of(provider, head, pieces):
    """
    Decode a stream that arrives in these pieces.
    """
    decoder = provider.decoder(REQUEST, head)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return [*events, *decoder.close()]


def built(events):
    """
    Put the response together.
    """
    builder = ResponseBuilder()
    builder.add(events)
    return builder.build()


def cut(body, seed):
    """
    Cut bytes into pieces at random places, some of them one byte long.
    """
    chance = random.Random(seed)
    while body:
        length = chance.choice((1, 2, 7, 64, 1000, 9000))
        yield body[:length]
        body = body[length:]


def assert_nothing_lost(response, lines):
    """
    Compare a response with a naive reading of the same lines; each but the last line has a time that is not kept.
    """
    reading = naive_ollama.read(lines)
    assert (response.text, response.reasoning) == (reading.text, reading.reasoning)
    calls = [(call.id, call.name, json.loads(call.arguments)) for call in response.tool_calls]
    assert calls == reading.calls
    assert response.raw_finish_reason == reading.finish
    assert response.finish_reason == ("tool_calls" if calls else FINISH[reading.finish])
    assert response.usage.input_tokens == reading.last.get("prompt_eval_count")
    assert response.usage.output_tokens == reading.last["eval_count"]
    assert response.metadata["total_duration"] == reading.last["total_duration"]
    kept = naive.leaves(response.model_dump(exclude={"raw"})) | {
        leaf for call in response.tool_calls for leaf in naive.leaves(json.loads(call.arguments))
    }
    besides = [naive.without(line, "created_at", "content", "thinking", *SAID_OTHERWISE) for line in lines]
    assert naive.leaves([*besides, {"created_at": reading.last["created_at"]}]) <= kept


@pytest.mark.parametrize("file", recorded.files(is_chat, named="ollama/"))
def test_recorded_replies_lose_nothing(shared_folder, ollama, file):
    """
    A recorded reply, whole or streamed, decodes into what a naive reading of its JSON finds, and no value is lost.
    """
    for one in recorded.interactions(file):
        if one.response.status != 200:
            continue
        reply, lines = reply_of(one.response), naive_ollama.lines_of(one.response.body)
        if len(lines) == 1:
            assert_nothing_lost(ollama().decode(REQUEST, reply), lines)
        assert_nothing_lost(built(events_of(ollama(), reply.head, [reply.body])), lines)


@pytest.mark.parametrize("file", recorded.files(is_chat, named="ollama/"))
def test_recorded_streams_may_be_cut_anywhere(shared_folder, ollama, file):
    """
    However the bytes of a recorded reply arrive, the events are the same; a whole one is a stream of one line.
    """
    for one in recorded.interactions(file):
        if one.response.status != 200:
            continue
        reply = reply_of(one.response)
        whole = events_of(ollama(), reply.head, [reply.body])
        for seed in range(5):
            assert events_of(ollama(), reply.head, cut(reply.body, seed)) == whole


@pytest.mark.parametrize("file", recorded.files(lambda entry: is_chat(entry) and entry["status"] == 404))
def test_a_recorded_missing_model_is_not_found(shared_folder, ollama, file):
    """
    The recorded 404 says what Ollama said, and how to fetch the model.
    """
    (one,) = recorded.interactions(file)
    error = ollama().error(reply_of(one.response))

    assert type(error) is NotFoundError
    assert (error.message, error.status) == (one.response.json()["error"], 404)
    assert f"ollama pull {one.request.json()['model']}" in str(error)


@pytest.mark.parametrize("file", recorded.files(is_embedding, named="ollama/"))
def test_recorded_embeddings_are_read_and_asked_for_again(shared_folder, ollama, file):
    """
    The recorded vector is read as it is, and the request is written again as it was.
    """
    provider = ollama(embeddings_endpoint="embeddings")
    for one in recorded.interactions(file):
        said = naive_ollama.canonical(one.request.json())
        request = EmbeddingRequest(model=said["model"], texts=(said["prompt"],))
        response = provider.decode_embedding(request, reply_of(one.response))
        assert list(response.vectors) == [tuple(one.response.json()["embedding"])]
        assert response.usage.input_tokens is None
        assert json.loads(provider.encode_embedding(request).body) == said


@pytest.mark.parametrize("file", recorded.files(is_chat, named="ollama/"))
def test_recorded_requests_are_written_again(shared_folder, ollama, ollama_schemas, file):
    """
    A recorded request that is read into ours, with nothing passed through, is written as it was, but for nulls.

    What is written fits Ollama's description of its API.
    """
    for one in recorded.interactions(file):
        said = one.request.json()
        request = naive_ollama.read_request(said)
        assert request.extra == {}
        call = ollama().encode(request, stream=said["stream"])
        assert call.url.endswith("/api/chat")
        assert call.adaptations == ()
        assert json.loads(call.body) == naive_ollama.canonical(said)
        assert ollama_schemas.problems("ChatRequest", json.loads(call.body)) == []


def test_every_recording_of_ollama_is_replayed(shared_folder, ollama, capsys):
    """
    Every recorded chat that was answered is decoded and written again; all else is left out with a reason.
    """
    recordings = [entry for entry in recorded.index() if entry["provider"] == "ollama"]
    ones = [one for entry in recordings for one in recorded.interactions(entry["file"])]
    chats = [one for one in ones if recorded.ends_with(one.request.url, "/api/chat")]
    others = [
        one for one in ones if not is_chat({"url": one.request.url}) and not is_embedding({"url": one.request.url})
    ]
    answered = [one for one in chats if one.response.status == 200]
    decoded = sum(bool(events_of(ollama(), ReplyHead(200, {}), [one.response.body])) for one in answered)
    equal = sum(is_written_again(ollama(), one.request.json()) for one in chats)

    with capsys.disabled():
        sys.stdout.write(
            f"\nollama: {decoded}/{len(answered)} chats decoded, {equal}/{len(chats)} requests equal, "
            f"{len(others)} of other endpoints left out\n"
        )
    assert (decoded, equal, len(chats)) == (len(answered), len(chats), 11)
    assert all(any(recorded.ends_with(one.request.url, ending) for ending in LEFT_OUT) for one in others)


def is_written_again(provider, said):
    """
    Tell whether a recorded request is written as it was.
    """
    call = provider.encode(naive_ollama.read_request(said), stream=said["stream"])
    return json.loads(call.body) == naive_ollama.canonical(said)
