"""docs/guides/frameworks.md: each section runs as printed, with the pinned version, and reaches no other machine."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.test_documentation import BLOCK, ROOT
from tests.frameworks.framework_server import FrameworkServer

PAGE = ROOT / "docs" / "guides" / "frameworks.md"
HEADING = re.compile(r"^## (\S+)\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
SECTIONS = dict(HEADING.findall(PAGE.read_text("utf-8")))
VERSION = re.compile(r"^\| \[[^|]*\| (\S+) (\S+) \|", re.MULTILINE)
PIN = re.compile(r'"([\w-]+)==([\d.]+)"')
OFFLINE = Path(__file__).with_name("offline")
NO_SERVER = "http://127.0.0.1:9/v1"
"""An address at which nothing listens."""


def list_blocks(section, language, note=""):
    """
    Return the contents of a section's blocks in a language whose note begins so, by the rest of the note.
    """
    found = [
        (match["note"] or "", match["code"])
        for match in BLOCK.finditer(SECTIONS[section])
        if match["language"] == language
    ]
    if note:
        return {name.removeprefix(note): code for name, code in found if name.startswith(note)}
    return [code for name, code in found if not name]


def run(arguments, folder, origin):
    """
    Run Python in a folder, with the server as OpenAI and without the rest of the network.
    """
    environment = os.environ | {
        "HOME": str(folder),
        "LLM_USER_PATH": str(folder / "llm"),
        "OPENAI_API_KEY": "no-key",
        "OPENAI_BASE_URL": origin,
        "PYTHONPATH": os.pathsep.join([str(OFFLINE), str(folder / "installed")]),
        "BUDWOOD_OPTIONS__RETRIES": "0",
    }
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False, env=environment
    )


def write_files(section, folder):
    """
    Write the files of a section, and its other Python blocks as one program.
    """
    for language in ("python", "toml"):
        for name, code in list_blocks(section, language, "file: ").items():
            (folder / name).write_text(code, "utf-8")
    (folder / "program.py").write_text("\n".join(list_blocks(section, "python")), "utf-8")


@pytest.mark.parametrize("section", SECTIONS)
def test_snippet_prints_what_the_page_says(section, tmp_path):
    """
    The Python of a section, run as one program, prints the text on the page.
    """
    write_files(section, tmp_path)

    with FrameworkServer() as server:
        done = run(["program.py"], tmp_path, f"{server.origin}/v1")

    assert done.returncode == 0, done.stderr
    assert done.stdout == "".join(list_blocks(section, "text"))
    assert "network:" not in done.stderr


@pytest.mark.parametrize("section", SECTIONS)
def test_error_is_that_of_budwood(section, tmp_path):
    """
    Without a server, the program ends with Budwood's error, or with one that it caused.
    """
    write_files(section, tmp_path)

    done = run(["program.py"], tmp_path, NO_SERVER)

    assert done.returncode == 1
    assert "\nbudwood.errors.providers.ConnectionFailedError: openai: No connection to" in done.stderr


@pytest.mark.parametrize("section", [name for name in SECTIONS if list_blocks(name, "console")])
def test_commands_print_what_the_page_says(section, tmp_path):
    """
    Once the package of a section is installed, its command finds it and prints the text on the page.
    """
    write_files(section, tmp_path)
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    installed = run([*install, "--target", str(tmp_path / "installed"), "."], tmp_path, NO_SERVER)
    assert installed.returncode == 0, installed.stderr
    (console,) = list_blocks(section, "console")
    _, command, output = re.split(r"^\$ (.*)\n", console.partition("$ pip install .\n")[2], flags=re.MULTILINE)
    (tmp_path / "llm_budwood.py").unlink()  # only the installed one is left

    with FrameworkServer() as server:
        done = run(["-m", *shlex.split(command)], tmp_path, f"{server.origin}/v1")

    assert (done.stdout, done.returncode) == (output, 0), done.stderr


def test_versions_are_those_of_the_session():
    """
    The page names the versions that noxfile.py installs.
    """
    pins = re.search(r"^FRAMEWORKS: .*?^}", (ROOT / "noxfile.py").read_text("utf-8"), re.DOTALL | re.MULTILINE)

    assert sorted(VERSION.findall(PAGE.read_text("utf-8"))) == sorted(PIN.findall(pins[0]))
