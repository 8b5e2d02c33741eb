from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from budwood.errors import ConfigurationError
from budwood_generation.documents import Splitter, workers
from budwood_generation.documents.sources import Content
from budwood_generation.documents.workers import Task, split_files

TEXT = "# Tea\n\nThe leaves of the tea plant are picked by hand in spring.\n\n```\npour();\n```\n"
CRASHING = "print('\"ready\"', flush=True); input(); raise SystemExit(3)"


@pytest.fixture
def started(monkeypatch) -> list[subprocess.Popen[bytes]]:
    """The processes that were started; few documents suffice to start two."""
    processes: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            processes.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    monkeypatch.setattr(workers, "MIN_SECONDS", 0)
    monkeypatch.setattr(workers, "_count_processors", lambda: 2)
    return processes


@pytest.fixture
def tasks(tmp_path) -> list[Task]:
    """Documents of several formats, of which one cannot be read and one has a broken line."""
    contents = {
        "a.md": TEXT,
        "b.html": "<h1>Tea</h1><p>\u00c4 sentence.</p>",
        "c.md": "> " * 1000,
        "d.jsonl": '{"a": 1}\n{\n',
    }
    for name, text in contents.items():
        (tmp_path / name).write_text(text, "utf-8")
    return [Task(name, tmp_path / name, len(text)) for name, text in contents.items()] * 3


def outcomes(tasks: Sequence[Task], splitter: Splitter) -> list[object]:
    """Split files, and return what can be compared."""
    return [
        content if isinstance(content, Content) else (content.message, content.hint)
        for content in split_files(tasks, splitter)
    ]


@pytest.mark.parametrize("splitter", [Splitter(1200, "keep"), Splitter(80, "drop")])
def test_several_processes_give_the_same_results(tasks, started, splitter, monkeypatch):
    """
    Passages, problems and errors are in the order of the documents.
    """
    found = outcomes(tasks, splitter)
    processes = len(started)
    monkeypatch.setattr(workers, "MIN_SECONDS", 1000)

    assert found == outcomes(tasks, splitter)
    assert processes == len(started) == 2
    assert isinstance(found[2], tuple)
    assert "nested too deeply" in found[2][0]


def test_all_processes_end(tasks, started):
    """
    Also if not all results are read.
    """
    with closing(split_files(tasks, Splitter())) as contents:
        next(contents)

    assert [process.returncode is not None for process in started] == [True] * len(started)


def test_a_crash_of_a_parser_is_an_error_of_one_document(tasks, started, tmp_path, monkeypatch):
    """
    Another process takes the next document.
    """
    (tmp_path / "crashing.py").write_text(CRASHING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(workers, "WORKER", "crashing")

    found = list(split_files(tasks, Splitter()))

    assert [type(content) for content in found] == [ConfigurationError] * len(tasks)
    assert "'a.md' cannot be read: its parser ended with status 3" in str(found[0])
    assert len(started) == len(tasks)


def test_documents_are_parsed_here_if_no_process_can_be_started(tasks, started, monkeypatch):
    """
    Such as in a program whose modules are not on the path of a new interpreter.
    """
    monkeypatch.setattr(workers, "WORKER", "missing")

    found = outcomes(tasks, Splitter())

    assert isinstance(found[0], Content)
    assert len(started) <= 2


def test_few_documents_are_parsed_in_this_process(tasks, started, monkeypatch):
    """
    A process takes longer to start.
    """
    monkeypatch.setattr(workers, "MIN_SECONDS", 2.0)

    assert isinstance(outcomes(tasks, Splitter())[0], Content)
    assert started == []


def test_a_path_that_is_not_unicode_is_read(tmp_path, started):
    """
    The folder of the documents may have any name.
    """
    if sys.platform != "linux":
        pytest.skip("other systems store names as Unicode")
    folder = Path(f"{tmp_path}/caf\udce9")
    folder.mkdir()
    (folder / "a.md").write_text(TEXT)

    found = outcomes([Task("a.md", folder / "a.md", 10)] * 2, Splitter())

    assert all(isinstance(content, Content) for content in found)
    assert len(started) == 2
