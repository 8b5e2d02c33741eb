from __future__ import annotations

import base64
import contextlib
import json
import mimetypes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.engine.chat.prompts import guess_media_type
from budwood.errors import ConfigurationError, PromptError, UnsupportedError
from budwood.media import ImageHandler, TextHandler
from budwood.types import Message, TextPart
from budwood_testing import chat_reply

IMAGES = {
    "a.png": b"\x89PNG\r\n\x1a\n rest",
    "a.jpg": b"\xff\xd8\xff\xe0 rest",
    "a.jpeg": b"\xff\xd8\xff\xdb rest",
    "a.GIF": b"GIF89a rest",
    "a.webp": b"RIFF\x0a\x00\x00\x00WEBPVP8 rest",
}


@pytest.fixture
def write(tmp_path):
    """
    Write a file, and return its path.
    """

    def write(name: str, data: bytes | str) -> Path:
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return write


def content(scripted) -> list[dict] | str:
    """Return what the last message of the last request held."""
    return scripted.sent()["messages"][-1]["content"]


def test_files_stand_before_the_text_in_their_order(client, scripted, write):
    """
    Text comes with its name, an image as it is; the question is last.
    """
    scripted.reply(body=chat_reply("A cat."))
    files = [write("notes.md", "# Cats\n"), str(write("a.png", IMAGES["a.png"]))]

    client.ask("What is this?", files=files, system="Be brief.")

    text, image, question = content(scripted)
    assert text == {"type": "text", "text": '<document name="notes.md">\n# Cats\n\n</document>\n'}
    assert image["image_url"]["url"] == "data:image/png;base64," + base64.b64encode(IMAGES["a.png"]).decode()
    assert question == {"type": "text", "text": "What is this?"}


@pytest.mark.parametrize("name", IMAGES)
def test_images_of_the_known_kinds_are_taken(client, scripted, write, name):
    """
    PNG, JPEG, GIF and WebP go out as they are, under their media type.
    """
    scripted.reply(body=chat_reply("A cat."))

    client.ask("?", files=[write(name, IMAGES[name])])

    kind = {"jpg": "jpeg"}.get(name[2:], name[2:].lower())
    encoded = base64.b64encode(IMAGES[name]).decode()
    assert content(scripted)[0]["image_url"]["url"] == f"data:image/{kind};base64,{encoded}"


@pytest.mark.parametrize(
    "name", ["a.txt", "a.md", "a.csv", "a.html", "a.py", "a.ts", "a.json", "a.toml", "Makefile", "a.unknown", ".env"]
)
def test_text_of_any_kind_is_read(client, scripted, write, name):
    """
    Whatever is UTF-8 is text, whether or not its name says so.
    """
    scripted.reply(body=chat_reply("Ok."))

    client.ask("?", files=[write(name, "Grüße, 🌱")])

    assert "Grüße, 🌱" in json.dumps(content(scripted), ensure_ascii=False)
    assert name in json.dumps(content(scripted))


def test_typescript_is_no_video(monkeypatch):
    """
    Where the machine takes .ts for a video, text is text all the same, and a video is still one.
    """
    monkeypatch.setattr(mimetypes, "guess_type", lambda _: ("video/mp2t", None))

    assert guess_media_type("a.ts", b"const x = 1;") == "text/plain"
    assert guess_media_type("a.ts", b"\x47\x40\x00\xff") == "video/mp2t"


def test_a_byte_order_mark_is_no_text(client, scripted, write):
    """
    The mark that some editors write is left out.
    """
    scripted.reply(body=chat_reply("Ok."))

    client.ask("?", files=[write("a.txt", b"\xef\xbb\xbfHi")])

    assert '<document name="a.txt">\nHi\n' in content(scripted)


