"""
Draw terminals that show commands: the real commands run, with servers on loopback and the offline provider.

``nox -s renderings`` runs this script, which writes an SVG beside itself for each drawing.
"""

from __future__ import annotations

import functools
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

HERE: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from terminal_svg import draw  # noqa: E402 - it is found by the path above

from tests.chat_server import ChatServer, Handler  # noqa: E402
from tests.plugins.cli.emulator import Emulator  # noqa: E402
from tests.plugins.cli.setup.file_keyring import VARIABLE  # noqa: E402
from tests.plugins.cli.setup.vendors import GOOD_KEY, Vendor  # noqa: E402
from tests.plugins.cli.usage_calls import Recorder  # noqa: E402

if TYPE_CHECKING:
    from pyte.screens import Char

COLUMNS: Final = 88
DURATION: Final = re.compile(r"\d+\.\d s$")
"""What differs from run to run, at the end of a summary."""

ANSWER: Final = """\
Three trees that suit a **small garden**:

| Tree | Height | Fruit |
| --- | --- | --- |
| Quince | 4 m | October |
| Medlar | 5 m | November |
| Plum on *St. Julien* | 4 m | August |

Plant them in autumn, and water them for two summers.
"""
ORCHARD: Final = {
    "grafting.md": "# Grafting\n\nA shoot is grafted onto a rootstock in spring. The rootstock gives the roots. "
    "The shoot gives the fruit.\n",
    "pruning.md": "# Pruning\n\nPears are pruned in winter. Plums are pruned in summer, when wounds close quickly.\n",
}


@contextmanager
def user() -> Iterator[pytest.MonkeyPatch]:
    """Enter the folder of a user without settings; colours are on."""
    with tempfile.TemporaryDirectory(prefix="renderings-") as folder, pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.endswith(("_API_KEY", "_BASE_URL", "_PROXY", "_proxy")) or name.startswith("BUDWOOD_"):
                patch.delenv(name)
        for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", folder)
        patch.setenv("PYTHONPATH", str(HERE.parents[1]))
        patch.setenv("OLLAMA_HOST", "127.0.0.1:9")  # nothing listens there
        work = Path(folder, "orchard")
        work.mkdir()
        patch.chdir(work)
        yield patch


def stream(text: str, handler: Handler) -> None:
    """Send a streamed reply."""
    words = re.findall(r"\s*\S+\s*", text)
    choices = [{"choices": [{"index": 0, "delta": {"content": word}}]} for word in words]
    choices.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    choices.append({"choices": [], "usage": {"prompt_tokens": 31, "completion_tokens": 87, "total_tokens": 118}})
    events = [f"data: {json.dumps({'id': 'c', 'model': 'gpt-4.1-mini', **each})}\n\n" for each in choices]
    data = "".join([*events, "data: [DONE]\n\n"]).encode()
    handler.send_head(200, len(data), {"content-type": "text/event-stream"})
    handler.wfile.write(data)


def draw_chat() -> str:
    """Ask a question in a chat."""
    with user() as patch, ChatServer(fault=lambda *_: functools.partial(stream, ANSWER)) as server:
        patch.setenv("OPENAI_API_KEY", GOOD_KEY)
        patch.setenv("OPENAI_BASE_URL", f"{server.origin}/v1")
        with terminal("chat", "-m", "openai/gpt-4.1-mini") as shown:
            shown.wait_for_prompt()
            shown.type("Which trees suit a small garden?\n")
            shown.wait_for("two summers.")
            shown.wait_for_prompt()
            command = "budwood chat -m openai/gpt-4.1-mini"
            return draw([(command, rows_of(shown))], COLUMNS, "A chat: a question, and a reply with a table")


