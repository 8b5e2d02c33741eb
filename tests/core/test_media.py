from __future__ import annotations

import base64
import contextlib
import json
import mimetypes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import ConfigurationError, PromptError, UnsupportedError
from budwood.media import ContentHandler, TextHandler
from budwood.providing import detect_media_type
from budwood.types import MediaFile, Message, TextPart
from budwood_testing import chat_reply

IMAGES = {
    "a.png": b"\x89PNG\r\n\x1a\n rest",
    "a.jpg": b"\xff\xd8\xff\xe0 rest",
    "a.jpeg": b"\xff\xd8\xff\xdb rest",
    "a.GIF": b"GIF89a rest",
    "a.webp": b"RIFF\x0a\x00\x00\x00WEBPVP8 rest",
}


@pytest.fixture(autouse=True)
def _disable_plugins(tmp_path):
    """
    Only the handlers of the core are tested here: plugins decode what these pass on.
    """
    names = ["budwood-media", "budwood-media-pillow", "budwood-media-office"]
    (tmp_path / "budwood.toml").write_text(f"[plugins]\ndisabled = {names}\n")


@pytest.fixture
def write(tmp_path):
    """
    Write a file and return its path.
    """

    def write(name: str, data: bytes | str) -> Path:
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return write


def make_file(name: str, data: bytes, media_type: str) -> MediaFile:
    """
    Return a file in memory, as the engine passes it to a handler.
    """
    return MediaFile(name=name, media_type=media_type, size=len(data), data=data)


def get_content(scripted) -> list[dict] | str:
    """Return the content of the last message of the last request."""
    return scripted.sent()["messages"][-1]["content"]


def test_files_precede_the_text_in_order(client, scripted, write):
    """
    Text files have their name, images are unchanged, and the prompt is last.
    """
    scripted.reply(body=chat_reply("A cat."))
    files = [write("notes.md", "# Cats\n"), str(write("a.png", IMAGES["a.png"]))]

    client.ask("What is this?", files=files, system="Be brief.")

    text, image, question = get_content(scripted)
    assert text == {"type": "text", "text": '<document name="notes.md">\n# Cats\n\n</document>\n'}
    assert image["image_url"]["url"] == "data:image/png;base64," + base64.b64encode(IMAGES["a.png"]).decode()
    assert question == {"type": "text", "text": "What is this?"}


@pytest.mark.parametrize("name", IMAGES)
def test_supported_images_are_sent(client, scripted, write, name):
    """
    PNG, JPEG, GIF and WebP are sent unchanged with their media type.
    """
    scripted.reply(body=chat_reply("A cat."))

    client.ask("?", files=[write(name, IMAGES[name])])

    kind = {"jpg": "jpeg"}.get(name[2:], name[2:].lower())
    encoded = base64.b64encode(IMAGES[name]).decode()
    assert get_content(scripted)[0]["image_url"]["url"] == f"data:image/{kind};base64,{encoded}"


@pytest.mark.parametrize(
    "name", ["a.txt", "a.md", "a.csv", "a.html", "a.py", "a.ts", "a.json", "a.toml", "Makefile", "a.unknown", ".env"]
)
def test_any_text_file_is_sent(client, scripted, write, name):
    """
    UTF-8 content is text, whatever the file extension is.
    """
    scripted.reply(body=chat_reply("Ok."))

    client.ask("?", files=[write(name, "Grüße, 🌱")])

    assert "Grüße, 🌱" in json.dumps(get_content(scripted), ensure_ascii=False)
    assert name in json.dumps(get_content(scripted))


def test_typescript_is_not_a_video(monkeypatch):
    """
    Text with the extension .ts is text, even if the system maps it to a video type; a transport stream is a video.
    """
    monkeypatch.setattr(mimetypes, "guess_type", lambda _: ("video/mp2t", None))

    assert detect_media_type("a.ts", b"const x = 1;") == "text/plain"
    assert detect_media_type("a.ts", (b"\x47\x40\x00\xff" + bytes(184)) * 2) == "video/mp2t"


def test_byte_order_marks_are_removed(client, scripted, write):
    """
    The byte order mark is not part of the text.
    """
    scripted.reply(body=chat_reply("Ok."))

    client.ask("?", files=[write("a.txt", b"\xef\xbb\xbfHi")])

    assert '<document name="a.txt">\nHi\n' in get_content(scripted)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.txt", b"\xff\xfeH\x00i\x00", "a.txt is not valid UTF-8 at byte 0"),
        ("a.png", b"\x00\xff", "a.png is not a valid image/png"),
        ("a.png", b"", "a.png is empty"),
        ("a.webp", b"RIFF\x0a\x00\x00\x00ABCDfmt ", "a.webp is not a valid image/webp"),
        (
            "a.bin",
            b"\x00\x01\x02",
            "Cannot read a.bin: no installed media handler supports application/octet-stream.*image/png",
        ),
        ("a.zip", b"PK\x03\x04", "Cannot read a.zip: no installed media handler supports application/zip"),
        ("a.bmp", b"BM\x00\x00", "no media handler for image/bmp can be used.*budwood-media-pillow"),
    ],
)
def test_unsupported_files_are_prompt_errors(client, write, name, data, message):
    """
    A file of an unsupported type, or with other content than its type, is a `PromptError` with its name.
    """
    with pytest.raises(PromptError, match=message):
        client.ask("?", files=[write(name, data)])


def test_missing_files_are_prompt_errors(client, scripted, tmp_path):
    """
    Missing files, folders and invalid paths are prompt errors with the path.
    """
    with pytest.raises(PromptError, match=r"Cannot read .*none\.txt: No such file"):
        client.ask("?", files=[tmp_path / "none.txt"])
    with pytest.raises(PromptError, match="is a folder"):
        client.ask("?", files=[tmp_path])
    with pytest.raises(PromptError, match=r"Cannot read .*null"):
        client.ask("?", files=["a\0b"])
    assert scripted.calls == []


