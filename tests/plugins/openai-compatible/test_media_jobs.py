"""Files, videos and background replies through a client of a server with OpenAI's API."""

from __future__ import annotations

import json

import pytest

from budwood import Client
from budwood.errors import BadResponseError, ConnectionFailedError, JobFailedError, NotFoundError, UnsupportedError
from budwood.types import FileUpload, HTTPReply, ImagePart, JobRef, ReplyHead, VideoPart, VideoRequest

MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(16)
FILE = {"id": "file-1", "object": "file", "filename": "a.pdf", "bytes": 9, "purpose": "user_data", "created_at": 1}
QUEUED = {"id": "video_1", "object": "video", "status": "queued", "progress": 0, "model": "sora", "seconds": "4"}
DONE = QUEUED | {"status": "completed", "progress": 100, "size": "720x1280", "expires_at": 99}
LOCAL = {"plugin": "openai-compatible", "base_url": "http://localhost:8000/v1", "offers": ["videos", "files"]}


@pytest.fixture
def local(scripted, clock):
    """
    A client of a local server with videos and files.
    """
    settings = {"providers": {"local": LOCAL}}
    with Client("local/sora", settings=settings, transport=scripted, clock=clock, cache=False) as created:
        yield created


@pytest.fixture
def client(scripted, clock):
    """
    A client of OpenAI.
    """
    with Client("openai/gpt-5.1", api_key="k", transport=scripted, clock=clock, cache=False) as created:
        yield created


def test_video_is_submitted_polled_and_downloaded(local, scripted, clock, tmp_path):
    """
    The job is polled as the server asks, and its content becomes the video.
    """
    scripted.reply(body=QUEUED, headers={"openai-poll-after-ms": "2500"})
    scripted.reply(body=QUEUED | {"status": "in_progress", "progress": 50}, headers={"openai-poll-after-ms": "1500"})
    scripted.reply(body=DONE)
    scripted.reply(body=MP4, headers={"content-type": "video/mp4"})
    states = []

    reply = local.video("a cat", seconds=4, size="720x1280", progress=states.append, output=tmp_path / "cat.mp4")

    assert [(call.method, call.url.removeprefix("http://localhost:8000/v1")) for call in scripted.calls] == [
        ("POST", "/videos"),
        ("GET", "/videos/video_1"),
        ("GET", "/videos/video_1"),
        ("GET", "/videos/video_1/content"),
    ]
    assert {field.name: field.content for field in scripted.sent_form(0)} == {
        "model": b"sora",
        "prompt": b"a cat",
        "seconds": b"4",
        "size": b"720x1280",
    }
    assert clock.slept[-1] == 1.5
    assert [(state.status, state.progress) for state in states][-2:] == [("running", 0.5), ("succeeded", 1.0)]
    assert (tmp_path / "cat.mp4").read_bytes() == MP4
    assert (reply.video.width, reply.video.height, reply.video.seconds) == (720, 1280, 4.0)
    assert reply.raw == DONE


@pytest.mark.parametrize(("ratio", "size"), [("16:9", b"1280x720"), ("9:16", b"720x1280"), ("1:1", b"720x1280")])
def test_aspect_ratio_of_a_video_becomes_a_size(local, scripted, ratio, size):
    """
    The API takes pixels: the nearest size is sent, and the reply says so.
    """
    scripted.reply(body=DONE).reply(body=DONE).reply(body=MP4, headers={"content-type": "video/mp4"})

    reply = local.video("a cat", size=ratio)

    assert {field.name: field.content for field in scripted.sent_form(0)}["size"] == size
    assert [(each.parameter, each.action) for each in reply.adaptations] == [("size", "changed")]


def test_failed_video(local, scripted):
    """
    A job that failed is a reply with status 200; its reason is in the error, and the hint fits a filter.
    """
    scripted.reply(body=QUEUED)
    scripted.reply(body=QUEUED | {"status": "failed", "error": {"code": "moderation_blocked", "message": "Rejected."}})

    with pytest.raises(JobFailedError, match="Rejected") as caught:
        local.video("a cat")
    assert caught.value.code == "content_filter"
    assert "Rephrase the prompt" in caught.value.hint


def test_video_is_not_submitted_twice(local, scripted):
    """
    A request that the server may have received is not sent again.
    """
    scripted.fail()

    with pytest.raises(ConnectionFailedError):
        local.submit_video("a cat")
    assert len(scripted.calls) == 1


