"""
Encode and decode media in contents: ``inlineData`` and ``fileData``.

Source: ai.google.dev/api/caching#Part, and google-genai 3.6.1, ``types.py``.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from budwood.errors import BadResponseError, PromptError
from budwood.providing import inline_media
from budwood.types import AnyMedia, AudioPart, ImagePart, VideoPart
from budwood_gemini.settings import BASE_URL

VENDOR: Final = "gemini"
"""The provider of Gemini's own parts."""

RESOLUTIONS: Final = {
    "low": "MEDIA_RESOLUTION_LOW",
    "medium": "MEDIA_RESOLUTION_MEDIUM",
    "high": "MEDIA_RESOLUTION_HIGH",
}
"""Gemini's resolutions of media, in ascending order, by ``detail`` of images."""

PART_RESOLUTIONS: Final = {**RESOLUTIONS, "ultra_high": "MEDIA_RESOLUTION_ULTRA_HIGH"}
"""The same for single parts."""

_OF_REPLIES: Final = frozenset({"thought", "thoughtSignature"})
"""Fields that only parts of the model's own messages may have."""

_IN_RESULTS: Final = ("image/", "application/pdf", "text/plain")
"""
The start of the media types that results of tools may contain; audio and videos follow the results.

Source: ai.google.dev/gemini-api/docs/function-calling, "Multimodal function responses".
"""

_YOUTUBE: Final = (".youtube.com", ".youtu.be")

_EXAMPLES: Final = {"image": "image/png", "audio": "audio/wav", "video": "video/mp4", "document": "application/pdf"}

_RAW_AUDIO: Final = ("audio/l16", "audio/pcm")
_DEFAULT_RATE: Final = 24_000


class Form(NamedTuple):
    """
    How the contents of a request are encoded.

    Attributes:
        signed: Whether the model is Gemini 3 or later: it rejects calls without a signature, and takes media in results
            of tools, and a resolution for each part.
        base_url: The address of the API, for ids of files.
        has_resolutions: Whether each image has its own resolution, because they differ.
    """

    signed: bool = True
    base_url: str = BASE_URL
    has_resolutions: bool = False


def encode_media(part: AnyMedia, form: Form, *, is_own: bool = False) -> dict[str, Any]:
    """
    Encode media: their content, or the address from which Gemini fetches it.

    ``vendor_data`` of a part with ``provider="gemini"`` are further fields of the part, such as ``videoMetadata``.

    Args:
        part: The media.
        form: How the contents are encoded.
        is_own: Whether the model returned the part, and requires its signature back.

    Raises:
        PromptError: The media type is unknown.
    """
    own = dict(part.vendor_data) if part.provider == VENDOR and isinstance(part.vendor_data, dict) else {}
    if not is_own:
        own = {name: value for name, value in own.items() if name not in _OF_REPLIES}
    level = PART_RESOLUTIONS.get(getattr(part, "detail", None) or "") if form.has_resolutions else None
    return {**_encode_source(part, form), **({"mediaResolution": {"level": level}} if level else {}), **own}


def _encode_source(part: AnyMedia, form: Form) -> dict[str, Any]:
    inline = inline_media(part)
    if inline is None:
        url = file_url(part, form.base_url)
        media_type = part.media_type or guess_media_type(url)
        return {"fileData": {**({"mimeType": media_type} if media_type else {}), "fileUri": url}}
    if inline.media_type in (None, "application/octet-stream"):
        raise PromptError(
            f"The {part.type} has no media type.", hint=f'Give media_type="{_EXAMPLES[part.type]}" with it.'
        )
    return {"inlineData": {"mimeType": inline.media_type, "data": inline.base64}}


def file_url(part: AnyMedia, base_url: str) -> str:
    """Return the URL of media without content: their own, or that of a file of the Files API."""
    if part.url is not None:
        return part.url
    name = part.file_id or ""
    if "://" in name:
        return name
    return f"{base_url}/{name if name.startswith('files/') else f'files/{name}'}"


def guess_media_type(url: str) -> str | None:
    """Return the media type by the name in a URL, since Gemini fetches the content and requires the type."""
    return mimetypes.guess_type(urlsplit(url).path)[0]


