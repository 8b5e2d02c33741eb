"""All bodies for media of the plugins for OpenAI and Azure match the descriptions of the APIs, forms included."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budwood.providing import make_wave_header
from budwood.types import (
    AudioPart,
    FileUpload,
    ImagePart,
    ImageRequest,
    SpeechRequest,
    TranscriptionRequest,
    VideoPart,
    VideoRequest,
)
from tests.contract import descriptions, media_recordings

bodies = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

TEXT = st.text(min_size=1, max_size=20)
FILES = st.sampled_from([b"\x89PNG\r\n\x1a\n", b"", b"--budwood-\r\n"])
IMAGES = st.builds(ImagePart, data=FILES, media_type=st.just("image/png"), name=st.none() | st.just('a"b\n.png'))
LINKED = st.sampled_from([ImagePart(url="https://files.example/a.png"), ImagePart(file_id="file-1")])
AUDIO = AudioPart(data=make_wave_header(0), media_type="audio/wav", name="a.wav")
LANGUAGES = st.none() | st.just("en")

IMAGE_REQUESTS = st.builds(
    ImageRequest,
    model=st.sampled_from(["gpt-image-2", "gpt-image-1.5"]),
    prompt=TEXT,
    n=st.none() | st.integers(1, 10),
    size=st.none() | st.just("1024x1024"),
    quality=st.none() | st.just("high"),
    format=st.none() | st.sampled_from(["png", "jpeg", "webp"]),
    background=st.none() | st.just("opaque"),
    seed=st.none() | st.just(7),
    partial_images=st.none() | st.integers(0, 3),
    extra=st.sampled_from([{}, {"moderation": "low", "output_compression": 50}]),
)
SPEECH_REQUESTS = st.builds(
    SpeechRequest,
    model=st.sampled_from(["tts-1", "gpt-4o-mini-tts"]),
    text=TEXT,
    voice=st.none() | st.just("alloy"),
    format=st.none() | st.sampled_from(["mp3", "opus", "aac", "flac", "wav", "pcm"]),
    speed=st.none() | st.floats(0.25, 4),
    instructions=st.none() | TEXT,
    language=LANGUAGES,
)
TRANSCRIPTION_REQUESTS = st.builds(
    TranscriptionRequest,
    model=st.sampled_from(["whisper-1", "gpt-4o-transcribe", "gpt-4o-transcribe-diarize", "gpt-transcribe"]),
    audio=st.just(AUDIO),
    translate=st.booleans(),
    language=LANGUAGES,
    prompt=st.none() | TEXT,
    temperature=st.none() | st.floats(0, 1),
    timestamps=st.lists(st.sampled_from(["segment", "word"]), unique=True).map(tuple),
    diarize=st.booleans(),
    extra=st.sampled_from([{}, {"include": ["logprobs"]}]),
)
VIDEO_REQUESTS = st.builds(
    VideoRequest,
    model=st.just("sora-2"),
    prompt=TEXT,
    images=st.lists(IMAGES | LINKED, max_size=1).map(tuple),
    seconds=st.none() | st.sampled_from([4, 8.0, 12]),
    size=st.none() | st.just("720x1280"),
    seed=st.none() | st.just(7),
)


def parse_form(call):
    """
    Return a form as the object that the description expects: lists by ``name[]``, and numbers where they are.
    """
    body = {}
    for name, filename, content in media_recordings.parse_call(call):
        value = content.decode("latin-1") if filename is not None else read_text(name, content.decode())
        if name.endswith("[]"):
            body.setdefault(name.removesuffix("[]"), []).append(value)
        elif name.endswith("]") or "." in name:
            outer, _, key = name.removesuffix("]").replace("[", ".").partition(".")
            body.setdefault(outer, {})[key] = value
        else:
            body[name] = value
    return body


def read_text(name, text):
    """
    Return the value of a field, which is a number or a boolean in some.
    """
    if name in (
        "n",
        "stream",
        "partial_images",
        "output_compression",
        "temperature",
        "expires_after[seconds]",
        "expires_after.seconds",
    ):
        return json.loads(text)
    return text


def read_body(call):
    """
    Return the body of a call, JSON or a form.
    """
    return json.loads(call.body) if call.headers["content-type"] == "application/json" else parse_form(call)


@pytest.fixture(scope="module")
def find_problems(shared_folder, openai_schemas):
    """
    Validate a body against OpenAI's description. Fields that it does not list are problems as well.
    """
    schemas = openai_schemas._document["components"]["schemas"]

    def problems(name, body):
        unknown = [f"{field} is not in the description" for field in set(body) - set(schemas[name]["properties"])]
        return [*openai_schemas.problems(name, body), *unknown]

    return problems


@bodies
@given(request=IMAGE_REQUESTS, stream=st.booleans())
def test_images(openai, find_problems, *, request, stream):
    """
    The body of /images/generations matches the description, for any request.
    """
    assert find_problems("CreateImageRequest", read_body(openai().encode_image(request, stream=stream))) == []


@bodies
@given(
    request=IMAGE_REQUESTS,
    images=st.lists(IMAGES, min_size=1, max_size=3) | st.lists(IMAGES | LINKED, min_size=1, max_size=3),
    mask=st.none() | IMAGES | LINKED,
    stream=st.booleans(),
)
def test_edits(openai, find_problems, *, request, images, mask, stream):
    """
    The body of /images/edits matches the description, as a form and as JSON.
    """
    extra = {"output_compression": 50} if request.extra else {}
    request = request.model_copy(update={"images": tuple(images), "mask": mask, "extra": extra})
    call = openai().encode_image(request, stream=stream)
    is_json = call.headers["content-type"] == "application/json"

    assert find_problems("EditImageBodyJsonParam" if is_json else "CreateImageEditRequest", read_body(call)) == []


@bodies
@given(request=SPEECH_REQUESTS, stream=st.booleans())
def test_speech(openai, find_problems, *, request, stream):
    """
    The body of /audio/speech matches the description, for any request.
    """
    assert find_problems("CreateSpeechRequest", read_body(openai().encode_speech(request, stream=stream))) == []


@bodies
@given(request=TRANSCRIPTION_REQUESTS, stream=st.booleans())
def test_transcription(openai, find_problems, *, request, stream):
    """
    The forms of /audio/transcriptions and /audio/translations match the description, for any request.
    """
    if request.translate:
        request = request.model_copy(update={"extra": {}, "model": "whisper-1"})
        stream = False
    schema = "CreateTranslationRequest" if request.translate else "CreateTranscriptionRequest"

    assert find_problems(schema, read_body(openai().encode_transcription(request, stream=stream))) == []


@bodies
@given(request=VIDEO_REQUESTS)
def test_videos(openai, find_problems, *, request):
    """
    The body of /videos matches the description, as a form and as JSON.
    """
    call = next(openai().submit_video(request))
    is_json = call.headers["content-type"] == "application/json"

    assert find_problems("CreateVideoJsonBody" if is_json else "CreateVideoMultipartBody", read_body(call)) == []


@pytest.mark.parametrize(
    ("video", "seconds", "schema"),
    [
        (VideoPart(file_id="v1"), None, "CreateVideoEditJsonBody"),
        (VideoPart(data=b"mp4", media_type="video/mp4"), None, "CreateVideoEditMultipartBody"),
        (VideoPart(file_id="v1"), 8, "CreateVideoExtendJsonBody"),
        (VideoPart(data=b"mp4", media_type="video/mp4"), 8, "CreateVideoExtendMultipartBody"),
    ],
    ids=["edit by id", "edit of a file", "extension by id", "extension of a file"],
)
def test_changed_videos(openai, find_problems, video, seconds, schema):
    """
    The bodies that change or continue a video match the description.
    """
    request = VideoRequest(model="sora-2", prompt="p", video=video, seconds=seconds)

    assert find_problems(schema, read_body(next(openai().submit_video(request)))) == []


@pytest.mark.parametrize("expires_after", [None, 3600])
def test_files(openai, find_problems, expires_after):
    """
    The form of /files matches the description.
    """
    upload = FileUpload(data=b"{}", name="a.json", media_type="application/json", expires_after=expires_after)

    assert find_problems("CreateFileRequest", read_body(next(openai().upload_file(upload)))) == []


def test_files_of_azure(azure, shared_folder):
    """
    The form of Azure's /files matches Microsoft's description, whose names of nested fields have a dot.
    """
    schemas = descriptions.load(shared_folder / "specs" / "azure" / "foundry-v1.json")
    provider = azure("https://res.openai.azure.com/openai/v1/")
    upload = FileUpload(data=b"{}", name="a.jsonl", media_type="application/jsonl", expires_after=1_209_600)
    body = read_body(next(provider.upload_file(upload)))

    assert schemas.problems("AzureCreateFileRequestMultiPart", body) == []
    assert body["expires_after"] == {"anchor": "created_at", "seconds": 1_209_600}


@pytest.mark.parametrize(
    ("schema", "encode"),
    [
        (
            "imageGenerationsRequest",
            lambda one: one.encode_image(ImageRequest(model="d", prompt="p", n=1), stream=False),
        ),
        (
            "createSpeechRequest",
            lambda one: one.encode_speech(
                SpeechRequest(model="d", text="t", voice="alloy", format="wav"), stream=False
            ),
        ),
        (
            "createTranscriptionRequest",
            lambda one: one.encode_transcription(TranscriptionRequest(model="d", audio=AUDIO), stream=False),
        ),
    ],
    ids=["images", "speech", "transcription"],
)
def test_bodies_of_azure(azure, shared_folder, schema, encode):
    """
    Bodies below a deployment match Microsoft's description.
    """
    schemas = descriptions.load(shared_folder / "specs" / "azure" / "inference-2025-03-01-preview.json")
    call = encode(azure("https://res.openai.azure.com/openai/deployments/d?api-version=2025-03-01-preview"))

    assert schemas.problems(schema, read_body(call)) == []