def draw_generate() -> str:
    """Create a dataset from two documents."""
    with user():
        for name, text in ORCHARD.items():
            Path(name).write_text(text, encoding="utf-8")
        options = ("--documents", "*.md", "--model", "offline/extractive", "--rows", "12", "--turns", "2")
        with terminal("generate", "qa.toml", "--init", *options) as first:
            first.end()
        spec = Path("qa.toml")
        spec.write_text(f"concurrency = 2\n{spec.read_text(encoding='utf-8')}", encoding="utf-8")
        shown = []
        for command in ("generate qa.toml --dry-run", "generate qa.toml"):
            with terminal(*command.split()) as run:
                run.end()
                shown.append((f"budwood {command}", rows_of(run)))
        return draw(shown, COLUMNS, "The plan of a dataset, and its summary once it is created")


def draw_setup() -> str:
    """Choose a provider, enter its key, and choose a model."""
    with user() as patch, Vendor(models=("gpt-6.1-terra", "gpt-6.1-sol")) as vendor:
        patch.setenv("OPENAI_BASE_URL", vendor.url)
        patch.setenv("PYTHON_KEYRING_BACKEND", "tests.plugins.cli.setup.file_keyring.FileKeyring")
        patch.setenv(VARIABLE, str(Path.cwd().with_name("keyring.json")))
        with terminal("setup") as shown:
            shown.wait_for("Number or name")
            shown.type("openai\n")
            shown.wait_for("API key of openai (hidden):")
            shown.type(f"{GOOD_KEY}\n")
            shown.wait_for("Number or name", 2)
            shown.type("\n")
            shown.wait_for("Save?")
            shown.type("\n")
            shown.end()
            title = "The setup of a provider: its key is checked, and a model is chosen"
            return draw([("budwood setup", rows_of(shown))], COLUMNS, title)


def draw_usage() -> str:
    """Sum up the calls of a day."""
    with user() as patch:
        path = Path.cwd().with_name("usage.sqlite3")
        patch.setenv("BUDWOOD_OBSERVERS", '["usage"]')
        patch.setenv("BUDWOOD_OBSERVER__USAGE__PATH", str(path))
        recorder = Recorder(path)
        for number in range(40):
            recorder.add("gpt-4.1", cost="0.0184", label="nightly")
            recorder.add("gpt-4.1-mini", cost="0.0009", label="nightly", cached=number % 4 == 0)
            recorder.add("gpt-4.1-mini", cost="0.0011", label="chat")
        recorder.close()
        command = ("usage", "--since", "7d", "--by", "model", "--by", "label")
        with terminal(*command) as shown:
            shown.end()
            title = "Calls, tokens and costs by model and label"
            return draw([(f"budwood {' '.join(command)}", rows_of(shown))], COLUMNS, title)


@contextmanager
def terminal(*arguments: str) -> Iterator[Emulator]:
    """Run a command at a terminal."""
    with ExitStack() as stack:
        shown = Emulator(*arguments, columns=COLUMNS, lines=40, NO_COLOR="")
        stack.callback(shown.close)
        yield shown


def rows_of(shown: Emulator) -> list[list[Char]]:
    """Return the rows of a terminal, without the empty ones at its end, and without what differs from run to run."""
    rows = [_replace(row, re.escape(os.environ["HOME"]), "~") for row in shown.cells]
    rows = [_replace(row, DURATION.pattern, "0.3 s") for row in rows]
    while rows and not _text_of(rows[-1]).strip():
        rows.pop()
    return rows


def _replace(row: list[Char], pattern: str, text: str) -> list[Char]:
    """Replace what a pattern matches, in the style of its first character."""
    found = re.search(pattern, _text_of(row).rstrip())
    if found is None:
        return row
    start, end = found.span()
    return [*row[:start], *(row[start]._replace(data=each) for each in text), *row[end:]]


def _text_of(row: list[Char]) -> str:
    return "".join(cell.data for cell in row)


DRAWINGS: Final[dict[str, Callable[[], str]]] = {
    "chat": draw_chat,
    "generate": draw_generate,
    "setup": draw_setup,
    "usage": draw_usage,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or DRAWINGS:
        (HERE / f"{name}.svg").write_text(DRAWINGS[name](), encoding="utf-8")
