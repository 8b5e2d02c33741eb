"""The built-in media handlers in the conformance suite of the test kit."""

from budwood_testing import MediaHandlerSuite


class TestTextHandler(MediaHandlerSuite):
    plugin = "text"

    def samples(self):
        """
        The first bytes of images; the handler checks only these.
        """
        return {"text/plain": "Größe".encode(), "text/markdown": b"# Title\n\nWords."}


class TestImageHandler(MediaHandlerSuite):
    plugin = "image"

    def samples(self):
        """
        The first bytes of images; the handler checks only these.
        """
        return {
            "image/png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
            "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
            "image/gif": b"GIF89a\x01\x00\x01\x00",
            "image/webp": b"RIFF\x24\x00\x00\x00WEBPVP8 ",
        }
