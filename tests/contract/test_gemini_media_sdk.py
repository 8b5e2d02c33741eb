"""Google's SDK and Budwood send equal requests with media to a local server, and read its replies equally."""

from __future__ import annotations

import base64
import json

import pytest

from budwood.types import AudioPart, ImagePart, Message, VideoPart
from budwood_gemini.media import parse_raw_audio
from tests.contract import media_recordings, naive_gemini, recorded, sdk, sdk_media
from tests.servers import reply

genai = sdk.import_sdk("google.genai", "google-genai")
types = sdk.import_sdk("google.genai.types", "google-genai")

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVQYV2NgAAIAAAUAAarVyFEAAAAASUVORK5CYII=")
WAVE = b"RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\xc0\x5d\0\0\x80\xbb\0\0\2\0\x10\0data\2\0\0\0\1\0"
CHAT, IMAGE = "gemini-3.8-flash", "gemini-3.1-flash-image"
SPEECH, VIDEO = "gemini-3.8-flash-tts", "gemini-omni-1.1-flash"
SPEAKERS = ("Joe", "Ann")
INTERACTION = {
    "id": "v1_x",
    "object": "interaction",
    "model": VIDEO,
    "status": "completed",
    "created": "2026-11-27T08:00:00Z",
    "updated": "2026-11-27T08:01:00Z",
    "steps": [
        {
            "type": "model_output",
            "content": [{"type": "video", "mime_type": "video/mp4", "uri": "https://example.org/v1beta/files/abc"}],
        }
    ],
    "usage": {"total_tokens": 14, "total_input_tokens": 5, "total_output_tokens": 9},
}


def open_sdk(url):
    """
    Open the client of the SDK, with the version of the API that Budwood uses.
    """
    options = {"base_url": url, "api_version": "v1beta"}
    return genai.Client(api_key="test", http_options=options)


def open_budwood(url):
    """
    Open Budwood's client.
    """
    return sdk_media.make_client(gemini={"base_url": f"{url}/v1beta", "api_key": "test"})


@pytest.fixture
def compare(shared_server):
    """
    Run two functions against equal replies, and return their results and the last request of each.
    """

    def run(payload, *functions):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        content_type = "text/event-stream" if body.startswith(b"data:") else "application/json"
        found = []
        for function in functions:
            shared_server.clear_replies().play(reply(200, body, content_type=content_type))
            found.append((function(), shared_server.requests[-1]))
        return found

    return run


def assert_equal_requests(sent, expected):
    """
    Compare the paths and the bodies of two requests.
    """
    assert sent.line == expected.line
    assert naive_gemini.canonicalize(sent.json) == naive_gemini.canonicalize(expected.json)


def content(*parts):
    """
    Create a reply.
    """
    candidate = {"content": {"role": "model", "parts": list(parts)}, "finishReason": "STOP"}
    return {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 1}}


def test_media_of_messages(compare, sdk_client, budwood_client):
    """
    Content, stored files, YouTube videos with a section, and resolutions of parts are sent as the SDK sends them.
    """
    part, level = types.Part, types.PartMediaResolutionLevel.MEDIA_RESOLUTION_HIGH
    resolution = types.PartMediaResolution(level=level)
    section = types.VideoMetadata(start_offset="5s", end_offset="9s", fps=2)
    youtube = types.FileData(file_uri="https://www.youtube.com/watch?v=x")
    parts = [
        part(text="Look"),
        part(inline_data=types.Blob(mime_type="image/png", data=PNG), media_resolution=resolution),
        part.from_bytes(data=PNG, mime_type="image/png"),
        part.from_bytes(data=WAVE, mime_type="audio/wav"),
        part(file_data=youtube, video_metadata=section),
    ]
    message = Message.user(
        "Look",
        ImagePart(data=PNG, media_type="image/png", detail="high"),
        ImagePart(data=PNG, media_type="image/png"),
        AudioPart(data=WAVE, media_type="audio/wav"),
        VideoPart(
            url="https://www.youtube.com/watch?v=x",
            provider="gemini",
            vendor_data={"videoMetadata": {"startOffset": "5s", "endOffset": "9s", "fps": 2.0}},
        ),
    )
    (_, expected), (_, sent) = compare(
        content({"text": "Nice."}),
        lambda: sdk_client.models.generate_content(model=CHAT, contents=[types.Content(role="user", parts=parts)]),
        lambda: budwood_client.ask([message], model=f"gemini/{CHAT}"),
    )
    assert_equal_requests(sent, expected)


