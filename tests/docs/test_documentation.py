"""README.md and docs/: their code runs as printed, and their links and paths are valid."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.vendor_server import VendorServer
from tests.media_server import MediaServer

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("*/*/README.md")]
)
BLOCK = re.compile(
    r"(?:^<!-- (?P<note>[^>]*) -->\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE
)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FILES = ("csv", "json", "markdown", "text", "toml")
OWN_SESSION = re.compile(r"^<!-- tested by nox -s (\w+) -->$", re.MULTILINE)
SESSION = os.environ.get("BUDWOOD_TEST_SESSION", "docs")
SOURCE = re.compile(r"`([\w/]+\.py)`")
PATH = re.compile(r"\b(?:core|plugins|tests)/[\w./-]*\w")


@dataclass(frozen=True)
class Block:
    """
    A block of code. A note ``not run: …`` before it gives the reason why the tests do not run it.

    With a note ``file: NAME``, it is the content of a file that the commands after it need. With the note ``output is
    compared``, the lines after a command are what it prints.
    """

    language: str
    code: str
    line: int
    note: str

    @property
    def runs(self) -> bool:
        """
        Whether the tests run the block.
        """
        return not self.note.startswith("not run:")

    def output_of(self, command: str) -> str:
        """
        Return the lines after a command if they are compared, or none.
        """
        text = self.code.partition(f"{command}\n")[2].partition("$ ")[0]
        return text if self.note == "output is compared" else ""


def blocks(page: Path, *languages: str) -> list[Block]:
    """
    Return the code blocks of a page in these languages.
    """
    text = page.read_text("utf-8")
    found = [
        Block(match["language"], match["code"], text[: match.start("code")].count("\n") + 1, match["note"] or "")
        for match in BLOCK.finditer(text)
    ]
    return [block for block in found if block.language in languages]


def with_blocks(*languages: str, pages: list[Path] = PAGES) -> list[object]:
    """
    List the pages with code blocks in these languages.
    """
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages if blocks(page, *languages)]


def session_of(page: Path) -> str:
    """
    Return the session of nox that installs what the code of a page imports.
    """
    named = OWN_SESSION.search(page.read_text("utf-8"))
    return named[1] if named else "docs"


INSTALLED = [page for page in PAGES if session_of(page) == SESSION]
"""The pages whose code runs in this session."""


@pytest.fixture
def studio(page, monkeypatch):
    """
    The server of the instance ``studio``, for the pages whose examples use it.
    """
    if "studio/" not in page.read_text("utf-8"):
        yield
        return
    with MediaServer(poll_headers={"openai-poll-after-ms": "100"}) as server:
        settings = {"PLUGIN": "openai-compatible", "BASE_URL": server.url, "API": "responses"}
        for name, value in (settings | {"OFFERS": '["videos", "files", "background"]'}).items():
            monkeypatch.setenv(f"BUDWOOD_PROVIDERS__STUDIO__{name}", value)
        yield


@pytest.fixture
def vendor(page, monkeypatch):
    """
    A server in place of OpenAI, for the pages that say so in a comment.
    """
    if "<!-- tested with a server in place of OpenAI -->" not in page.read_text("utf-8"):
        yield
        return
    with VendorServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.origin}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "no-key")
        yield


@pytest.mark.usefixtures("studio", "vendor")
@pytest.mark.parametrize("page", with_blocks("python", pages=INSTALLED))
def test_python_runs_as_printed(page, tmp_path, monkeypatch):
    """
    The Python blocks of a page, run as one program, raise no error and no warning.
    """
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)  # LlamaIndex reads the vocabulary in its package
    program = "".join(
        "\n" * (block.line - 1) + block.code if not place else f"\n# line {block.line}\n{block.code}"
        for place, block in enumerate(block for block in blocks(page, "python") if block.runs)
    )
    (tmp_path / "program.py").write_text(program, "utf-8")

    run = subprocess.run(
        [sys.executable, "-W", "error", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )

    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("page", with_blocks("python"))
def test_all_python_compiles(page):
    """
    Examples that need a key or a server are valid Python, too.
    """
    for block in blocks(page, "python"):
        compile(block.code, f"{page.name}:{block.line}", "exec")


@pytest.mark.parametrize("page", with_blocks("console"))
def test_commands_succeed(page, tmp_path):
    """
    Every `budwood` command on the page exits with status 0, and prints what a block says whose output is compared.
    """
    for block in blocks(page, *FILES, "console"):
        if block.note.startswith("file: "):
            file = tmp_path / block.note.removeprefix("file: ")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.code, "utf-8")
        for line in block.code.splitlines() if block.runs and block.language == "console" else ():
            if line.startswith("$ budwood "):
                command = shlex.join([sys.executable, "-m", "budwood_cli"]) + line.removeprefix("$ budwood")
                run = subprocess.run(
                    command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False, input=""
                )
                assert run.returncode == 0, f"{line}\n{run.stderr}"
                assert run.stdout == (block.output_of(line) or run.stdout)


@pytest.mark.parametrize("page", with_blocks("toml"))
def test_toml_is_valid(page):
    """
    Specifications, prompts and settings on the page are valid. Documents are files and patterns: a folder is an error.
    """
    from budwood import Settings
    from budwood_generation.spec_sources import make_spec
    from budwood_prompts import parse_prompt
    from budwood_server.settings import load_server_settings

    for block in blocks(page, "toml"):
        table = tomllib.loads(block.code)
        if "rows" in table:
            spec = make_spec(table, page.parent)
            assert all(Path(path).suffix for path in (spec.documents.paths if spec.documents else ()))
        elif "messages" in table:
            parse_prompt(block.code, "example", where=page.name)
        elif "project" not in table and block.runs:
            load_server_settings(Settings.load(table, environment={}))


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES])
def test_links_are_valid(page):
    """
    A link to a file of the repository, or to a heading of a page, has its target.
    """
    for target, heading in LINK.findall(page.read_text("utf-8")):
        path = page.parent / target if target else page
        assert path.exists(), target
        assert not heading or heading in anchors(path), f"{target}#{heading}"


def anchors(page: Path) -> set[str]:
    """
    Return the anchors of a page's headings, as GitHub forms them.
    """
    headings = HEADING.findall(page.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_files_of_the_architecture_exist():
    """
    Every source file that docs/architecture.md names exists.
    """
    folders = ("core", "docs", "plugins", "tests")
    files = [path.as_posix() for folder in folders for path in (ROOT / folder).rglob("*.py")]
    named = SOURCE.findall((ROOT / "docs" / "architecture.md").read_text("utf-8"))

    assert [name for name in named if not any(file.endswith(f"/{name}") for file in files)] == []


def test_paths_of_the_contributing_page_exist():
    """
    Every path of sources or tests that docs/CONTRIBUTING.md names exists, also in its commands.
    """
    named = PATH.findall((ROOT / "docs" / "CONTRIBUTING.md").read_text("utf-8"))

    assert len(named) >= 4
    assert [path for path in named if not (ROOT / path).exists()] == []
