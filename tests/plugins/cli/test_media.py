"""Commands that generate images and speech, and files on standard input."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import wave
from pathlib import Path

import pytest

from tests.media import make_png
from tests.plugins.cli.conftest import COMMAND

PNG = b"\x89PNG\r\n\x1a\n"
IMAGE = ("image", "-m", "offline/image")
SPEAK = ("speak", "-m", "offline/speech")

pytestmark = pytest.mark.one_python


def test_an_image_is_written_and_named(budwood, tmp_path):
    """
    Standard output is the name of the file, which contains the image.
    """
    run = budwood(*IMAGE, "A red boat", "--size", "64x32", "-o", "boat.png")

    assert (run.returncode, run.stdout, run.stderr) == (0, "boat.png\n", "")
    content = (tmp_path / "boat.png").read_bytes()
    assert content.startswith(PNG)
    assert int.from_bytes(content[16:20], "big") == 64


def test_several_images_are_numbered(budwood, tmp_path):
    """
    Several images have numbers before the extension.
    """
    run = budwood(*IMAGE, "A red boat", "-n", "3", "-o", tmp_path / "boat.png", "--json")

    names = [f"boat-{number}.png" for number in (1, 2, 3)]
    assert sorted(file.name for file in tmp_path.glob("boat*")) == names
    reply = json.loads(run.stdout)
    assert [Path(result["file"]).name for result in reply["results"]] == names
    assert [result["bytes"] for result in reply["results"]] == [(tmp_path / name).stat().st_size for name in names]
    assert reply["model"] == "image"
    assert "data" not in reply["results"][0]


def test_the_prompt_may_come_from_standard_input(budwood, tmp_path):
    """
    The prompt is read from the pipe, as by `budwood ask`.
    """
    run = budwood(*IMAGE, "-o", "boat.png", stdin="A red boat\n")

    assert run.returncode == 0
    assert b"A red boat" in (tmp_path / "boat.png").read_bytes()


def test_images_are_changed(budwood, tmp_path):
    """
    --edit passes images to change, also from standard input, and --mask the area that may change.
    """
    budwood(*IMAGE, "A red boat", "-o", "boat.png")
    content = (tmp_path / "boat.png").read_bytes()

    command = [*COMMAND, *IMAGE, "Make it blue", "--edit", "-", "--mask", "boat.png", "-o", "blue.png"]
    run = subprocess.run(command, input=content, capture_output=True, check=False)

    assert run.returncode == 0, run.stderr
    assert f"{len(content):,} bytes)".encode() in (tmp_path / "blue.png").read_bytes()
    assert b"(within boat.png" in (tmp_path / "blue.png").read_bytes()


def test_standard_output_receives_the_content(budwood, tmp_path):
    """
    With -o -, the image goes to standard output, and nothing else does.
    """
    run = subprocess.run([*COMMAND, *IMAGE, "A boat", "-o", "-"], capture_output=True, input=b"", check=False)
    budwood(*IMAGE, "A boat", "-o", "boat.png")

    assert run.returncode == 0
    assert run.stdout == (tmp_path / "boat.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "."), "is a folder"),
        (("-o", os.devnull), "not a regular file"),
        (("-o", "none/boat.png"), "does not exist"),
        (("-o", "-", "--json"), "Use one of them"),
        (("-o", "-", "-n", "2"), "Pass -o FILE"),
        (("-o", "boat.png", "--mask", "mask.png"), "Pass --edit FILE"),
    ],
)
def test_unsuitable_outputs_are_usage_errors(budwood, arguments, message):
    """
    What cannot be written is an error before anything is sent. Devices and folders are not overwritten.
    """
    run = budwood(*IMAGE, "A boat", *arguments)

    assert run.returncode == 2
    assert message in run.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other names of devices")
def test_a_numbered_file_that_is_no_file_is_an_error(budwood, tmp_path):
    """
    A folder with the name of a numbered image is found before the images are generated.
    """
    (tmp_path / "boat-2.png").mkdir()

    run = budwood(*IMAGE, "A boat", "-n", "2", "-o", "boat.png")

    assert run.returncode == 2
    assert "boat-2.png is a folder" in run.stderr
    assert not (tmp_path / "boat-1.png").exists()


def test_unfinished_images_are_written_as_they_arrive(budwood, tmp_path):
    """
    With --stream, the file has the last state at the end; a model without streams has only that.
    """
    run = budwood(*IMAGE, "A boat", "--stream", "-o", "boat.png")

    assert (run.returncode, run.stdout) == (0, "boat.png\n")
    assert (tmp_path / "boat.png").read_bytes().startswith(PNG)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_an_interrupt_leaves_only_the_unfinished_image(started, interrupt, server, tmp_path):
    """
    Its name says that it is unfinished, and the old image is unchanged.
    """
    (tmp_path / "boat.png").write_bytes(b"old")
    gate = threading.Event()

    def send_half(handler):
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("connection", "close")
        handler.end_headers()
        image = base64.b64encode(make_png()).decode()
        event = {"type": "image_generation.partial_image", "partial_image_index": 0, "b64_json": image}
        handler.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        handler.wfile.flush()
        gate.wait()

    server.fault = lambda _number, _request: send_half
    process = started("image", "-m", "local/pic", "A boat", "--stream", "-o", "boat.png", "--force")
    process.stdin.close()
    try:
        note = process.stderr.readline()
        interrupt(process, process.stdout)
    finally:
        gate.set()

    assert note.decode().strip() == "unfinished image: boat.unfinished.png"
    assert process.wait() == 130
    assert (tmp_path / "boat.unfinished.png").read_bytes() == make_png()
    assert (tmp_path / "boat.png").read_bytes() == b"old"


def test_speech_is_written(budwood, tmp_path):
    """
    The text is an argument or standard input, and the file is audio.
    """
    run = budwood(*SPEAK, "-o", "hello.wav", "--voice", "low", stdin="Hello there.\n")

    assert (run.returncode, run.stdout, run.stderr) == (0, "hello.wav\n", "")
    with wave.open(str(tmp_path / "hello.wav")) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(12 * 0.06)


def test_a_pipe_receives_speech_as_it_arrives(started, server):
    """
    The first bytes are there before the vendor has sent the rest.
    """
    is_read = threading.Event()

    def send_audio(handler):
        handler.send_response(200)
        handler.send_header("content-type", "audio/mpeg")
        handler.send_header("connection", "close")
        handler.end_headers()
        handler.wfile.write(b"ID3 first ")
        handler.wfile.flush()
        is_read.wait()
        handler.wfile.write(b"second")

    server.fault = lambda _number, _request: send_audio
    process = started("speak", "-m", "local/tts", "Hello", "-o", "-")
    process.stdin.close()
    try:
        assert process.stdout.read(10) == b"ID3 first ", process.stderr.read()
    finally:
        is_read.set()

    assert process.stdout.read() == b"second"
    assert (process.wait(), process.stderr.read()) == (0, b"")


def test_text_may_come_from_a_file(budwood, tmp_path):
    """
    -f names the file, or standard input; a second text is an error.
    """
    (tmp_path / "text.txt").write_text("Hello", encoding="utf-8-sig")

    for name, arguments in {"a.wav": ("-f", "text.txt"), "b.wav": ("-f", "-")}.items():
        assert budwood(*SPEAK, *arguments, "-o", name, stdin="Hello").returncode == 0
    twice = budwood(*SPEAK, "Hello", "-f", "text.txt", "-o", "c.wav")
    empty = budwood(*SPEAK, "-f", "-", "-o", "c.wav")

    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert (twice.returncode, empty.returncode) == (2, 2)
    assert "given twice" in twice.stderr
    assert "Standard input is empty" in empty.stderr


def test_a_file_of_another_format_is_noted(budwood):
    """
    The extension asks for a format. If the model returns another one, a note says so.
    """
    run = budwood(*SPEAK, "Hello", "-o", "hello.mp3")

    assert run.returncode == 0
    assert "note: the content of hello.mp3 is audio/wav, unlike its name.\n" in run.stderr
    assert "note: format was changed" in run.stderr


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        (("ask", "-m", "offline/image", "Hi"), "`budwood image`"),
        (("ask", "-m", "offline/speech", "Hi"), "`budwood speak`"),
        (("image", "-m", "offline/extractive", "Hi", "-o", "a.png"), "offline/image"),
        (("speak", "-m", "offline/image", "Hi", "-o", "b.wav"), "offline/speech"),
        (("transcribe", "-m", "offline/speech", "a.wav"), "offline/transcription"),
    ],
)
def test_errors_name_the_command_or_the_model(budwood, tmp_path, command, hint):
    """
    A model of another kind is an error whose hint names the command for it, or a model that can.
    """
    budwood(*SPEAK, "Hi", "-o", "a.wav")

    run = budwood(*command)

    assert run.returncode == 1
    assert hint in run.stderr.split("hint: ")[1]


def test_a_file_from_standard_input_is_part_of_the_question(budwood, vendor):
    """
    `ask -f -` reads a file of any kind from standard input, which is no part of the prompt then.
    """
    command = [*COMMAND, "ask", "What is this?", "-f", "-", "--no-stream"]
    run = subprocess.run(command, input=make_png(), capture_output=True, check=False)

    assert run.returncode == 0, run.stderr
    image, text = vendor.prompts[0]
    assert image["image_url"]["url"].startswith("data:image/png;base64,iVBORw0KGgo")
    assert text == {"type": "text", "text": "What is this?"}


def test_standard_input_is_read_once(budwood):
    """
    Two arguments cannot both be standard input.
    """
    run = budwood("ask", "-", "-f", "-", stdin="Hello")

    assert run.returncode == 2
    assert "can only be read once" in run.stderr
