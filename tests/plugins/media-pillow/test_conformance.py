"""Conformance tests of the handler and its package."""

from budwood_testing import MediaHandlerSuite, PackagingSuite
from tests.plugins.media_images import FORMATS, make_image


class TestPillow(MediaHandlerSuite):
    plugin = "pillow"

    def samples(self):
        """
        Small images of each format.
        """
        images = {media_type: make_image(kind) for media_type, kind in FORMATS.items()}
        return images | {"image/heif": make_image("HEIF", (32, 32)).replace(b"ftypheic", b"ftypmif1")}


class TestPackage(PackagingSuite):
    distribution = "budwood-media-pillow"
