from __future__ import annotations

import base64

import pytest

from budwood.errors import JobFailedError, ServerError, UnsupportedError
from budwood.types import ImagePart
from tests.plugins.gemini.conftest import SECRET

OMNI, VEO = "gemini-omni-1.1-flash", "veo-3.1-generate-001"
URI = "https://generativelanguage.googleapis.com/v1beta/files/abc"
PNG = ImagePart(data=b"png", media_type="image/png")
MP4 = b"\0\0\0\x18ftypmp42"
NAME = "models/veo-3.1-generate-001/operations/o1"


def interaction(status, *content, **fields):
    """
    Create an interaction.
    """
    steps = [{"type": "model_output", "content": list(content)}] if content else []
    return {"id": "v1_x", "status": status, "model": OMNI, "steps": steps, **fields}


def operation(**response):
    """
    Create an operation that is done.
    """
    return {"name": NAME, "done": True, "response": {"generateVideoResponse": response}}


def video(**fields):
    """
    Create the video of an interaction.
    """
    return {"type": "video", "mime_type": "video/mp4", **fields}


def test_a_video(client_of, scripted, tmp_path):
    """
    It is submitted once, polled until it is complete, and downloaded with the key in its header.
    """
    usage = {"total_input_tokens": 5, "total_output_tokens": 9, "total_tokens": 14}
    done = interaction("completed", video(uri=URI), usage=usage)
    scripted.reply(200, interaction("in_progress")).reply(200, interaction("queued")).reply(200, done)
    scripted.reply(200, done).reply(200, chunks=[MP4[:1], MP4[1:]])
    seen = []
    response = client_of(OMNI).video(
        "a wave", seconds=4.5, size="1280x720", seed=3, progress=seen.append, output=tmp_path / "a.mp4"
    )

    assert (response.video.path, response.video.media_type) == (tmp_path / "a.mp4", "video/mp4")
    assert (tmp_path / "a.mp4").read_bytes() == MP4
    assert [state.status for state in seen] == ["queued", "succeeded"]
    assert (response.usage.total_tokens, response.id, response.adaptations) == (14, "v1_x", ())
    assert scripted.sent(0) == {
        "model": OMNI,
        "input": "a wave",
        "response_format": {
            "type": "video",
            "delivery": "uri",
            "aspect_ratio": "16:9",
            "resolution": "720p",
            "duration": "4.5s",
        },
        "background": True,
        "generation_config": {"seed": 3},
    }
    base = "https://generativelanguage.googleapis.com/v1beta/interactions"
    urls = [call.url for call in scripted.calls]
    assert urls == [base, *[f"{base}/v1_x"] * 3, f"{URI}:download?alt=media"]
    assert scripted.calls[-1].headers["x-goog-api-key"] == SECRET


def test_a_video_from_images(client_of, scripted):
    """
    Images and the video to change follow the prompt.
    """
    scripted.reply(200, interaction("in_progress"))
    client_of(OMNI).submit_video(
        "a wave", images=[PNG], extra={"generation_config": {"video_config": {"task": "edit"}}}
    )

    (step,) = scripted.sent()["input"]
    assert step["type"] == "user_input"
    assert step["content"] == [
        {"type": "text", "text": "a wave"},
        {"type": "image", "data": "cG5n", "mime_type": "image/png"},
    ]
    assert scripted.sent()["generation_config"] == {"video_config": {"task": "edit"}}


@pytest.mark.parametrize("output", [None, "a.mp4"])
def test_a_video_within_the_reply(client_of, scripted, tmp_path, output):
    """
    It is returned, or written to the file, without a download.
    """
    done = interaction("completed", video(data=base64.b64encode(MP4).decode()))
    scripted.reply(200, done).reply(200, done).reply(200, done)
    path = output and tmp_path / output
    response = client_of(OMNI).video("a wave", output=path)

    assert response.video.read() == MP4
    assert response.video.path == path
    assert "data" not in response.raw["steps"][0]["content"][0]