def test_images(compare, sdk_client, budwood_client):
    """
    Requests with a configuration and an image are equal, and so is the image that is returned.
    """
    config = types.GenerateContentConfig(
        response_modalities=["TEXT", "IMAGE"],
        image_config=types.ImageConfig(aspect_ratio="16:9", image_size="2K"),
        seed=7,
    )
    options = {"size": "16:9", "seed": 7, "extra": {"generationConfig": {"imageConfig": {"imageSize": "2K"}}}}
    payload = content({"text": "Here."}, inline("image/png", PNG))
    image = types.Part.from_bytes(data=PNG, mime_type="image/png")
    (theirs, expected), (ours, sent) = compare(
        payload,
        lambda: sdk_client.models.generate_content(model=IMAGE, contents=["a hat", image], config=config),
        lambda: budwood_client.edit_image("a hat", PNG, model=f"gemini/{IMAGE}", **options),
    )
    assert_equal_requests(sent, expected)
    assert ours.image.data == theirs.parts[1].inline_data.data
    assert ours.image.media_type == theirs.parts[1].inline_data.mime_type


def inline(media_type, data):
    """
    Create a part with media.
    """
    return {"inlineData": {"mimeType": media_type, "data": base64.b64encode(data).decode()}}


@pytest.mark.parametrize("file", media_recordings.list_files("gemini", named="speech_basic"))
def test_speech(shared_folder, compare, sdk_client, budwood_client, file):
    """
    Requests with a voice are equal, and the WAV file contains the samples that the SDK returns.
    """
    (one,) = recorded.read_exchanges(file)
    voice = types.VoiceConfig(prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name="Kore"))
    config = types.GenerateContentConfig(
        response_modalities=["AUDIO"], speech_config=types.SpeechConfig(voice_config=voice, language_code="en-US")
    )
    (theirs, expected), (ours, sent) = compare(
        one.response.body,
        lambda: sdk_client.models.generate_content(model=SPEECH, contents="Hello", config=config),
        lambda: budwood_client.speak("Hello", voice="Kore", language="en-US", model=f"gemini/{SPEECH}"),
    )
    assert_equal_requests(sent, expected)
    blob = theirs.parts[0].inline_data
    assert ours.audio.data[44:] == blob.data
    assert ours.audio.seconds == parse_raw_audio(blob.mime_type).seconds(len(blob.data))


