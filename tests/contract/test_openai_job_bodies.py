"""Bodies of batches, their lines, background replies and uploads in parts match the descriptions of the APIs."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budwood.types import BatchInput, FileUpload, HTTPReply, ReplyHead, TranscriptionRequest, VideoRequest
from budwood.wire.uploads import read_body as join_body
from tests.contract.test_openai_bodies import ADDRESSES, AZURE_CHATS, CHATS, azure_problems
from tests.contract.test_openai_media_bodies import AUDIO, find_problems, read_body
from tests.steps import run_steps

__all__ = ["azure_problems", "find_problems"]

bodies = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
APIS = {
    "chat": ("/v1/chat/completions", "CreateChatCompletionRequest"),
    "responses": ("/v1/responses", "CreateResponse"),
}
every_api = pytest.mark.parametrize("api", APIS)


def json_reply(payload):
    """
    Return a reply in JSON.
    """
    return HTTPReply(ReplyHead(200, {"content-type": "application/json"}), json.dumps(payload).encode())


def encode_line(provider, request):
    """
    Return a line of a batch, parsed.
    """
    call = provider.encode(request, stream=False)
    return json.loads(join_body(provider.encode_batch_line("line-1", call)))


@every_api
@bodies
@given(request=CHATS)
def test_lines_of_batches(openai, openai_schemas, api, *, request):
    """
    A line has an id, the method and an endpoint of batches, and a body that matches the description of the endpoint.
    """
    path, schema = APIS[api]
    line = encode_line(openai(api=api), request)

    assert {name: line[name] for name in line if name != "body"} == {
        "custom_id": "line-1",
        "method": "POST",
        "url": path,
    }
    assert openai_schemas.problems(schema, line["body"]) == []
    assert not line["body"].get("stream")


@bodies
@given(request=AZURE_CHATS)
def test_lines_of_batches_of_azure(azure, azure_problems, *, request):
    """
    The body of a line matches Microsoft's description, and its model is the deployment.
    """
    line = encode_line(azure(ADDRESSES["v1"]), request)

    assert azure_problems("v1", "chat", line["body"]) == []
    assert line["body"]["model"] == request.model


@every_api
def test_creation_of_batches(openai, find_problems, tmp_path, api):
    """
    The body that creates a batch, and the form of its file, match the description; the endpoint is that of the lines.
    """
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"{}")
    url = f"https://api.openai.com{APIS[api][0]}"
    steps = openai(api=api).submit_batch(BatchInput(id="a", model="gpt-4o", url=url, path=path, count=1, size=2))
    file = {"id": "file-1", "object": "file", "status": "processed"}

    (upload, create), _ = run_steps(steps, [json_reply(file), json_reply({"id": "batch_1", "status": "validating"})])

    assert find_problems("CreateFileRequest", read_body(upload)) == []
    assert find_problems("CreateBatchRequest", read_body(create)) == []
    assert read_body(create)["endpoint"] == APIS[api][0]


@bodies
@given(request=CHATS)
def test_background_replies(openai, openai_schemas, *, request):
    """
    The body of a reply in the background matches the description.
    """
    body = read_body(next(openai().submit_response(request)))

    assert openai_schemas.problems("CreateResponse", body) == []
    assert body["background"] is True


@bodies
@given(request=AZURE_CHATS)
def test_background_replies_of_azure(azure, azure_problems, *, request):
    """
    The body of a reply in the background matches Microsoft's description.
    """
    assert azure_problems("v1", "responses", read_body(next(azure(ADDRESSES["v1"]).submit_response(request)))) == []


@pytest.mark.parametrize("expires_after", [None, 3600])
def test_uploads_in_parts(openai, find_problems, monkeypatch, expires_after):
    """
    The announcement, the forms with the parts, and the end of an upload match the description.
    """
    monkeypatch.setattr("budwood_openai.OpenAI.max_upload", 0)
    monkeypatch.setattr("budwood_openai_compatible.media.files.PART_SIZE", 4)
    upload = FileUpload(
        data=b"abcdefg", name="a.json", media_type="application/json", purpose="batch", expires_after=expires_after
    )
    replies = [{"id": "upload_1"}, {"id": "part_1"}, {"id": "part_2"}, {"id": "upload_1", "file": {"id": "file-1"}}]

    (start, *parts, end), _ = run_steps(openai().upload_file(upload), map(json_reply, replies))

    assert find_problems("CreateUploadRequest", read_body(start)) == []
    assert [find_problems("AddUploadPartRequest", read_body(part)) for part in parts] == [[], []]
    assert find_problems("CompleteUploadRequest", read_body(end)) == []


def test_remixed_videos(openai, find_problems):
    """
    The body that remixes a video matches the description.
    """
    request = VideoRequest(model="sora-2", prompt="p", extra={"remixed_from_video_id": "video_1"})

    assert find_problems("CreateVideoRemixBody", read_body(next(openai().submit_video(request)))) == []


@given(prompt=st.none() | st.text(min_size=1, max_size=9), temperature=st.none() | st.floats(0, 1))
@bodies
def test_translations_of_azure(azure, azure_problems, *, prompt, temperature):
    """
    The form of a translation matches Microsoft's description, for any request.
    """
    request = TranscriptionRequest(model="d", audio=AUDIO, translate=True, prompt=prompt, temperature=temperature)
    call = azure(ADDRESSES["deployments"]).encode_transcription(request, stream=False)

    assert azure_problems("deployments", "translation", read_body(call)) == []
