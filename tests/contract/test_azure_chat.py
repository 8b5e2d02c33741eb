from __future__ import annotations

import json
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from budwood.catalog import Catalog
from budwood.contracts import PluginContext
from budwood.errors import AuthenticationError, NotFoundError, RateLimitError
from budwood.testing import FakeClock
from budwood.types import ChatRequest, EmbeddingRequest, HTTPReply, Message
from budwood_azure import Azure, AzureSettings
from tests.contract import naive, recorded
from tests.contract.naive_requests import canonical, read_request
from tests.contract.replay import REQUEST, built, head_of, is_stream, play

SAID_OTHERWISE = ("object", "created", "role", "type", "index", "obfuscation")
"""Fields whose values need not be found again: markers of the form, times, and numbers that become positions."""

OTHERWISE = {
    "model": "of the deployments: Azure goes by the address, and some clients leave it out or give another",
    "n": "1, which is the default",
    "response_format": "of the type json_object, which asks for some JSON or other: a user's extra",
    "user": "deprecated in OpenAI's description of its API: a user's extra",
}
"""What is not written as it was recorded, and why."""


def is_chat(entry):
    """
    Whether an interaction is a chat.
    """
    return entry["method"] == "POST" and recorded.ends_with(entry["url"], "/chat/completions")


def is_embedding(entry):
    """
    Whether an interaction is an embedding.
    """
    return recorded.ends_with(entry["url"], "/embeddings")


def is_response(entry):
    """
    Whether an interaction is one of Responses.
    """
    return recorded.ends_with(entry["url"], "/responses")


def is_completion(entry):
    """
    Whether an interaction is a plain completion.
    """
    return recorded.ends_with(entry["url"], "/completions") and not is_chat(entry)


CHATS = recorded.files(is_chat, named="azure/")
EMBEDDINGS = recorded.files(is_embedding, named="azure/")


@pytest.fixture
def azure(tmp_path):
    """
    Make Azure's provider object for a recorded address, with the catalog's own rules.
    """

    def make(url, **settings):
        context = PluginContext(
            instance="azure",
            rules=lambda model: Catalog().rules("azure", "azure", model, also=("openai",)),
            log=lambda _event, **_fields: None,
            clock=FakeClock(),
            cache_folder=tmp_path,
        )
        parts = urlsplit(url)
        version = parse_qs(parts.query).get("api-version", ["2024-10-21"])[0]
        form = "foundry" if parts.path.startswith("/models/") else "v1" if "/openai/v1/" in url else "deployments"
        host = f"{parts.scheme}://{parts.netloc}"
        return Azure(AzureSettings(base_url=host, api_version=version, form=form, **settings), context)

    return make


def assert_same(response, reading):
    """
    Compare a response with the naive reading of its first choice.
    """
    assert response.text == reading.text
    assert response.reasoning == reading.reasoning
    assert [(call.id, call.name, call.arguments) for call in response.tool_calls] == reading.calls
    assert response.raw_finish_reason == reading.finish
    assert (response.finish_reason == "content_filter") is (reading.finish == "content_filter")


def assert_whole(provider, head, body):
    """
    Decode a whole reply, and find all that its JSON says: the filter's verdicts among it.
    """
    response = provider.decode(REQUEST, HTTPReply(head, body))
    reply = json.loads(body)
    assert_same(response, naive.read_reply(reply)[0])
    assert response.usage.raw == reply["usage"]
    if reply["choices"][0].get("content_filter_results"):
        assert response.metadata["content_filter_results"] == reply["choices"][0]["content_filter_results"]
    assert response.metadata.get("prompt_filter_results") == reply.get("prompt_filter_results")
    kept = naive.leaves(response.model_dump(exclude={"raw"}))
    assert naive.leaves(naive.without(reply, *SAID_OTHERWISE)) <= kept


