"""Groq's SDK and Budwood send equal requests for images in messages, speech, transcripts, files and batches."""

from __future__ import annotations

import base64
import json

import pytest

from budwood.types import AudioPart, ImagePart, Message
from tests.contract import sdk, sdk_media
from tests.contract.sdk_media import PNG, WAVE, json_reply, text_of
from tests.servers import reply

groq = sdk.import_sdk("groq", "groq")

TRANSCRIPT = {
    "task": "transcribe",
    "language": "English",
    "duration": 1.5,
    "text": " Hello there.",
    "segments": [{"id": 0, "start": 0, "end": 1.5, "text": " Hello there.", "avg_logprob": -0.1}],
    "x_groq": {"id": "req_1"},
}
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi."}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
FILE = {"id": "file-1", "object": "file", "bytes": 9, "created_at": 1, "filename": "batch.jsonl", "purpose": "batch"}
BATCH = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "status": "validating",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "created_at": 1,
}
CHAT = "meta-llama/llama-4-scout-17b-16e-instruct"


def open_sdk(url):
    """
    Open the client of the SDK.
    """
    return groq.Groq(api_key="gsk-test", base_url=url, max_retries=0)


def open_budwood(url):
    """
    Open Budwood's client.
    """
    url = f"{url}/openai/v1"
    return sdk_media.make_client(groq={"base_url": url, "api_key": "gsk-test"})


def test_images_of_messages(compare, sdk_client, budwood_client):
    """
    Images are encoded equally.
    """
    content = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(PNG).decode()}"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
    ]
    message = Message.user("Look", ImagePart(data=PNG), ImagePart(url="https://example.org/a.png", detail="low"))
    compare(
        lambda: sdk_client.chat.completions.create(model=CHAT, messages=[{"role": "user", "content": content}]),
        lambda: budwood_client.ask([message], model=f"groq/{CHAT}"),
        json_reply(COMPLETION),
    )


def test_speech(compare, sdk_client, budwood_client):
    """
    Speech is requested as WAV, the only format, and is equal.
    """
    model = "canopylabs/orpheus-v1-english"
    theirs, ours = compare(
        lambda: sdk_client.audio.speech.create(
            model=model, input="Hello", voice="hannah", response_format="wav", sample_rate=48000
        ).read(),
        lambda: budwood_client.speak("Hello", model=f"groq/{model}", voice="hannah", extra={"sample_rate": 48000}),
        reply(200, WAVE, content_type="audio/wav"),
    )
    assert ours.audio.data == theirs


@pytest.mark.parametrize("source", ["file", "url"])
def test_transcripts(compare, sdk_client, budwood_client, source):
    """
    Transcripts with times are requested and read equally, of a file or of a URL that Groq fetches.
    """
    file, part = ("hello.wav", WAVE, "audio/wav"), AudioPart(data=WAVE, name="hello.wav")
    if source == "url":
        file, part = "https://example.org/a.wav", AudioPart(url="https://example.org/a.wav")
    options = {"language": "en", "prompt": "Greetings", "temperature": 0.5}
    theirs, ours = compare(
        lambda: sdk_client.audio.transcriptions.create(
            model="whisper-large-v3",
            response_format="verbose_json",
            timestamp_granularities=["segment"],
            **{source: file},
            **options,
        ),
        lambda: budwood_client.transcribe(part, model="groq/whisper-large-v3", timestamps=["segment"], **options),
        json_reply(TRANSCRIPT),
    )
    assert ours.text == theirs.text.strip()
    (segment,) = theirs.segments
    assert [(one.start, one.end) for one in ours.segments] == [(segment["start"], segment["end"])]


def test_translations(compare, sdk_client, budwood_client):
    """
    Translations are requested and read equally.
    """
    theirs, ours = compare(
        lambda: sdk_client.audio.translations.create(
            model="whisper-large-v3", file=("hello.wav", WAVE, "audio/wav"), prompt="Greetings"
        ),
        lambda: budwood_client.translate_audio(
            AudioPart(data=WAVE, name="hello.wav"), model="groq/whisper-large-v3", prompt="Greetings"
        ),
        json_reply({"text": " Hello there.", "x_groq": {"id": "req_1"}}),
    )
    assert ours.text == theirs.text.strip()


def test_batches(compare, sdk_client, budwood_client):
    """
    A batch is created from an equal file, polled, cancelled and read at the same addresses.
    """

    def submit():
        info = sdk_client.files.create(file=("batch.jsonl", lines.content, "application/jsonl"), purpose="batch")
        return sdk_client.batches.create(
            input_file_id=info.id, endpoint="/v1/chat/completions", completion_window="24h"
        )

    created = [json_reply(FILE), json_reply(BATCH)]
    job, requests = compare.run(lambda: budwood_client.submit_batch(["Hello"], model=f"groq/{CHAT}"), *created)
    (lines,) = [field for field in requests[0].body if field.name == "file"]
    line = json.loads(lines.content)
    assert (line["method"], line["url"], line["body"]["model"]) == ("POST", "/v1/chat/completions", CHAT)
    theirs, expected = compare.run(submit, *created)
    assert requests == expected
    assert job.id == theirs.id
    result = {"id": "r", "custom_id": line["custom_id"], "response": {"status_code": 200, "body": COMPLETION}}

    def read():
        batch = sdk_client.batches.retrieve("batch_1")
        return sdk_client.files.content(batch.output_file_id).json()

    theirs, results = compare(
        read,
        job.result,
        json_reply({**BATCH, "status": "completed", "output_file_id": "file-2"}),
        reply(200, json.dumps(result) + "\n", content_type="application/jsonl"),
    )
    assert text_of(results[0]) == theirs["response"]["body"]["choices"][0]["message"]["content"]
    job, _ = compare.run(lambda: budwood_client.submit_batch(["Hello"], model=f"groq/{CHAT}"), *created)
    compare(lambda: sdk_client.batches.cancel("batch_1"), job.cancel, json_reply({**BATCH, "status": "cancelled"}))


def test_stored_files(compare, sdk_client, budwood_client):
    """
    Files are listed, described and deleted at the same addresses.
    """
    compare(
        lambda: sdk_client.files.info("file-1"),
        lambda: budwood_client.files.get("file-1", provider="groq"),
        json_reply(FILE),
    )
    compare(
        lambda: sdk_client.files.delete("file-1"),
        lambda: budwood_client.files.delete("file-1", provider="groq"),
        json_reply({"id": "file-1", "object": "file", "deleted": True}),
    )
    theirs, ours = compare(
        sdk_client.files.list,
        lambda: budwood_client.files.list(provider="groq"),
        json_reply({"object": "list", "data": [FILE]}),
    )
    assert [info.id for info in ours] == [info.id for info in theirs.data]
