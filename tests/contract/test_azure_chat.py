from __future__ import annotations

import json
from urllib.parse import unquote, urlsplit

import pytest

from budwood.types import ChatRequest, EmbeddingRequest, HTTPReply, Message, ReplyHead
from tests.contract import descriptions, naive, recorded
from tests.contract.chat_replies import assert_complete_reply, assert_stream
from tests.contract.naive_requests import canonicalize, read_request
from tests.contract.replay import REQUEST, build, decode_stream, is_stream, parse_head
from tests.contract.test_embeddings import read_vector

DIFFERENCES = {
    "model": "of deployments: the URL has the deployment, and some clients omit the model or send another",
    "n": "1, which is the default",
    "response_format": "of the type json_object: passed as extra",
    "user": "deprecated in OpenAI's description: passed as extra",
}
"""The accepted differences from the recording, with reasons."""


def is_chat(entry):
    """
    Return whether an exchange is a chat.
    """
    return entry["method"] == "POST" and recorded.ends_with(entry["url"], "/chat/completions")


def is_embedding(entry):
    """
    Return whether an exchange is an embedding.
    """
    return recorded.ends_with(entry["url"], "/embeddings")


def is_response(entry):
    """
    Return whether an exchange is one of Responses.
    """
    return recorded.ends_with(entry["url"], "/responses")


def is_completion(entry):
    """
    Return whether an exchange is a completion.
    """
    return recorded.ends_with(entry["url"], "/completions") and not is_chat(entry)


def is_answered(entry):
    """
    Return whether an exchange is a chat with a reply.
    """
    return is_chat(entry) and entry["status"] == 200


def is_error(entry):
    """
    Return whether an exchange is a chat with an error.
    """
    return is_chat(entry) and entry["status"] >= 400


CHATS = recorded.list_files(is_chat, "azure")
FIXTURE = "https://recorded.openai.azure.com/openai/deployments/recorded/chat/completions"


@pytest.mark.parametrize("file", recorded.list_files(is_answered, "azure"))
def test_recorded_replies(ledger, azure, file):
    """
    A decoded reply equals the naive reading, has the filter results, and loses no value.
    """
    for one in recorded.select_exchanges(file, is_answered):
        provider, head, body = azure(one.request.url), parse_head(one.response), one.response.body
        if is_stream(one.response):
            assert_stream(provider, head, body)
        elif response := assert_complete_reply(provider, head, body):
            assert_filter_results(response, json.loads(body))
        ledger.record_decoded(one)


def assert_filter_results(response, reply):
    """
    Check the filter results of the prompt and of the first choice.
    """
    payload = reply["choices"][0].get("content_filter_results")
    assert response.metadata.get("content_filter_results") == (payload or None)
    assert response.metadata.get("prompt_filter_results") == reply.get("prompt_filter_results")


@pytest.mark.parametrize("path", recorded.list_fixtures("openai-chat", prefix="azure-", suffix=".chunks.txt"))
def test_recorded_chunks(ledger, azure, path):
    """
    Chunks that were recorded one in each line are decoded as a stream.
    """
    assert_stream(azure(FIXTURE), ReplyHead(200, {}), recorded.to_sse(path))
    ledger.record_decoded(path)


@pytest.mark.parametrize("file", CHATS)
def test_recorded_requests(ledger, azure, file):
    """
    A converted request has the recorded URL and body.
    """
    for one in recorded.select_exchanges(file, is_chat):
        if not one.request.body:
            ledger.record_inexpressible(one, "a request whose body was not recorded")
            continue
        payload = one.request.json()
        path = urlsplit(one.request.url).path
        deployment = unquote(path.split("/deployments/")[1].split("/")[0]) if "/deployments/" in path else None
        payload = {name: value for name, value in payload.items() if (name, value) != ("n", 1)}
        if deployment is not None:
            payload["model"] = deployment
        request = read_request(payload, "azure")
        assert set(request.extra) <= set(DIFFERENCES)

        call = azure(one.request.url).encode(request, stream=bool(payload.get("stream")))

        expected = canonicalize(payload)
        for adaptation in call.adaptations:
            if adaptation.action == "dropped":
                del expected[adaptation.parameter]
        assert canonicalize(json.loads(call.body)) == expected
        url, recorded_url = urlsplit(call.url), urlsplit(one.request.url)
        assert (url.netloc, url.path) == (recorded_url.netloc, recorded_url.path.replace("//", "/"))
        assert url.query == (recorded_url.query or "api-version=2024-10-21")  # in one recording, a gateway adds it
        ledger.record_encoded(one, extra=request.extra)


@pytest.mark.parametrize("file", recorded.list_files(is_error, "azure"))
def test_recorded_errors(ledger, azure, file):
    """
    Recorded errors have Azure's message and code, and a hint.
    """
    for one in recorded.select_exchanges(file, is_error):
        error = azure(one.request.url).error(HTTPReply(parse_head(one.response), one.response.body))
        payload = one.response.json()["error"]
        assert (error.status, error.code) == (one.response.status, payload["code"])
        assert payload["message"] in str(error)
        assert error.retryable is (one.response.status == 429)
        assert error.retry_after == (1.0 if one.response.status == 429 else None)
        assert error.hint
        ledger.record_decoded(one)


