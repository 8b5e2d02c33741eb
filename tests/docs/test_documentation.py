"""README.md and docs/: the code in them runs as printed, and links lead somewhere."""

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

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("*/*/README.md")]
)
BLOCK = re.compile(
    r"(?:^<!-- (?P<note>[^>]*) -->\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE
)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?!https?:|#)([^)#\s]+)")


@dataclass(frozen=True)
class Block:
    """
    A block of code; a note ``not run: …`` before it says why it does not run here.
    """

    language: str
    code: str
    line: int
    note: str

    @property
    def runs(self) -> bool:
        """
        Whether the block can run on any machine.
        """
        return not self.note.startswith("not run:")


def blocks(page: Path, *languages: str) -> list[Block]:
    """
    Find the blocks of code in a page that are in one of these languages.
    """
    text = page.read_text("utf-8")
    found = [
        Block(match["language"], match["code"], text[: match.start("code")].count("\n") + 1, match["note"] or "")
        for match in BLOCK.finditer(text)
    ]
    return [block for block in found if block.language in languages]


def with_blocks(*languages: str) -> list[object]:
    """
    List the pages that have such blocks.
    """
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES if blocks(page, *languages)]


@pytest.mark.parametrize("page", with_blocks("python"))
def test_python_runs_as_printed(page, tmp_path):
    """
    All Python of a page, one block after the other in one program, ends without an error or a warning.
    """
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
def test_python_that_does_not_run_here_compiles(page):
    """
    Examples that need a key or a server are Python all the same.
    """
    for block in blocks(page, "python"):
        compile(block.code, f"{page.name}:{block.line}", "exec")


@pytest.mark.parametrize("page", with_blocks("console"))
def test_commands_succeed(page, tmp_path):
    """
    Every `budwood` command that is printed ends with status 0.
    """
    for block in blocks(page, "console"):
        for line in block.code.splitlines() if block.runs else ():
            if line.startswith("$ budwood "):
                command = shlex.join([sys.executable, "-m", "budwood_cli"]) + line.removeprefix("$ budwood")
                run = subprocess.run(
                    command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False, input=""
                )
                assert run.returncode == 0, f"{line}\n{run.stderr}"


@pytest.mark.parametrize("page", with_blocks("toml"))
def test_toml_is_understood(page):
    """
    Specifications and settings that are printed are valid ones.
    """
    from budwood import Settings
    from budwood_generation.spec import make_spec

    for block in blocks(page, "toml"):
        table = tomllib.loads(block.code)
        if "rows" in table:
            make_spec(table, page.parent)
        elif "project" not in table and block.runs:
            Settings.load(table, environment={})


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES])
def test_links_lead_somewhere(page):
    """
    A link to a file of the repository has its file.
    """
    for target in LINK.findall(page.read_text("utf-8")):
        assert (page.parent / target).exists(), target