def test_speech_of_several_speakers(compare, sdk_client, budwood_client):
    """
    What Budwood takes in ``extra`` is what the SDK sends.
    """
    voices = [
        types.SpeakerVoiceConfig(
            speaker=name,
            voice_config=types.VoiceConfig(prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name="Kore")),
        )
        for name in SPEAKERS
    ]
    speech = types.SpeechConfig(multi_speaker_voice_config=types.MultiSpeakerVoiceConfig(speaker_voice_configs=voices))
    config = types.GenerateContentConfig(response_modalities=["AUDIO"], speech_config=speech)
    rows = [{"speaker": name, "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}} for name in SPEAKERS]
    extra = {"generationConfig": {"speechConfig": {"multiSpeakerVoiceConfig": {"speakerVoiceConfigs": rows}}}}
    (_, expected), (_, sent) = compare(
        content(inline("audio/L16;codec=pcm;rate=24000", b"\1\0")),
        lambda: sdk_client.models.generate_content(model=SPEECH, contents="Joe: Hi\nAnn: Hi", config=config),
        lambda: budwood_client.speak("Joe: Hi\nAnn: Hi", model=f"gemini/{SPEECH}", extra=extra),
    )
    assert_equal_requests(sent, expected)


def test_streamed_speech(compare, sdk_client, budwood_client):
    """
    The samples of all chunks are equal.
    """
    chunks = [content(inline("audio/L16;codec=pcm;rate=24000", data)) for data in (b"\1\0", b"\2\0")]
    del chunks[0]["candidates"][0]["finishReason"]
    body = b"".join(b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in chunks)

    def ask_budwood():
        with budwood_client.stream_speech("Hello", model=f"gemini/{SPEECH}", format="pcm") as stream:
            return b"".join(event.data for event in stream)

    config = types.GenerateContentConfig(response_modalities=["AUDIO"])
    (theirs, expected), (ours, sent) = compare(
        body,
        lambda: list(sdk_client.models.generate_content_stream(model=SPEECH, contents="Hello", config=config)),
        ask_budwood,
    )
    assert_equal_requests(sent, expected)
    assert ours == b"".join(part.inline_data.data for chunk in theirs for part in chunk.parts) == b"\1\0\2\0"


def test_videos(compare, sdk_client, budwood_client):
    """
    An interaction for a video is created equally, and its result is at the address that the SDK returns.
    """
    (theirs, expected), (ours, sent) = compare(
        INTERACTION,
        lambda: sdk_client.interactions.create(
            model=VIDEO,
            input=[
                {"type": "text", "text": "a wave"},
                {"type": "image", "data": base64.b64encode(PNG).decode(), "mime_type": "image/png"},
            ],
            response_format={"type": "video", "delivery": "uri", "aspect_ratio": "16:9", "duration": "5s"},
            generation_config={"seed": 3},
            background=True,
        ),
        lambda: budwood_client.submit_video(
            "a wave", images=[PNG], model=f"gemini/{VIDEO}", size="16:9", seconds=5, seed=3
        ),
    )
    assert (sent.line, sent.json) == (expected.line, expected.json)
    assert ours.ref.id == theirs.id


def test_transcripts_with_times(compare, sdk_client, budwood_client):
    """
    The words that the SDK returns are those of Budwood.
    """
    words = [
        {"type": "word_info", "text": "Hi", "start_offset": "0.1s", "end_offset": "0.5s", "speaker": "spk_1"},
        {"type": "word_info", "text": "there.", "start_offset": "0.5s", "end_offset": "1s", "speaker": "spk_1"},
    ]
    text = {"type": "text", "text": "Hi there.", "annotations": words}
    payload = {**INTERACTION, "model": CHAT, "steps": [{"type": "model_output", "content": [text]}]}
    transcription = {
        "language_codes": ["en"],
        "timestamp_granularities": ["word"],
        "diarization_mode": "speaker",
    }
    data = base64.b64encode(WAVE).decode()
    (theirs, expected), (ours, sent) = compare(
        payload,
        lambda: sdk_client.interactions.create(
            model=CHAT,
            input=[{"type": "audio", "data": data, "mime_type": "audio/wav"}],
            generation_config={"transcription_config": transcription},
            store=False,
        ),
        lambda: budwood_client.transcribe(
            WAVE, model=f"gemini/{CHAT}", language="en", timestamps=["word"], diarize=True
        ),
    )
    assert sent.json == expected.json
    (step,) = theirs.steps
    annotations = step.content[0].annotations
    assert [word.word for word in ours.words] == [one.text for one in annotations]
    assert [f"{word.end:g}s" for word in ours.words] == [one.end_offset for one in annotations]
    assert ours.usage.total_tokens == theirs.usage.total_tokens


@pytest.mark.parametrize("file", media_recordings.list_files("gemini", named="uploads_a_pdf"))
@pytest.mark.usefixtures("shared_folder")
def test_uploads(shared_server, sdk_client, budwood_client, tmp_path, file):
    """
    Both requests of an upload have equal commands and content, and the record of the file is the same.
    """
    _, send = recorded.read_exchanges(file)
    content = send.request.body
    path = tmp_path / "sample.pdf"
    path.write_bytes(content)

    def serve():
        shared_server.clear_replies()
        shared_server.requests.clear()
        location = {"x-goog-upload-url": f"{shared_server.url}/upload/v1beta/files?upload_id=x"}
        shared_server.play(reply(200, b"", **{**location, "x-goog-upload-status": "active"}), keep_alive=False)
        shared_server.play(
            reply(200, send.response.body, content_type="application/json", **{"x-goog-upload-status": "final"})
        )

    serve()
    theirs = sdk_client.files.upload(file=path, config={"display_name": "sample.pdf", "mime_type": "application/pdf"})
    expected = [list_upload(one) for one in shared_server.requests]
    serve()
    ours = budwood_client.files.upload(path, provider="gemini")
    assert [list_upload(one) for one in shared_server.requests] == expected
    assert (ours.id, ours.url, ours.size) == (theirs.name, theirs.uri, theirs.size_bytes)
    assert ours.expires == theirs.expiration_time.timestamp()


def list_upload(request):
    """
    Return the path, the commands and the content of a request of an upload.
    """
    commands = {name: value for name, value in request.headers.items() if name.startswith("x-goog-upload")}
    path = request.line.split(" ")[1].partition("?")[0]
    commands.pop("x-goog-upload-file-name", None)  # the SDK's own, besides the name in the body
    if commands["x-goog-upload-command"] == "start":
        return path, commands, None
    names = ("x-goog-upload-command", "x-goog-upload-offset")  # the SDK repeats the others
    return path, {name: commands[name] for name in names}, request.body


BATCH = {
    "name": "batches/b1",
    "metadata": {"name": "batches/b1", "model": f"models/{CHAT}", "state": "BATCH_STATE_RUNNING", "displayName": "x"},
}


def make_batch_output(keys):
    """
    Create the inlined results of a batch, in the opposite order.
    """
    rows = [{"response": content({"text": key}), "metadata": {"key": key}} for key in reversed(keys)]
    return {"inlinedResponses": {"inlinedResponses": rows}}


def list_batch_rows(body):
    """
    Return the name and the requests of a new batch.
    """
    batch = body["batch"]
    rows = batch["inputConfig"]["requests"]["requests"]
    requests = [naive_gemini.canonicalize({**row["request"], "model": None}) for row in rows]
    return batch.get("displayName"), requests, [row["metadata"] for row in rows]


def test_batches(compare, sdk_client, budwood_client):
    """
    A batch is created of equal requests, and its state and its replies are read equally.
    """
    prompts = ["One", "Two"]
    ((job, sent),) = compare(BATCH, lambda: budwood_client.submit_batch(prompts, model=f"gemini/{CHAT}"))
    rows = sent.json["batch"]["inputConfig"]["requests"]["requests"]
    keys = [row["metadata"]["key"] for row in rows]
    requests = [
        types.InlinedRequest(
            model=CHAT, contents=[types.Content(role="user", parts=[types.Part(text=text)])], metadata={"key": key}
        )
        for text, key in zip(prompts, keys, strict=True)
    ]
    config = types.CreateBatchJobConfig(display_name=sent.json["batch"]["displayName"])
    ((theirs, expected),) = compare(BATCH, lambda: sdk_client.batches.create(model=CHAT, src=requests, config=config))
    assert sent.line == expected.line
    assert list_batch_rows(sent.json) == list_batch_rows(expected.json)
    assert job.id == theirs.name
    metadata = {**BATCH["metadata"], "state": "BATCH_STATE_SUCCEEDED", "output": make_batch_output(keys)}
    done = {"name": "batches/b1", "done": True, "metadata": metadata, "response": make_batch_output(keys)}
    (theirs, expected), (state, sent) = compare(done, lambda: sdk_client.batches.get(name="batches/b1"), job.poll)
    assert sent.line == expected.line
    assert (state.status, theirs.state.name) == ("succeeded", "JOB_STATE_SUCCEEDED")
    ((results, _),) = compare(done, job.result)
    found = {row.metadata["key"]: row.response.text for row in theirs.dest.inlined_responses}
    assert [one.text for one in results] == [found[key] for key in keys]


def test_cancelled_batches(compare, sdk_client, budwood_client, shared_server):
    """
    A batch is cancelled at the same address.
    """
    ((job, _),) = compare(BATCH, lambda: budwood_client.submit_batch(["One"], model=f"gemini/{CHAT}"))
    ((_, expected),) = compare({}, lambda: sdk_client.batches.cancel(name="batches/b1"))
    shared_server.clear_replies().play(reply(200, {})).play(reply(200, BATCH))
    job.cancel()
    cancel = shared_server.requests[-2]
    assert (cancel.line, cancel.body) == (expected.line, expected.body)