@pytest.mark.parametrize(
    ("options", "path", "body"),
    [
        ({"extra": {"remixed_from_video_id": "v1"}}, "/videos/v1/remix", {"prompt": "p"}),
        ({"video": VideoPart(file_id="v1")}, "/videos/edits", {"prompt": "p", "video": {"id": "v1"}}),
        (
            {"video": VideoPart(file_id="v1"), "seconds": 8},
            "/videos/extensions",
            {"prompt": "p", "seconds": "8", "video": {"id": "v1"}},
        ),
        (
            {"images": (ImagePart(url="https://files.example/a.png"),)},
            "/videos",
            {"model": "m", "prompt": "p", "input_reference": {"image_url": "https://files.example/a.png"}},
        ),
    ],
    ids=["remix", "edit", "extension", "image URL"],
)
def test_videos_from_other_media(new_provider, options, path, body):
    """
    An earlier video is remixed, changed or continued, and an image starts one.
    """
    call = next(new_provider().submit_video(VideoRequest(model="m", prompt="p", **options)))

    assert call.url.endswith(path)
    if call.headers["content-type"] == "application/json":
        assert json.loads(call.body) == body
    else:
        assert b"".join(part for part in [call.body]).count(b'name="prompt"') == len(body)
    assert not call.repeatable
    assert call.adaptations == ()


EARLIER = VideoPart(file_id="v1")
START = (ImagePart(url="https://files.example/a.png"),)


@pytest.mark.parametrize(
    ("options", "path", "body", "dropped"),
    [
        (
            {"extra": {"remixed_from_video_id": "a/b"}, "seconds": 4, "video": EARLIER},
            "/videos/a%2Fb/remix",
            {"prompt": "p"},
            {"images", "size", "seed", "seconds", "video"},
        ),
        ({"video": EARLIER}, "/videos/edits", {"prompt": "p", "video": {"id": "v1"}}, {"images", "size", "seed"}),
        (
            {"video": EARLIER, "seconds": 8},
            "/videos/extensions",
            {"prompt": "p", "seconds": "8", "video": {"id": "v1"}},
            {"images", "size", "seed"},
        ),
    ],
    ids=["remix", "edit", "extension"],
)
def test_options_of_new_videos_are_dropped_for_others(new_provider, options, path, body, dropped):
    """
    Each is an adaptation, also a size that is a ratio.
    """
    request = VideoRequest(model="m", prompt="p", images=START, size="16:9", seed=7, **options)
    call = next(new_provider().submit_video(request))

    assert call.url.endswith(path)
    if call.headers["content-type"] == "application/json":
        assert json.loads(call.body) == body
    assert {(one.parameter, one.action) for one in call.adaptations} == {(name, "dropped") for name in dropped}


def test_image_that_starts_a_video_is_a_file(new_provider, tmp_path):
    """
    An image from a path is a file of the form, which is not read by the encoder.
    """
    image = ImagePart(path=tmp_path / "a.png", media_type="image/png")
    call = next(new_provider().submit_video(VideoRequest(model="m", prompt="p", images=(image,))))

    assert [part.path for part in call.body if not isinstance(part, bytes)] == [image.path]


@pytest.mark.parametrize(
    ("status", "requests", "cancelled"),
    [
        ("in_progress", ["GET", "DELETE"], "cancelled"),
        ("completed", ["GET"], "succeeded"),
        ("failed", ["GET"], "failed"),
    ],
)
def test_cancelled_video_is_deleted_unless_it_has_ended(new_provider, status, requests, cancelled):
    """
    The API has no other way to stop a job; a complete video is paid for, and stays.
    """
    steps = new_provider().cancel_video(JobRef(kind="video", provider="p", model="m", id="v/1", created=0))

    calls, state = run(steps, {"id": "v/1", "status": status}, {"deleted": True})

    assert [call.method for call in calls] == requests
    assert {call.url for call in calls} == {"http://localhost:8000/v1/videos/v%2F1"}
    assert state.status == cancelled


def test_openai_no_longer_has_videos(client, scripted):
    """
    OpenAI's own API is refused before anything is sent.
    """
    with pytest.raises(UnsupportedError, match="does not generate videos"):
        client.video("a cat", model="openai/sora-2")
    assert scripted.calls == []


def test_background_reply(client, scripted, clock):
    """
    A background reply is submitted to Responses, polled, and decoded as that of a live call.
    """
    body = {"id": "resp_1", "object": "response", "status": "queued", "model": "gpt-5.1", "output": []}
    message = {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "42"}]}
    done = body | {"status": "completed", "output": [message], "usage": {"input_tokens": 3, "output_tokens": 1}}
    for reply in (body, body | {"status": "in_progress"}, done, done):
        scripted.reply(body=reply)

    job = client.submit("Think hard.", max_tokens=100)
    again = client.job(job.to_json())
    reply = again.wait() and again.result()

    assert scripted.sent(0) == {
        "model": "gpt-5.1",
        "input": [{"role": "user", "content": "Think hard."}],
        "max_output_tokens": 100,
        "background": True,
    }
    assert {call.url for call in scripted.calls[1:]} == {"https://api.openai.com/v1/responses/resp_1"}
    assert (reply.text, reply.usage.input_tokens) == ("42", 3)