def assert_stream(provider, head, body):
    """
    Decode a stream, however it is cut, and find all that its chunks say.
    """
    chunks = naive.chunks_of(body)
    events = play(provider.decoder(REQUEST, head), [body])
    response = built(events)
    assert_same(response, naive.read_stream(chunks)[0])
    assert response.usage.raw == naive.last_usage(chunks)
    assert response.id == next(chunk["id"] for chunk in chunks if chunk["id"])
    assert naive.leaves(naive.without(list(naive.beside_text(chunks)), *SAID_OTHERWISE)) <= naive.leaves(
        response.model_dump()
    )
    for size in (1, 23):
        pieces = [body[start : start + size] for start in range(0, len(body), size)]
        assert play(provider.decoder(REQUEST, head), pieces) == events


@pytest.mark.parametrize("file", CHATS)
def test_recorded_replies_lose_nothing(shared_folder, azure, file):
    """
    Every recorded reply, whole or streamed, decodes into what a naive reading finds, and no value is lost.
    """
    for one in recorded.interactions(file):
        if recorded.ends_with(one.request.url, "/chat/completions") and one.response.status == 200:
            check = assert_stream if is_stream(one.response) else assert_whole
            check(azure(one.request.url), head_of(one.response), one.response.body)


@pytest.mark.parametrize("file", CHATS)
def test_recorded_requests_are_written_again(shared_folder, azure, file):
    """
    A recorded request that is read into ours goes to the recorded address with the recorded body.
    """
    for one in recorded.chats(file):
        said = one.request.json()
        path = urlsplit(one.request.url).path
        deployment = unquote(path.split("/deployments/")[1].split("/")[0]) if "/deployments/" in path else None
        said = {name: value for name, value in said.items() if (name, value) != ("n", 1)}
        if deployment is not None:
            said["model"] = deployment
        request = read_request(said, "azure")
        assert set(request.extra) <= set(OTHERWISE)

        call = azure(one.request.url).encode(request, stream=bool(said.get("stream")))

        expected = canonical(said)
        for receipt in call.adaptations:
            if receipt.action == "dropped":
                del expected[receipt.parameter]
        assert canonical(json.loads(call.body)) == expected
        written, address = urlsplit(call.url), urlsplit(one.request.url)
        assert (written.netloc, written.path) == (address.netloc, address.path.replace("//", "/"))
        assert written.query == (address.query or "api-version=2024-10-21")  # a gateway adds it to one recording


@pytest.mark.parametrize("file", recorded.files(lambda entry: is_chat(entry) and entry["status"] >= 400, "azure/"))
def test_recorded_errors(shared_folder, azure, file):
    """
    Recorded errors have the class of their status, say what Azure said, and what to do about it.
    """
    for one in recorded.chats(file):
        if one.response.status < 400:
            continue
        error = azure(one.request.url).error(HTTPReply(head_of(one.response), one.response.body))
        said = one.response.json()["error"]
        classes = {401: AuthenticationError, 404: NotFoundError, 429: RateLimitError}
        assert type(error) is classes[one.response.status]
        assert (error.status, error.code) == (one.response.status, said["code"])
        assert said["message"] in str(error)
        assert error.retryable is (one.response.status == 429)
        assert error.retry_after == (1.0 if one.response.status == 429 else None)
        assert error.hint


@pytest.mark.parametrize("file", EMBEDDINGS)
def test_recorded_embeddings(shared_folder, azure, file):
    """
    Recorded embeddings are asked for as they were, and read as a naive reader does.
    """
    for one in recorded.interactions(file):
        said, reply = one.request.json(), one.response.json()
        texts = said["input"] if isinstance(said["input"], list) else [said["input"]]
        request = EmbeddingRequest(model=said["model"], texts=tuple(texts))
        provider = azure(one.request.url)
        call = provider.encode_embedding(request)
        response = provider.decode_embedding(request, HTTPReply(head_of(one.response), one.response.body))

        assert call.url == one.request.url
        assert json.loads(call.body) == {"model": said["model"], "input": texts, "encoding_format": "float"}
        assert [list(vector) for vector in response.vectors] == [row["embedding"] for row in reply["data"]]
        assert response.usage.raw == reply["usage"]


