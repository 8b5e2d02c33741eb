"""The rows of the services that generate and read media; see `budwood.engine.services`."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from budwood.contracts import (
    BackgroundProvider,
    BatchFileProvider,
    BatchProvider,
    FileProvider,
    ImageProvider,
    ImageStreamProvider,
    LocalImageProvider,
    LocalSpeechProvider,
    LocalTranscriptionProvider,
    LocalVideoProvider,
    SpeechProvider,
    SpeechStreamProvider,
    StoredReplyProvider,
    TranscriptionProvider,
    TranscriptionStreamProvider,
    VideoProvider,
)
from budwood.engine.pipeline.service import Service
from budwood.types import Capability, ImageResponse, SpeechResponse, TranscriptionResponse, VideoResponse

IMAGES: Final = Service(
    name="image",
    capability=Capability.IMAGES,
    protocol=ImageProvider,
    encode="encode_image",
    decode="decode_image",
    decoder="image_decoder",
    takes_stream=True,
    has_media=True,
    stream_protocol=ImageStreamProvider,
    local_protocol=LocalImageProvider,
    local="generate_image",
    result=ImageResponse,
    refusal="does not generate images",
    hint="Choose an image model.",
)
IMAGE_EDITS: Final = replace(
    IMAGES,
    name="image edit",
    capability=Capability.IMAGE_EDITS,
    refusal="does not edit images",
    hint="Choose an image model that takes images.",
)
SPEECH: Final = Service(
    name="speech",
    capability=Capability.SPEECH,
    protocol=SpeechProvider,
    encode="encode_speech",
    decode="decode_speech",
    decoder="speech_decoder",
    takes_stream=True,
    has_media=True,
    stream_protocol=SpeechStreamProvider,
    local_protocol=LocalSpeechProvider,
    local="generate_speech",
    result=SpeechResponse,
    refusal="does not generate speech",
    hint="Choose a speech model.",
)
TRANSCRIPTION: Final = Service(
    name="transcription",
    capability=Capability.TRANSCRIPTION,
    protocol=TranscriptionProvider,
    encode="encode_transcription",
    decode="decode_transcription",
    decoder="transcription_decoder",
    takes_stream=True,
    has_media=True,
    stream_protocol=TranscriptionStreamProvider,
    local_protocol=LocalTranscriptionProvider,
    local="transcribe",
    result=TranscriptionResponse,
    refusal="does not transcribe speech",
    hint="Choose a transcription model.",
)
TRANSLATION: Final = replace(
    TRANSCRIPTION,
    name="translation",
    capability=Capability.TRANSLATION,
    refusal="does not translate speech",
    hint="Choose a transcription model that translates.",
)
VIDEOS: Final = Service(
    name="video",
    capability=Capability.VIDEOS,
    protocol=VideoProvider,
    has_media=True,
    local_protocol=LocalVideoProvider,
    local="generate_video",
    result=VideoResponse,
    refusal="does not generate videos",
    hint="Choose a video model.",
)
FILES: Final = Service(
    name="files",
    capability=Capability.FILES,
    protocol=FileProvider,
    refusal="does not store files",
    hint="Pass files=[…] to the call itself, or provider=… with a vendor that stores files.",
)
STORED_REPLIES: Final = Service(
    name="stored reply",
    capability=Capability.BACKGROUND,
    protocol=StoredReplyProvider,
    refusal="does not keep replies",
    hint="Keep them yourself: client.chat() has the messages of a conversation.",
)
BATCHES: Final = Service(
    name="batch",
    capability=Capability.BATCHES,
    protocol=BatchProvider,
    refusal="has no batches",
    hint='Pass lane="live" for ordinary calls, or choose a vendor that has batches.',
)
BATCH_FILES: Final = Service(
    name="batch file",
    capability=Capability.BATCHES,
    protocol=BatchFileProvider,
    refusal="creates no batches from stored files",
    hint="Call client.submit_batch(…) with the requests.",
)
BACKGROUND: Final = Service(
    name="background reply",
    capability=Capability.BACKGROUND,
    protocol=BackgroundProvider,
    refusal="does not support background replies",
    hint="Call client.ask(…).",
)
