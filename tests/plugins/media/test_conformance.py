"""Conformance tests of the handlers and their package."""

from budwood_testing import MediaHandlerSuite, PackagingSuite
from tests.media import make_mp4, make_pdf, make_wav, make_webm
from tests.plugins.audio_files import make_aiff, make_flac, make_mp3, make_opus


class TestDuration(MediaHandlerSuite):
    plugin = "duration"

    def samples(self):
        """
        Short files of headers and silence.
        """
        return {
            "audio/wav": make_wav(),
            "audio/mpeg": make_mp3(),
            "audio/flac": make_flac(),
            "audio/ogg": make_opus(),
            "audio/aiff": make_aiff(),
            "audio/mp4": make_mp4(brand=b"M4A "),
            "audio/webm": make_webm(codec=b"A_OPUS"),
            "video/mp4": make_mp4(),
            "video/quicktime": make_mp4(brand=b"qt  "),
            "video/webm": make_webm(),
        }


class TestPDF(MediaHandlerSuite):
    plugin = "pdf"

    def samples(self):
        """
        A document of two pages.
        """
        return {"application/pdf": make_pdf(2)}


class TestTable(MediaHandlerSuite):
    plugin = "table"

    def samples(self):
        """
        Tables of two columns.
        """
        return {
            "text/csv": b'name,note\nAda,"London, 1815"\n',
            "text/tab-separated-values": b"name\tnote\nGrace\tNew York\n",
        }


class TestPackage(PackagingSuite):
    distribution = "budwood-media"