@pytest.mark.parametrize("file", recorded.list_files(is_embedding, "azure"))
def test_recorded_embeddings(ledger, azure, file):
    """
    Requests for embeddings and decoded vectors are as recorded.
    """
    for one in recorded.select_exchanges(file, is_embedding):
        payload, reply = one.request.json(), one.response.json()
        texts = payload["input"] if isinstance(payload["input"], list) else [payload["input"]]
        path = urlsplit(one.request.url).path
        model = unquote(path.split("/deployments/")[1].split("/")[0]) if "/deployments/" in path else payload["model"]
        request = EmbeddingRequest(model=model, texts=tuple(texts), dimensions=payload.get("dimensions"))
        provider = azure(one.request.url)
        call = provider.encode_embedding(request)
        response = provider.decode_embedding(request, HTTPReply(parse_head(one.response), one.response.body))

        assert call.url == one.request.url
        assert json.loads(call.body) == {**payload, "model": model, "input": texts, "encoding_format": "float"}
        assert list(response.vectors) == [read_vector(row["embedding"]) for row in reply["data"]]
        assert response.usage.raw == reply["usage"]
        ledger.record_decoded(one)
        ledger.record_encoded(one)


@pytest.mark.parametrize("file", recorded.list_files(is_response, "azure"))
def test_recorded_responses(azure, file):
    """
    Responses use the same resource, and have the filter results.

    Tests for all vendors of the API check the rest of these recordings.
    """
    for one in recorded.select_exchanges(file, is_response):
        provider = azure(one.request.url, api="responses")
        assert provider.encode(REQUEST, stream=False).url == one.request.url
        head, body = parse_head(one.response), one.response.body
        if is_stream(one.response):
            response = build(decode_stream(provider.decoder(REQUEST, head), [body]))
            last = naive.split_chunks(body)[-1]["response"]
        else:
            response, last = provider.decode(REQUEST, HTTPReply(head, body)), json.loads(body)
        assert response.id == last["id"]
        assert response.metadata.get("content_filters") == (last["content_filters"] or None)


@pytest.mark.parametrize("file", recorded.list_files(is_completion, "azure"))
def test_recorded_completions(ledger, azure, file):
    """
    Requests and replies of completions are as recorded, with the filter results.
    """
    for one in recorded.select_exchanges(file, is_completion):
        payload, reply = one.request.json(), one.response.json()
        provider = azure(one.request.url)
        request = ChatRequest(
            model="test-openai",
            messages=(Message.user(payload["prompt"]),),
            max_tokens=payload["max_tokens"],
            temperature=payload["temperature"],
            extra={"user": payload["user"]},
        )
        call = provider.encode_completion(request, stream=False)
        response = provider.decode_completion(request, HTTPReply(parse_head(one.response), one.response.body))

        assert urlsplit(call.url).path == urlsplit(one.request.url).path.replace("//", "/")
        assert json.loads(call.body) | {"n": 1} == payload | {"model": "test-openai"}
        assert response.text == reply["choices"][0]["text"]
        assert response.finish_reason == reply["choices"][0]["finish_reason"]
        assert response.metadata["content_filter_results"] == reply["choices"][0]["content_filter_results"]
        ledger.record_decoded(one)
        ledger.record_encoded(one, extra=request.extra)


DESCRIPTIONS = {
    "deployments": ("inference-2025-03-01-preview.json", "createChatCompletionRequest"),
    "v1": ("foundry-v1.json", "AzureCreateChatCompletionRequest"),
}
"""Microsoft's descriptions. The older stable one has no JSON schemas, and there is none for Foundry's addresses."""


@pytest.fixture(scope="module")
def microsoft_schemas(shared_folder):
    """
    Microsoft's descriptions, relaxed to accept what clients send.
    """
    return {
        form: descriptions.load(shared_folder / "specs" / "azure" / file) for form, (file, _) in DESCRIPTIONS.items()
    }


@pytest.mark.parametrize("form", DESCRIPTIONS)
@pytest.mark.parametrize("file", CHATS)
def test_requests_match_the_api_description(azure, microsoft_schemas, file, form):
    """
    If a recorded request matches Microsoft's description, the encoded one matches it, too.
    """
    _, schema = DESCRIPTIONS[form]
    url = "https://res.openai.azure.com" + ("/openai/v1/" if form == "v1" else "/?api-version=2025-03-01-preview")
    for one in recorded.select_exchanges(file, is_chat):
        if not one.request.body:
            continue
        payload = {**one.request.json(), "model": "chat"}
        if microsoft_schemas[form].problems(schema, payload):
            continue
        for stream in (False, True):
            call = azure(url).encode(read_request(payload, "azure"), stream=stream)
            assert microsoft_schemas[form].problems(schema, json.loads(call.body)) == []