@pytest.mark.parametrize("file", recorded.files(is_response, named="azure/"))
def test_recorded_responses(shared_folder, azure, file):
    """
    Responses go to the same resource, and the filter's verdicts on them are kept.

    Whether anything else is lost is tested for all vendors of the API together.
    """
    for one in recorded.interactions(file):
        provider = azure(one.request.url, api="responses")
        assert provider.encode(REQUEST, stream=False).url == one.request.url
        head, body = head_of(one.response), one.response.body
        if is_stream(one.response):
            response = built(play(provider.decoder(REQUEST, head), [body]))
            last = naive.chunks_of(body)[-1]["response"]
        else:
            response, last = provider.decode(REQUEST, HTTPReply(head, body)), json.loads(body)
        assert response.id == last["id"]
        assert response.metadata.get("content_filters") == (last["content_filters"] or None)


@pytest.mark.parametrize("file", recorded.files(is_completion, named="azure/"))
def test_recorded_completions(shared_folder, azure, file):
    """
    A recorded plain completion is asked for and read as it was, with the filter's verdicts.
    """
    for one in recorded.interactions(file):
        said, reply = one.request.json(), one.response.json()
        provider = azure(one.request.url)
        request = ChatRequest(
            model="test-openai",
            messages=(Message.user(said["prompt"]),),
            max_tokens=said["max_tokens"],
            temperature=said["temperature"],
            extra={"user": said["user"]},
        )
        call = provider.encode_completion(request, stream=False)
        response = provider.decode_completion(request, HTTPReply(head_of(one.response), one.response.body))

        assert urlsplit(call.url).path == urlsplit(one.request.url).path.replace("//", "/")
        assert json.loads(call.body) | {"n": 1} == said | {"model": "test-openai"}
        assert response.text == reply["choices"][0]["text"]
        assert response.finish_reason == reply["choices"][0]["finish_reason"]
        assert response.metadata["content_filter_results"] == reply["choices"][0]["content_filter_results"]


LEFT_OUT = {
    "/realtime/client_secrets": "realtime sessions",
    "/realtime/calls": "realtime sessions",
}
"""Endpoints that are not replayed, and why."""


def test_every_endpoint_is_replayed_or_left_out_with_a_reason(shared_folder, capsys):
    """
    Of what was recorded of Azure, nothing falls between the tests.
    """
    entries = [entry for file in recorded.index() if file["provider"] == "azure" for entry in file["interactions"]]
    kinds = (is_chat, is_embedding, is_response, is_completion)
    replayed = [entry for entry in entries if any(fits(entry) for fits in kinds)]
    others = [entry for entry in entries if entry not in replayed]

    assert all(any(recorded.ends_with(entry["url"], path) for path in LEFT_OUT) for entry in others)
    with capsys.disabled():
        print(f"\nazure: {len(replayed)} of {len(entries)} interactions are replayed")  # noqa: T201 - asked for


DESCRIPTIONS = {
    "deployments": ("inference-2025-03-01-preview.json", "createChatCompletionRequest"),
    "v1": ("foundry-v1.json", "AzureCreateChatCompletionRequest"),
}
"""Microsoft's descriptions of its API. The older stable one knows no JSON schemas; Foundry's addresses have none."""


@pytest.fixture(scope="module")
def descriptions(shared_folder):
    """
    Microsoft's descriptions, relaxed to what its clients really send.
    """
    load = recorded.tool("openapi_check").Schemas.load
    return {form: load(shared_folder / "specs" / "azure" / file) for form, (file, _) in DESCRIPTIONS.items()}


@pytest.mark.parametrize("form", DESCRIPTIONS)
@pytest.mark.parametrize("file", CHATS)
def test_what_is_written_fits_the_api_description(shared_folder, azure, descriptions, file, form):
    """
    Where a recorded request fits Microsoft's description of the API, so does the one that is written for it.
    """
    _, schema = DESCRIPTIONS[form]
    url = "https://res.openai.azure.com" + ("/openai/v1/" if form == "v1" else "/?api-version=2025-03-01-preview")
    for one in recorded.chats(file):
        said = {**one.request.json(), "model": "chat"}
        if descriptions[form].problems(schema, said):
            continue
        for stream in (False, True):
            call = azure(url).encode(read_request(said, "azure"), stream=stream)
            assert descriptions[form].problems(schema, json.loads(call.body)) == []