@pytest.mark.parametrize(
    ("state", "message", "code"),
    [
        (interaction("completed"), "without a video", "no_output"),
        (interaction("completed", {"type": "text", "text": "I cannot."}), "The model says: I cannot", "no_output"),
        (interaction("failed", errors=[{"code": "blocked", "message": "Policy."}]), "Policy", "blocked"),
        (interaction("budget_exceeded"), "budget_exceeded", "budget_exceeded"),
        (interaction("cancelled"), "cancelled", None),
    ],
)
def test_an_interaction_without_a_video_is_an_error(client_of, scripted, state, message, code):
    """
    The status 200 is no success.
    """
    scripted.reply(200, interaction("in_progress")).reply(200, state)
    with pytest.raises(JobFailedError, match=message) as caught:
        client_of(OMNI).video("a wave")
    assert caught.value.code == code


def test_an_interaction_is_cancelled(client_of, scripted):
    """
    The state follows.
    """
    scripted.reply(200, interaction("in_progress")).reply(200, interaction("cancelled"))
    job = client_of(OMNI).submit_video("a wave")

    assert job.cancel().status == "cancelled"
    assert scripted.calls[-1].url.endswith("/interactions/v1_x/cancel")


def test_a_submission_is_not_repeated(client_of, scripted):
    """
    A failure of the server may come after it has accepted the job.
    """
    scripted.reply(500, {"error": {"code": 500, "message": "Internal", "status": "INTERNAL"}})
    with pytest.raises(ServerError):
        client_of(OMNI).video("a wave")
    assert len(scripted.calls) == 1


def test_a_video_of_an_operation(client_of, scripted):
    """
    Models with operations get the form of predictLongRunning.
    """
    samples = [{"video": {"uri": f"{URI}:download?alt=media"}}]
    done = operation(generatedSamples=samples)
    scripted.reply(200, {"name": NAME}).reply(200, {"name": NAME}).reply(200, done).reply(200, done)
    scripted.reply(200, chunks=[MP4])
    response = client_of(VEO).video("a wave", images=[PNG], seconds=8, size="9:16", seed=3)

    assert response.video.read() == MP4
    assert scripted.sent(0) == {
        "instances": [{"prompt": "a wave", "image": {"bytesBase64Encoded": "cG5n", "mimeType": "image/png"}}],
        "parameters": {"durationSeconds": 8, "aspectRatio": "9:16", "seed": 3},
    }
    assert scripted.calls[0].url.endswith(f"/v1beta/models/{VEO}:predictLongRunning")
    assert scripted.calls[1].url.endswith(f"/v1beta/{NAME}")


def test_several_images_are_examples(client_of, scripted):
    """
    Only a single image is the first of the video.
    """
    scripted.reply(200, {"name": NAME})
    client_of(VEO).submit_video("a wave", images=[PNG, PNG])

    example = {"image": {"bytesBase64Encoded": "cG5n", "mimeType": "image/png"}, "referenceType": "asset"}
    assert scripted.sent()["instances"] == [{"prompt": "a wave", "referenceImages": [example, example]}]


@pytest.mark.parametrize(
    ("done", "message", "code"),
    [
        (
            operation(raiMediaFilteredCount=1, raiMediaFilteredReasons=["Violence."]),
            "Violence.*Rephrase the prompt",
            "content_filter",
        ),
        (operation(), "without a video", "no_output"),
        ({"name": NAME, "done": True, "error": {"code": 8, "message": "Busy."}}, "Busy", "8"),
    ],
)
def test_an_operation_without_a_video_is_an_error(client_of, scripted, done, message, code):
    """
    An operation that is done may have been filtered.
    """
    scripted.reply(200, {"name": NAME}).reply(200, done)
    with pytest.raises(JobFailedError, match=message) as caught:
        client_of(VEO).video("a wave")
    assert caught.value.code == code


def test_an_operation_cannot_be_cancelled(client_of, scripted):
    """
    Nothing is sent.
    """
    scripted.reply(200, {"name": NAME})
    job = client_of(VEO).submit_video("a wave")
    with pytest.raises(UnsupportedError, match="does not cancel"):
        job.cancel()
    assert len(scripted.calls) == 1