def needs_download(part: AnyMedia, base_url: str) -> bool:
    """
    Return whether Gemini cannot fetch a URL, because its media type is not known.

    Videos of YouTube and files of the Files API need none.
    """
    if part.url is None or part.url.startswith(("data:", f"{base_url}/files/")) or part.media_type is not None:
        return False
    host = f".{urlsplit(part.url).hostname}"
    return guess_media_type(part.url) is None and not host.endswith(_YOUTUBE)


def fits_result(part: AnyMedia, form: Form) -> bool:
    """Return whether a model takes media within the result of a tool: content, or files that Google stores."""
    if not form.signed:
        return False
    inline = inline_media(part)
    media_type = part.media_type if inline is None else inline.media_type
    is_stored = inline is not None or f"{form.base_url}/files/" in file_url(part, form.base_url)
    return is_stored and (media_type or "image/").startswith(_IN_RESULTS)


def decode_media(fields: Mapping[str, Any]) -> AnyMedia | None:
    """
    Decode a part with ``inlineData``; None if it contains neither an image, nor audio, nor a video.

    Raw samples become a WAV file.
    """
    media_type, data = decode_inline(fields)
    own = {name: value for name, value in fields.items() if name != "inlineData"} or None
    kind = media_type.partition("/")[0].lower()
    if kind == "audio":
        return make_audio(media_type, data, own)
    if kind not in ("image", "video"):
        return None
    part = ImagePart if kind == "image" else VideoPart
    return part(data=data, media_type=media_type, provider=VENDOR if own else None, vendor_data=own)


def is_audio(fields: Mapping[str, Any]) -> bool:
    """Return whether a part of a reply contains audio."""
    inline = fields.get("inlineData")
    return isinstance(inline, Mapping) and str(inline.get("mimeType")).lower().startswith("audio/")


def decode_inline(fields: Mapping[str, Any]) -> tuple[str, bytes]:
    """
    Return the media type and the content of ``inlineData``.

    Raises:
        BadResponseError: It is not base64.
    """
    inline = fields["inlineData"]
    values = inline if isinstance(inline, Mapping) else {}
    return str(values.get("mimeType") or "application/octet-stream"), decode_base64(values.get("data"))


def decode_base64(text: object) -> bytes:
    """
    Return the content of media.

    Raises:
        BadResponseError: It is not base64.
    """
    try:
        return base64.b64decode(str(text or "").translate(_ALPHABET), validate=True)
    except (binascii.Error, ValueError):
        raise BadResponseError("The reply has inline data that are not base64.") from None


_ALPHABET: Final = str.maketrans("-_", "+/")
"""Both alphabets of base64 occur."""


class RawAudio(NamedTuple):
    """The form of raw samples: 16 bits, little-endian. The media type L16 of RFC 2586 would be big-endian."""

    rate: int
    channels: int

    @property
    def media_type(self) -> str:
        """The media type in Budwood's form."""
        return f"audio/pcm;rate={self.rate}"

    def seconds(self, size: int) -> float:
        """Return the duration of samples of a size in bytes."""
        return size / (2 * self.channels * self.rate)


def parse_raw_audio(media_type: str, data: bytes = b"") -> RawAudio | None:
    """Parse the media type of raw samples; None for all other audio, and for a WAV file with a wrong media type."""
    kind, *parameters = (item.strip().lower() for item in media_type.split(";"))
    if kind not in _RAW_AUDIO or data[:4] == b"RIFF":
        return None
    values = dict(parameter.partition("=")[::2] for parameter in parameters)
    rate, channels = values.get("rate", ""), values.get("channels", "")
    return RawAudio(
        int(rate) if rate.isdecimal() and int(rate) else _DEFAULT_RATE,
        int(channels) if channels.isdecimal() and int(channels) else 1,
    )


def make_audio(media_type: str, data: bytes, own: dict[str, Any] | None = None) -> AudioPart:
    """Return audio as a part. Raw samples get a header, and headers with wrong sizes are corrected."""
    from budwood.providing import make_wave_header, repair_wave  # only replies with audio need it

    provider = VENDOR if own else None
    raw = parse_raw_audio(media_type, data)
    if raw is None:
        kind = "audio/wav" if data[:4] == b"RIFF" else media_type
        return AudioPart(data=repair_wave(data), media_type=kind, provider=provider, vendor_data=own)
    header = make_wave_header(len(data), rate=raw.rate, channels=raw.channels)
    return AudioPart(
        data=header + data,
        media_type="audio/wav",
        seconds=raw.seconds(len(data)),
        provider=provider,
        vendor_data=own,
    )