def test_failed_background_reply(client, scripted):
    """
    A job that failed has the vendor's error, although the status is 200.
    """
    body = {"id": "resp_1", "status": "queued", "output": []}
    scripted.reply(body=body)
    scripted.reply(body=body | {"status": "failed", "error": {"code": "server_error", "message": "Out of ideas."}})
    job = client.submit("Think hard.")

    with pytest.raises(JobFailedError, match="Out of ideas"):
        job.wait() and job.result()


def test_background_reply_is_cancelled(client, scripted):
    """
    Cancelling is a call of its own.
    """
    body = {"id": "resp_1", "status": "queued", "output": []}
    scripted.reply(body=body).reply(body=body | {"status": "cancelled"})

    assert client.submit("Think hard.").cancel().status == "cancelled"
    assert scripted.calls[1].url.endswith("/responses/resp_1/cancel")


def run(steps, *bodies):
    """
    Return the calls of a generator and its result, with these replies.
    """
    calls = [next(steps)]
    for body in bodies:
        try:
            calls.append(steps.send(HTTPReply(ReplyHead(200, {}), json.dumps(body).encode())))
        except StopIteration as end:
            return calls, end.value
    raise AssertionError("more calls than replies")


def test_list_of_several_pages(new_provider):
    """
    All pages are read, each after the last file of the one before.
    """
    pages = [{"data": [FILE], "has_more": True}, {"data": [FILE | {"id": "file-2"}], "has_more": False}]
    calls, files = run(new_provider().list_files(), *pages)

    assert [call.url.partition("?")[2] for call in calls] == ["limit=1000", "limit=1000&after=file-1"]
    assert [file.id for file in files] == ["file-1", "file-2"]


def test_upload_with_expiry(new_provider):
    """
    The purpose is OpenAI's word, and the time until the file expires is counted from its creation.
    """
    upload = FileUpload(data=b"%PDF", name="a.pdf", media_type="application/pdf", expires_after=3600)
    (call,), info = run(new_provider().upload_file(upload), FILE)

    assert b'name="purpose"\r\n\r\nuser_data' in call.body
    assert b'name="expires_after[anchor]"\r\n\r\ncreated_at' in call.body
    assert b'name="expires_after[seconds]"\r\n\r\n3600' in call.body
    assert info.ready


def test_file_that_the_server_processes(new_provider):
    """
    A file is ready once the server has processed it.
    """
    _, info = run(new_provider().get_file("file-1"), FILE | {"status": "pending"})

    assert not info.ready


def test_files_through_the_client(local, scripted, tmp_path):
    """
    A file is stored, described, downloaded and deleted.
    """
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.7\n")
    scripted.reply(body=FILE).reply(body=FILE).reply(body=b"%PDF-1.7\n").reply(body={"id": "file-1", "deleted": True})

    info = local.files.upload(path)
    assert local.files.get(info.id).name == "a.pdf"
    assert local.files.content(info.id) == b"%PDF-1.7\n"
    local.files.delete(info.id)

    assert [call.method for call in scripted.calls] == ["POST", "GET", "GET", "DELETE"]


def test_missing_file(local, scripted):
    """
    A file that the server does not have is an error of its own kind.
    """
    scripted.reply(404, {"error": {"message": "No such File object: x", "type": "invalid_request_error"}})

    with pytest.raises(NotFoundError, match="No such File"):
        local.files.get("x")


@pytest.mark.parametrize(("content", "name"), [(b"%PDF-1.4\n%%EOF\n", "file 1.pdf"), (b"a", "file 1.txt")])
def test_name_of_a_file_has_its_extension(local, scripted, content, name):
    """
    OpenAI recognizes files by it, and content in memory has no name.
    """
    scripted.reply(body=FILE)

    local.files.upload(content)

    (file,) = [field for field in scripted.sent_form(0) if field.name == "file"]
    assert file.filename == name


@pytest.mark.parametrize("body", [b"<html>Log in</html>", b"", b"null", {}, {"id": "file-1", "deleted": False}])
def test_file_counts_as_deleted_only_if_the_server_says_so(local, scripted, body):
    """
    A login page is no confirmation.
    """
    scripted.reply(body=body)

    with pytest.raises(BadResponseError):
        local.files.delete("file-1")


def test_reply_without_content_confirms_a_deletion(local, scripted):
    """
    Its status says so.
    """
    scripted.reply(204)

    local.files.delete("file-1")

    assert len(scripted.calls) == 1
