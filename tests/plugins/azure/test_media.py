"""Images, speech, transcription and files of Azure through its client."""

from __future__ import annotations

import pytest

from budwood import Client
from budwood.errors import ContentFilterError, PermissionDeniedError, UnsupportedError
from budwood.providing import make_wave_header
from budwood.types import Capability, ImagePart

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
WAV = make_wave_header(4) + bytes(4)
B64 = "iVBORw0KGgoAAAAAAAAAAA=="
VERSION = "2025-04-01-preview"
HOST = "https://res.openai.azure.com"


@pytest.fixture
def open_client(scripted, clock):
    """
    Return a function that opens a client of a deployment.
    """

    def open_(deployment, family, **settings):
        row = {"base_url": HOST, "api_key": "k", "model_family": family, **settings}
        providers = {"providers": {"azure": row}}
        return Client(f"azure/{deployment}", settings=providers, transport=scripted, clock=clock, cache=False)

    return open_


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({"api_version": VERSION}, f"{HOST}/openai/deployments/paint/images/generations?api-version={VERSION}"),
        ({"form": "v1", "api_version": "preview"}, f"{HOST}/openai/v1/images/generations?api-version=preview"),
        ({}, f"{HOST}/openai/v1/images/generations"),
    ],
    ids=["deployments", "v1 preview", "v1"],
)
def test_addresses_of_images(open_client, scripted, settings, address):
    """
    The deployment is in the path or in the body, and the version in the query.
    """
    scripted.reply(body={"created": 1, "data": [{"b64_json": B64}]})
    with open_client("paint", "gpt-image-2", **settings) as client:
        assert client.image("a cat").image.media_type == "image/png"

    assert scripted.calls[0].url == address
    assert scripted.sent(0) == {"model": "paint", "prompt": "a cat"}
    assert scripted.calls[0].headers["api-key"] == "k"


@pytest.mark.parametrize(
    ("family", "path", "call"),
    [
        ("gpt-image-2", "images/edits", lambda client: client.edit_image("blue", PNG)),
        ("gpt-4o-mini-tts", "audio/speech", lambda client: client.speak("Hi", voice="alloy")),
        ("whisper-1", "audio/transcriptions", lambda client: client.transcribe(WAV)),
        ("whisper-1", "audio/translations", lambda client: client.translate_audio(WAV)),
    ],
    ids=["edits", "speech", "transcription", "translation"],
)
def test_addresses_of_other_services(open_client, scripted, family, path, call):
    """
    All services of media are below the deployment in the older form.
    """
    scripted.reply(
        body={"text": "Hello.", "data": [{"b64_json": B64}], "audio_data": "SUQz"},
        headers={"content-type": "application/json"},
    )
    with open_client("mine", family, api_version=VERSION) as client:
        call(client)

    assert scripted.calls[0].url == f"{HOST}/openai/deployments/mine/{path}?api-version={VERSION}"


@pytest.mark.parametrize(
    ("options", "voice"),
    [({}, "alloy"), ({"voice": "echo"}, "echo"), ({"extra": {"voice": "onyx"}}, "onyx")],
    ids=["default", "option", "extra"],
)
@pytest.mark.parametrize("family", [None, "gpt-4o-mini-tts"])
def test_speech_always_has_a_voice(open_client, scripted, family, options, voice):
    """
    Azure requires one, also of a deployment whose model is not known.
    """
    scripted.reply(body=b"ID3", headers={"content-type": "audio/mpeg"})
    with open_client("mine", family, api_version=VERSION) as client:
        client.speak("Hi", **options)

    assert scripted.sent(0) == {"model": "mine", "input": "Hi", "voice": voice}


def test_edits_take_no_urls(open_client, scripted):
    """
    Azure's edits are forms, so the id of a stored image is refused before anything is sent.
    """
    with open_client("paint", "gpt-image-2") as client, pytest.raises(UnsupportedError, match="ids of files"):
        client.edit_image("blue", ImagePart(file_id="file-1"))
    assert scripted.calls == []


@pytest.mark.parametrize(
    "error",
    [
        {"code": "contentFilter", "message": "Your task failed."},
        {
            "code": "content_policy_violation",
            "message": "Rejected.",
            "inner_error": {
                "code": "ResponsibleAIPolicyViolation",
                "content_filter_results": {"sexual": {"filtered": True, "severity": "high"}},
            },
        },
    ],
    ids=["job", "inner error"],
)
def test_content_filters(open_client, scripted, error):
    """
    Both forms of a filtered prompt are errors of the content filter, with its results.
    """
    scripted.reply(400, {"created": 1, "error": error})
    with open_client("paint", "gpt-image-2") as client, pytest.raises(ContentFilterError) as caught:
        client.image("a cat")
    assert bool(caught.value.categories) == ("inner_error" in error)


def test_blocked_account_is_not_a_filtered_prompt(open_client, scripted):
    """
    403 is about the account, and not about the prompt.
    """
    scripted.reply(403, {"error": {"message": "The resource has been temporarily blocked.", "code": "403"}})
    with open_client("paint", "gpt-image-2") as client, pytest.raises(PermissionDeniedError, match="temporarily"):
        client.image("a cat")


def test_file_fields(open_client, scripted, tmp_path):
    """
    The purpose and the names of the fields for the expiry are Azure's.
    """
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n", encoding="utf-8")
    scripted.reply(body={"id": "file-1", "status": "processed"})
    with open_client("chat", "gpt-5.1") as client:
        client.files.upload(path, expires_after=1_209_600)

    fields = {field.name: field.content for field in scripted.sent_form(0) if not field.filename}
    assert fields == {
        "purpose": b"assistants",
        "expires_after.anchor": b"created_at",
        "expires_after.seconds": b"1209600",
    }
    assert scripted.calls[0].url == f"{HOST}/openai/v1/files"


def test_pages_of_files_keep_the_version(open_client, scripted):
    """
    The query of a page is added to that with the version.
    """
    scripted.reply(body={"data": []})
    with open_client("chat", "gpt-5.1", api_version=VERSION) as client:
        assert client.files.list() == ()

    assert scripted.calls[0].url == f"{HOST}/openai/files?api-version={VERSION}&limit=1000"


def test_foundry_has_chat_alone(open_client):
    """
    Addresses of the form ``…/models`` have no services of media.
    """
    with open_client("m", "gpt-5.1", form="foundry", api_version=VERSION) as client:
        assert not client.capabilities("azure/m") & {Capability.IMAGES, Capability.FILES, Capability.BACKGROUND}
