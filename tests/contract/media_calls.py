"""Every vendor, every call that takes media, and which of them takes which."""

from __future__ import annotations

import base64
import json

from budwood import Audio, Document, Image, Message, Video
from budwood.types import Capability, ToolCallPart, ToolResultPart
from budwood_testing.forms import parse_form
from tests.media import make_png

PARTS = {"image": Image, "audio": Audio, "video": Video, "document": Document}
NAMES = {"image": "a.png", "audio": "a.wav", "video": "a.mp4", "document": "a.pdf"}

OFFERS = ["audio_input", "video_input", "document_input", "files", "videos", "image_results"]
VENDORS = {
    "openai": ("openai", {"api": "chat"}),
    "openai responses": ("openai", {"api": "responses"}),
    "azure": ("azure", {"api": "chat", "api_version": "2025-04-01-preview"}),
    "azure responses": ("azure", {"api": "responses"}),
    "openai-compatible": ("openai-compatible", {"offers": OFFERS}),
    "groq": ("groq", {}),
    "mistral": ("mistral", {}),
    "xai": ("xai", {}),
    "openrouter": ("openrouter", {}),
    "anthropic": ("anthropic", {}),
    "gemini": ("gemini", {}),
    "ollama": ("ollama", {}),
}
"""The plugin of each vendor, and its settings."""


def ask_after_tool(client, part):
    """
    Send media in the result of a tool.
    """
    call = ToolCallPart(id="call12345", name="look", arguments="{}")
    result = ToolResultPart(call_id="call12345", name="look", content=(part,))
    messages = [Message.user("Look."), Message(role="assistant", parts=(call,)), Message(role="tool", parts=(result,))]
    return client.ask(messages)


CALLS = {
    "ask": lambda client, part: client.ask([Message.user("What is this?", part)]),
    "tool result": ask_after_tool,
    "edit_image": lambda client, part: client.edit_image("Make it blue.", part),
    "mask": lambda client, part: client.edit_image("Make it blue.", make_png(), mask=part),
    "transcribe": lambda client, part: client.transcribe(part),
    "timestamps": lambda client, part: client.transcribe(part, timestamps=["word"]),
    "translate_audio": lambda client, part: client.translate_audio(part),
    "video of images": lambda client, part: client.submit_video("A cat.", images=[part]),
    "video of a video": lambda client, part: client.submit_video("A cat.", video=part),
    "upload": lambda client, part: client.files.upload(part),
}
"""The calls of the public interface that take media."""

TAKEN = {
    ("ask", "image"): VENDORS,
    ("ask", "audio"): ["openai", "azure", "openai-compatible", "mistral", "openrouter", "gemini"],
    ("ask", "video"): ["openai-compatible", "openrouter", "gemini"],
    ("ask", "document"): sorted({*VENDORS} - {"groq", "xai", "ollama"}),
    ("tool result", "image"): VENDORS,
    ("edit_image", "image"): ["openai", "azure", "openai-compatible", "xai", "openrouter", "gemini"],
    ("mask", "image"): ["openai", "azure", "openai-compatible"],
    ("transcribe", "audio"): [
        *("openai", "azure", "openai-compatible", "groq", "mistral", "xai", "openrouter", "gemini")
    ],
    ("timestamps", "audio"): ["openai", "gemini"],
    ("translate_audio", "audio"): ["openai", "azure", "openai-compatible", "groq", "gemini"],
    ("video of images", "image"): ["openai-compatible", "xai", "gemini", "gemini/veo-3.1-generate-preview"],
    ("video of a video", "video"): ["openai-compatible", "xai", "gemini", "gemini/veo-3.1-generate-preview"],
    ("upload", "document"): [
        *("openai", "azure", "openai-compatible", "groq", "mistral", "xai", "anthropic", "gemini")
    ],
}
"""The vendors that take each kind of media in each call; a vendor may have a model, after a slash."""

ROWS = [(call, kind, vendor) for (call, kind), vendors in TAKEN.items() for vendor in vendors]
IDS = ["-".join(row) for row in ROWS]

CAPABILITIES = {
    ("ask", "image"): Capability.IMAGE_INPUT,
    ("ask", "audio"): Capability.AUDIO_INPUT,
    ("ask", "video"): Capability.VIDEO_INPUT,
    ("ask", "document"): Capability.DOCUMENT_INPUT,
    ("edit_image", "image"): Capability.IMAGE_EDITS,
    ("transcribe", "audio"): Capability.TRANSCRIPTION,
    ("translate_audio", "audio"): Capability.TRANSLATION,
    ("video of images", "image"): Capability.VIDEOS,
    ("upload", "document"): Capability.FILES,
}
"""What a vendor must have for a call."""


def make_client(kind, name, server, clock):
    """
    Return a client, blocking or async, of a vendor at a server.
    """
    name, _, model = name.partition("/")
    plugin, settings = VENDORS[name]
    url = f"{server.url}/v1beta" if plugin == "gemini" else server.url
    providers = {"providers": {plugin: {"base_url": url, "api_key": "k", **settings}}}
    return kind(f"{plugin}/{model or 'a-model'}", settings=providers, clock=clock, cache=False, retries=0)


def list_contents(request):
    """
    List what a request contains: the fields of a form, texts in base64 of JSON, or the body itself.
    """
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("multipart/"):
        return [field.content for field in parse_form(request.headers, request.body)]
    if content_type.startswith("application/json"):
        return list(decode_texts(json.loads(request.body)))
    return [request.body]


def decode_texts(value):
    """
    Yield all texts of JSON that are base64, or a data URL, decoded.
    """
    if isinstance(value, str) and len(value) > 1000:
        yield base64.b64decode(value.partition(";base64,")[2] or value, validate=True)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from decode_texts(item)


def count_received(server, data):
    """
    Count how often some content was received.
    """
    return [each for request in server.requests for each in list_contents(request)].count(data)