@pytest.mark.parametrize(
    ("name", "data", "complaint"),
    [
        ("a.txt", b"\xff\xfeH\x00i\x00", "a.txt is not valid UTF-8 at byte 0"),
        ("a.png", b"", "a.png is not a valid image/png"),
        ("a.webp", b"RIFF\x0a\x00\x00\x00WAVEfmt ", "a.webp is not a valid image/webp"),
        (
            "a.bin",
            b"\x00\x01\x02",
            "Cannot read a.bin: no installed media handler supports application/octet-stream.*image/png",
        ),
        ("a.pdf", b"%PDF-1.7\x00\xff", "Cannot read a.pdf: no installed media handler supports application/pdf.*text/"),
        ("a.mp3", b"ID3\xff\x00", "Cannot read a.mp3: no installed media handler supports audio/mpeg"),
        ("a.bmp", b"BM\x00\x00", "no installed media handler supports"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(client, write, name, data, complaint):
    """
    A file of an unknown kind, or one that is not what its name promises, is a `PromptError`; nothing is sent.
    """
    with pytest.raises(PromptError, match=complaint):
        client.ask("?", files=[write(name, data)])


def test_a_file_that_is_not_there_is_refused_by_name(client, scripted, tmp_path):
    """
    Missing files, folders and impossible names are prompt errors with the path in them.
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
def test_files_belong_to_a_message_of_the_user(client, scripted, write, prompt):
    """
    Files for a message that is not there, or not the user's, are refused and not lost.
    """
    with pytest.raises(PromptError, match="No user message for the files"):
        client.ask(prompt, files=[write("a.txt", "x")])

    assert scripted.calls == []


@pytest.mark.parametrize("files", ["a.txt", b"a.txt", Path("a.txt")])
def test_files_are_a_list(client, files):
    """
    A single name is not taken for a list of its letters.
    """
    with pytest.raises(ConfigurationError, match="files= must be a list of paths"):
        client.ask("?", files=files)


def test_no_files_are_no_matter(client, scripted):
    """
    An empty list changes nothing.
    """
    scripted.reply(body=chat_reply("Ok."))

    client.ask("Hi", files=[])

    assert content(scripted) == "Hi"


def test_a_prompt_may_be_its_files_alone(client, scripted, write):
    """
    With a file there is something to answer, though the text is empty.
    """
    scripted.reply(body=chat_reply("Ok."))

    client.ask("", files=[write("a.txt", "Translate this.")])

    assert "Translate this." in content(scripted)


def test_a_model_that_reads_no_images_is_sent_none(make_client, scripted, write):
    """
    The image is refused before sending; text goes through.
    """
    client = make_client(settings={"models": {"openai/*": {"lacks": ["image_input"]}}})
    scripted.reply(body=chat_reply("Ok."))

    with pytest.raises(UnsupportedError, match="does not take images"):
        client.ask("?", files=[write("a.png", IMAGES["a.png"])])
    assert client.ask("?", files=[write("a.txt", "x")]).text == "Ok."


def test_files_in_a_conversation_are_remembered(client, scripted, write, tmp_path):
    """
    The content stays in the history, saved too: the file is read once.
    """
    scripted.reply(body=chat_reply("A cat.")).reply(body=chat_reply("Grey."))
    chat = client.chat()
    path = write("a.png", IMAGES["a.png"])
    chat.ask("What is this?", files=[path])
    path.unlink()
    chat.save(tmp_path / "talk.json")

    client.load_chat(tmp_path / "talk.json").ask("Of what colour?")

    assert base64.b64encode(IMAGES["a.png"]).decode() in json.dumps(scripted.sent()["messages"][0])


def test_a_handler_that_cannot_be_used_harms_its_own_kinds_alone(make_client, scripted, write):
    """
    The built-in handlers are plugins like anyone's: with one of them disabled the others go on, and the error says why.
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
    def parts(self, name, data, media_type):
        return (TextPart(text=f"a table of {len(data)} bytes"),)


@hookimpl
def budwood_media_handlers():
    build = lambda settings, context: Tables()
    return [
        MediaHandlerSpec(
            name="zz-tables", settings=lambda: Settings, build=build, requires_api=(2, 0), media_types=("text/csv",)
        )
    ]
"""


def test_handler_of_exactly_this_kind_comes_before_one_of_many(make_client, scripted, write, tmp_path, monkeypatch):
    """
    A plugin for CSV reads CSV, although the built-in handler of all text comes before it by name.
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

    said = content(scripted)
    assert "a table of 4 bytes" in str(said)
    assert '<document name="a.txt">' in str(said)


@given(st.text(max_size=30), st.text(max_size=200))
def test_any_text_is_kept_as_it_is(name, text):
    """
    Text comes out of the handler unchanged, between the marks.
    """
    (part,) = TextHandler().parts(name, text.encode(), "text/plain")

    assert isinstance(part, TextPart)
    assert part.text == f'<document name="{name}">\n{text.removeprefix(chr(0xFEFF))}\n</document>\n'


@given(st.binary(max_size=40), st.sampled_from(["image/png", "image/jpeg", "image/gif", "image/webp"]))
def test_no_bytes_crash_the_handlers(data, media_type):
    """
    Any bytes are parts or a prompt error.
    """
    for handler, kind in ((ImageHandler(), media_type), (TextHandler(), "text/plain")):
        with contextlib.suppress(PromptError):
            assert handler.parts("a.x", data, kind)


@given(st.text(max_size=20), st.binary(max_size=40))
def test_every_file_has_a_media_type(name, data):
    """
    Whatever its name and content, a type is found; what is text without a telling name is text.
    """
    assert "/" in guess_media_type(name, data)
    assert guess_media_type("noname", "Grüße".encode()) == "text/plain"
