"""The built-in media handlers in the conformance suite of the test kit."""

from budwood_testing import MediaHandlerSuite
from tests.media import IMAGES


class TestTextHandler(MediaHandlerSuite):
    plugin = "text"

    def samples(self):
        """
        Texts of several types.
        """
        return {
            "text/plain": "Größe".encode(),
            "text/markdown": b"# Title\n\nWords.",
            "application/json": b'{"a": 1}',
        }


class TestImageHandler(MediaHandlerSuite):
    plugin = "image"

    def samples(self):
        """
        Images of one pixel.
        """
        return {f"image/{kind}": IMAGES[kind] for kind in ("png", "jpeg", "gif", "webp")}


class TestAudioHandler(MediaHandlerSuite):
    plugin = "audio"

    def samples(self):
        """
        The first bytes of audio; the handler checks only these.
        """
        return {
            "audio/wav": b"RIFF\x24\0\0\0WAVEfmt ",
            "audio/mpeg": b"ID3\x04\0\0",
            "audio/flac": b"fLaC\0\0\0\x22",
            "audio/ogg": b"OggS\0\x02",
            "audio/mp4": b"\0\0\0\x18ftypM4A \0\0",
            "audio/aac": b"\xff\xf1\x50\x80",
            "audio/aiff": b"FORM\0\0\0\x20AIFFCOMM",
            "audio/webm": b"\x1aE\xdf\xa3\x9fB\x82\x84webmA_OPUS",
        }


class TestVideoHandler(MediaHandlerSuite):
    plugin = "video"

    def samples(self):
        """
        The first bytes of videos; the handler checks only these.
        """
        return {
            "video/mp4": b"\0\0\0\x18ftypisom\0\0",
            "video/quicktime": b"\0\0\0\x14ftypqt  \0\0",
            "video/webm": b"\x1aE\xdf\xa3\x9fB\x82\x84webmV_VP9",
        }


class TestDocumentHandler(MediaHandlerSuite):
    plugin = "document"

    def samples(self):
        """
        The first bytes of a document; the handler checks only these.
        """
        return {"application/pdf": b"%PDF-1.7\n"}