@pytest.mark.parametrize(
    "prompt",
    [[], [Message.system("Hi")], [Message.user("Hi"), Message.assistant("Hello")]],
)
def test_files_need_a_user_message(client, scripted, write, prompt):
    """
    Files without a user message are rejected.
    """
    with pytest.raises(PromptError, match="No user message for the files"):
        client.ask(prompt, files=[write("a.txt", "x")])

    assert scripted.calls == []


@pytest.mark.parametrize("files", ["a.txt", b"a.txt", Path("a.txt")])
def test_files_are_a_list(client, files):
    """
    A single path is not treated as a list of characters.
    """
    with pytest.raises(ConfigurationError, match="files= must be a list of files"):
        client.ask("?", files=files)


def test_an_empty_list_of_files_changes_nothing(client, scripted):
    """
    The request is the same as without files.
    """
    scripted.reply(body=chat_reply("Ok."))

    client.ask("Hi", files=[])

    assert get_content(scripted) == "Hi"


def test_a_prompt_may_consist_of_files(client, scripted, write):
    """
    With a file, the text may be empty.
    """
    scripted.reply(body=chat_reply("Ok."))

    client.ask("", files=[write("a.txt", "Translate this.")])

    assert "Translate this." in get_content(scripted)


def test_images_are_refused_for_models_without_image_input(make_client, scripted, write):
    """
    The image is refused before anything is sent; text is accepted.
    """
    client = make_client(settings={"models": {"openai/*": {"lacks": ["image_input"]}}})
    scripted.reply(body=chat_reply("Ok."))

    with pytest.raises(UnsupportedError, match="does not take images"):
        client.ask("?", files=[write("a.png", IMAGES["a.png"])])
    assert client.ask("?", files=[write("a.txt", "x")]).text == "Ok."


def test_files_are_in_the_history(client, scripted, write, tmp_path):
    """
    The content is stored in the history and saved: the file is read once.
    """
    scripted.reply(body=chat_reply("A cat.")).reply(body=chat_reply("Grey."))
    chat = client.chat()
    path = write("a.png", IMAGES["a.png"])
    chat.ask("What is this?", files=[path])
    path.unlink()
    chat.save(tmp_path / "talk.json")

    client.load_chat(tmp_path / "talk.json").ask("Of what colour?")

    assert base64.b64encode(IMAGES["a.png"]).decode() in json.dumps(scripted.sent()["messages"][0])


def test_a_disabled_handler_affects_only_its_types(make_client, scripted, write):
    """
    If a built-in handler is disabled, the others work, and the error gives the reason.
    """
    client = make_client(settings={"plugins": {"disabled": ["image"]}})
    scripted.reply(body=chat_reply("Ok."))

    assert client.ask("?", files=[write("a.txt", "x")]).text == "Ok."
    with pytest.raises(PromptError, match=r"handler for image/png can be used.*'image'.*disabled"):
        client.ask("?", files=[write("a.png", IMAGES["a.png"])])


TABLES = """
from pydantic import BaseModel

from budwood.hooks import MediaHandlerSpec, hookimpl
from budwood.types import TextPart


class Settings(BaseModel):
    pass


class Tables:
    def parts(self, file):
        return (TextPart(text=f"a table of {len(file.read())} bytes"),)


@hookimpl
def budwood_media_handlers():
    build = lambda settings, context: Tables()
    return [
        MediaHandlerSpec(
            name="zz-tables", settings=lambda: Settings, build=build, requires_api=(2, 0), media_types=("text/csv",)
        )
    ]
"""


def test_an_exact_media_type_takes_precedence(make_client, scripted, write, tmp_path, monkeypatch):
    """
    A plugin for CSV handles CSV files instead of the built-in handler of text.
    """
    information = tmp_path / "site" / "zz_tables-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: zz-tables\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[budwood.media_handlers]\nzz-tables text/csv = zz_tables_of_a_test\n"
    )
    (information.parent / "zz_tables_of_a_test.py").write_text(TABLES)
    monkeypatch.syspath_prepend(information.parent)
    scripted.reply(body=chat_reply("Ok."))

    make_client().ask("?", files=[write("a.csv", "x,y\n"), write("a.txt", "x")])

    blocks = get_content(scripted)
    assert "a table of 4 bytes" in str(blocks)
    assert '<document name="a.txt">' in str(blocks)


@given(st.text(max_size=30), st.text(max_size=200))
def test_text_is_unchanged(name, text):
    """
    The handler returns the text unchanged between the document tags.
    """
    (part,) = TextHandler().parts(make_file(name, text.encode(), "text/plain"))

    assert isinstance(part, TextPart)
    assert part.text == f'<document name="{name}">\n{text.removeprefix(chr(0xFEFF))}\n</document>\n'


@given(st.binary(max_size=40), st.sampled_from(["image/png", "image/jpeg", "image/gif", "image/webp"]))
def test_no_bytes_crash_the_handlers(data, media_type):
    """
    Any bytes are parts or a prompt error.
    """
    for handler, kind in ((ContentHandler(), media_type), (TextHandler(), "text/plain")):
        with contextlib.suppress(PromptError):
            assert handler.parts(make_file("a.x", data, kind))


@given(st.text(max_size=20), st.binary(max_size=40))
def test_every_file_has_a_media_type(name, data):
    """
    Any name and content have a media type; text without a known extension is text.
    """
    assert "/" in detect_media_type(name, data)
    assert detect_media_type("noname", "Grüße".encode()) == "text/plain"
