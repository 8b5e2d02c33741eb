"""Mistral's SDK and Budwood send equal requests for media in messages, speech, transcripts, files and batches."""

from __future__ import annotations

import base64
import json

import pytest

from budwood.types import AudioPart, DocumentPart, ImagePart, Message
from tests.contract import sdk, sdk_media
from tests.contract.sdk_media import PDF, PNG, WAVE, event_reply, json_reply, text_of
from tests.servers import reply

mistralai = sdk.import_sdk("mistralai.client", "mistralai")

TRANSCRIPT = {
    "model": "voxtral-mini-latest",
    "text": "Hello there.",
    "language": "en",
    "segments": [{"type": "transcription_segment", "text": "Hello there.", "start": 0, "end": 1.5, "speaker_id": "a"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "prompt_audio_seconds": 2},
}
COMPLETION = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "mistral-medium-latest",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi."}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
FILE = {
    "id": "5f3b8d2e-0000-4000-8000-000000000001",
    "object": "file",
    "bytes": len(PDF),
    "created_at": 1,
    "filename": "a.pdf",
    "purpose": "ocr",
    "sample_type": "ocr_input",
    "source": "upload",
}
BATCH = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "model": "mistral-medium-latest",
    "input_files": [],
    "status": "QUEUED",
    "created_at": 1,
    "total_requests": 2,
    "completed_requests": 0,
    "succeeded_requests": 0,
    "failed_requests": 0,
    "errors": [],
    "metadata": None,
}
DEFAULTS = {"stream": False, "timeout_hours": 24, "response_format": "mp3"}
"""What the SDK sends though it is the API's default."""


def open_sdk(url):
    """
    Open the client of the SDK.
    """
    return mistralai.Mistral(api_key="test", server_url=url)


def open_budwood(url):
    """
    Open Budwood's client.
    """
    return sdk_media.make_client(mistral={"base_url": f"{url}/v1", "api_key": "test"})


def normalize_sent(sent):
    """
    Remove `DEFAULTS` from a request: fields of an object, or of a form, where the recorded client has brackets in one.
    """
    if isinstance(sent.body, dict):
        body = {name: value for name, value in sent.body.items() if DEFAULTS.get(name, ...) != value}
        return sent._replace(body=body)
    if isinstance(sent.body, list):
        defaults = {("visibility", b"workspace"), ("stream", b"false"), ("diarize", b"false")}
        fields = [field._replace(name=field.name.removesuffix("[]")) for field in sent.body]
        return sent._replace(body=[field for field in fields if (field.name, field.content) not in defaults])
    return sent


def test_media_of_messages(compare, sdk_client, budwood_client):
    """
    Images, audio and documents are encoded equally.
    """
    image, audio, document = (base64.b64encode(content).decode() for content in (PNG, WAVE, PDF))
    content = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}},
        {"type": "input_audio", "input_audio": audio},
        {"type": "document_url", "document_url": f"data:application/pdf;base64,{document}", "document_name": "a.pdf"},
        {"type": "file", "file_id": FILE["id"]},
    ]
    message = Message.user(
        "Look",
        ImagePart(data=PNG),
        AudioPart(data=WAVE),
        DocumentPart(data=PDF, name="a.pdf"),
        DocumentPart(file_id=FILE["id"]),
    )
    theirs, ours = compare(
        lambda: sdk_client.chat.complete(
            model="mistral-medium-latest", messages=[{"role": "user", "content": content}]
        ),
        lambda: budwood_client.ask([message], model="mistral/mistral-medium-latest", upload="never"),
        json_reply(COMPLETION),
    )
    assert ours.text == theirs.choices[0].message.content


def test_speech(compare, sdk_client, budwood_client):
    """
    Speech is requested equally, and is the same audio.
    """
    theirs, ours = compare(
        lambda: sdk_client.audio.speech.complete(
            model="voxtral-mini-tts-latest", input="Hello", voice_id="jane", response_format="wav"
        ),
        lambda: budwood_client.speak("Hello", model="mistral/voxtral-mini-tts-latest", voice="jane", format="wav"),
        json_reply({"audio_data": base64.b64encode(WAVE).decode()}),
    )
    assert ours.audio.data == base64.b64decode(theirs.audio_data)


