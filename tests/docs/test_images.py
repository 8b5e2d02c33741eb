"""The drawings of terminals, and the screenshots of the admin page, in the documentation."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
DRAWINGS = ("chat", "generate", "setup", "usage")
KEYS = re.compile(r"(sk|gsk|xai|AIza)[-_]?\w{8,}")
PATHS = re.compile(r"(?<![\w~.:/])/(home|root|tmp|work|Users|var|private)\b")
"""What shows the machine that made a drawing."""


@pytest.fixture(params=DRAWINGS)
def drawing(request):
    """
    The source of a drawing.
    """
    return (DOCS / "images" / f"{request.param}.svg").read_text(encoding="utf-8")


def test_drawings_are_svg_with_a_title(drawing):
    """
    The title says what they show.
    """
    root = ET.fromstring(drawing)

    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.findtext("{http://www.w3.org/2000/svg}title")


def test_drawings_show_neither_keys_nor_the_machine(drawing):
    """
    Keys are typed unseen, and paths begin at the home folder.
    """
    assert KEYS.search(drawing) is None
    assert PATHS.search(drawing.replace("</", "")) is None


def test_drawings_load_nothing(drawing):
    """
    There is no font, image, style or script from elsewhere.
    """
    root = ET.fromstring(drawing)

    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {"svg", "title", "rect", "g", "text"}
    assert not [value for element in root.iter() for value in element.attrib.values() if "url" in value or ":" in value]


@pytest.mark.parametrize("name", DRAWINGS)
def test_guides_show_each_drawing_with_a_description(name):
    """
    Its text describes it for those who do not see it.
    """
    guides = "".join(path.read_text(encoding="utf-8") for path in sorted((DOCS / "guides").glob("*.md")))

    assert re.search(rf"!\[[^\]]{{20,}}\]\(\.\./images/{name}\.svg\)", guides)


SCREENSHOTS = sorted(path.stem for path in (DOCS / "images").glob("*.png"))
MAX_BYTES = 120_000
"""The largest screenshot."""


def test_screenshots_are_small_and_described():
    """
    A guide shows each with a text for those who do not see it, and `nox -s screenshots` makes them all.
    """
    guides = "".join(path.read_text(encoding="utf-8") for path in sorted((DOCS / "guides").glob("*.md")))
    script = (DOCS / "images" / "screenshots.py").read_text(encoding="utf-8")

    assert SCREENSHOTS
    for name in SCREENSHOTS:
        assert (DOCS / "images" / f"{name}.png").stat().st_size < MAX_BYTES, name
        assert re.search(rf"!\[[^\]]{{20,}}\]\(\.\./images/{name}\.png\)", guides), name
        assert f'"{name}": Shot(' in script