def test_streamed_speech(compare, sdk_client, budwood_client):
    """
    A stream of speech has the same audio.
    """
    halves = [base64.b64encode(half).decode() for half in (WAVE[:20], WAVE[20:])]
    events = [{"type": "speech.audio.delta", "audio_data": half} for half in halves]
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    events.append({"type": "speech.audio.done", "usage": usage})

    def ask_sdk():
        with sdk_client.audio.speech.complete(
            model="voxtral-mini-tts-latest", input="Hello", response_format="wav", stream=True
        ) as stream:
            return list(stream)

    def ask_budwood():
        with budwood_client.stream_speech("Hello", model="mistral/voxtral-mini-tts-latest", format="wav") as stream:
            return b"".join(event.data for event in stream)

    theirs, ours = compare(ask_sdk, ask_budwood, event_reply(events, end=b""))
    assert ours == b"".join(base64.b64decode(event.data.audio_data) for event in theirs[:2]) == WAVE


@pytest.mark.parametrize("source", ["file", "file_url", "file_id"])
def test_transcripts(compare, sdk_client, budwood_client, source):
    """
    Transcripts with speakers are requested and read equally, whatever the source of the audio.
    """
    file, part = {"file_name": "hello.wav", "content": WAVE, "content_type": "audio/wav"}, AudioPart(data=WAVE)
    if source == "file":
        part = AudioPart(data=WAVE, name="hello.wav")
    elif source == "file_url":
        file, part = "https://example.org/a.wav", AudioPart(url="https://example.org/a.wav")
    else:
        file, part = FILE["id"], AudioPart(file_id=FILE["id"])
    theirs, ours = compare(
        lambda: sdk_client.audio.transcriptions.complete(
            model="voxtral-mini-latest",
            language="en",
            diarize=True,
            timestamp_granularities=["segment"],
            context_bias=["Budwood"],
            **{source: file},
        ),
        lambda: budwood_client.transcribe(
            part,
            model="mistral/voxtral-mini-latest",
            language="en",
            diarize=True,
            extra={"context_bias": ["Budwood"]},
        ),
        json_reply(TRANSCRIPT),
    )
    assert (ours.text, ours.language) == (theirs.text, theirs.language)
    assert [(one.start, one.end, one.speaker) for one in ours.segments] == [
        (one.start, one.end, one.speaker_id) for one in theirs.segments
    ]
    assert ours.seconds == theirs.usage.prompt_audio_seconds


def test_streamed_transcripts(compare, sdk_client, budwood_client):
    """
    A stream of a transcript is requested and read equally.
    """
    events = [
        {"type": "transcription.text.delta", "text": "Hello"},
        {"type": "transcription.text.delta", "text": " there."},
        {**TRANSCRIPT, "type": "transcription.done"},
    ]

    def ask_sdk():
        file = {"file_name": "hello.wav", "content": WAVE, "content_type": "audio/wav"}
        with sdk_client.audio.transcriptions.stream(model="voxtral-mini-latest", file=file) as stream:
            return list(stream)

    def ask_budwood():
        audio = AudioPart(data=WAVE, name="hello.wav")
        with budwood_client.stream_transcription(audio, model="mistral/voxtral-mini-latest") as stream:
            return [event.text for event in stream], stream.response

    theirs, (texts, response) = compare(ask_sdk, ask_budwood, event_reply(events, end=b""))
    assert texts == [event.data.text for event in theirs[:2]]
    assert response.text == theirs[2].data.text


def test_files(compare, sdk_client, budwood_client):
    """
    Files are uploaded in an equal form, and described, read and deleted at the same addresses.
    """
    file = {"file_name": "a.pdf", "content": PDF, "content_type": "application/pdf"}
    theirs, ours = compare(
        lambda: sdk_client.files.upload(file=file, purpose="ocr"),
        lambda: budwood_client.files.upload(PDF, name="a.pdf", provider="mistral"),
        json_reply(FILE),
    )
    assert (ours.id, ours.name, ours.size) == (theirs.id, theirs.filename, theirs.size_bytes)
    compare(
        lambda: sdk_client.files.retrieve(file_id=FILE["id"]),
        lambda: budwood_client.files.get(FILE["id"], provider="mistral"),
        json_reply({**FILE, "deleted": False}),
    )
    theirs, ours = compare(
        lambda: sdk_client.files.download(file_id=FILE["id"]).read(),
        lambda: budwood_client.files.content(FILE["id"], provider="mistral"),
        reply(200, PDF, content_type="application/octet-stream"),
    )
    assert ours == theirs
    compare(
        lambda: sdk_client.files.delete(file_id=FILE["id"]),
        lambda: budwood_client.files.delete(FILE["id"], provider="mistral"),
        json_reply({"id": FILE["id"], "object": "file", "deleted": True}),
    )


def test_batches(compare, sdk_client, budwood_client):
    """
    A batch is created of equal requests, and polled, read and cancelled at the same addresses.
    """
    prompts = ["One", "Two"]
    job, (request,) = compare.run(
        lambda: budwood_client.submit_batch(prompts, model="mistral/mistral-medium-latest"), json_reply(BATCH)
    )
    ids = [row["custom_id"] for row in request.body["requests"]]
    requests = [
        {"custom_id": line_id, "body": {"messages": [{"role": "user", "content": text}]}}
        for line_id, text in zip(ids, prompts, strict=True)
    ]
    theirs, (expected,) = compare.run(
        lambda: sdk_client.batch.jobs.create(
            endpoint="/v1/chat/completions",
            model="mistral-medium-latest",
            requests=requests,
            metadata=request.body["metadata"],
        ),
        json_reply(BATCH),
    )
    assert request == expected
    assert job.id == theirs.id
    outputs = [
        {"id": "r", "custom_id": line_id, "response": {"status_code": 200, "body": COMPLETION}, "error": None}
        for line_id in reversed(ids)
    ]
    done = {**BATCH, "status": "SUCCESS", "succeeded_requests": 2}

    def read():
        sdk_client.batch.jobs.get(job_id="batch_1")
        return sdk_client.batch.jobs.get(job_id="batch_1", inline=True)

    theirs, results = compare(read, job.result, json_reply(done), json_reply({**done, "outputs": outputs}))
    assert [text_of(one) for one in results] == [
        one["response"]["body"]["choices"][0]["message"]["content"] for one in theirs.outputs
    ]
    job, _ = compare.run(
        lambda: budwood_client.submit_batch(prompts, model="mistral/mistral-medium-latest"), json_reply(BATCH)
    )
    compare(
        lambda: sdk_client.batch.jobs.cancel(job_id="batch_1"),
        job.cancel,
        json_reply({**BATCH, "status": "CANCELLATION_REQUESTED"}),
    )


def test_batches_of_files(compare, sdk_client, budwood_client, monkeypatch):
    """
    A larger batch is a file, whose form is equal.
    """
    from budwood.types import BatchLimits
    from budwood_mistral import batches

    monkeypatch.setattr(batches, "_LIMITS", BatchLimits(requests=10, bytes=1000))
    created = [json_reply({**FILE, "filename": "batch.jsonl", "purpose": "batch"}), json_reply(BATCH)]
    _, requests = compare.run(
        lambda: budwood_client.submit_batch(["One"], model="mistral/mistral-medium-latest"), *created
    )
    (lines,) = [field for field in requests[0].body if field.name == "file"]
    assert json.loads(lines.content)["body"]["messages"] == [{"role": "user", "content": "One"}]

    def submit():
        file = {"file_name": "batch.jsonl", "content": lines.content, "content_type": "application/jsonl"}
        info = sdk_client.files.upload(file=file, purpose="batch")
        return sdk_client.batch.jobs.create(
            endpoint="/v1/chat/completions",
            model="mistral-medium-latest",
            input_files=[info.id],
            metadata=requests[1].body["metadata"],
        )

    _, expected = compare.run(submit, *created)
    assert requests == expected
