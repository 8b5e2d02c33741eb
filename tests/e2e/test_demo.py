"""The main job on the project's own documentation, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / "docs" / "examples" / "demo.py"


def run_demo(folder: Path) -> tuple[bytes, str]:
    """
    Run the demo into a folder; return the dataset and what was printed.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    run = subprocess.run(
        [sys.executable, str(DEMO), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": path},
    )
    assert run.returncode == 0, run.stderr
    return (folder / "qa.jsonl").read_bytes(), run.stdout


SLOW_TO_STOP = """#!{python}
import signal, sys
signal.signal(signal.SIGINT, lambda *_: (print("stopped", flush=True), sys.exit(130)))
print("started", flush=True)
signal.pause()
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """
    One run of the demo.
    """
    return run_demo(tmp_path_factory.mktemp("demo") / "first")


@pytest.fixture(scope="module")
def rows(demo):
    """
    The rows of the demo.
    """
    return [json.loads(line) for line in demo[0].splitlines()]


def texts(row, role):
    """
    Return the texts of one role in a conversation.
    """
    return [message["content"] for message in row["messages"] if message["role"] == role]


def test_the_demo_creates_200_conversations_and_prints_three(demo, rows):
    """
    Each has several turns. The path of the file is printed.
    """
    assert len(rows) == 200
    assert all(len(row["messages"]) >= 4 for row in rows)
    assert demo[1].count("--- ") == 3
    assert "qa.jsonl" in demo[1]


def test_two_runs_are_byte_identical(demo, tmp_path):
    """
    A second run in another folder writes the same bytes.
    """
    assert run_demo(tmp_path)[0] == demo[0]


def test_questions_differ(rows):
    """
    At least 90 % of the questions are unique.
    """
    questions = [question for row in rows for question in texts(row, "user")]

    assert len(set(questions)) >= 0.9 * len(questions)


def test_answers_are_sentences_of_their_passage(rows):
    """
    An answer contains only text of the passage.
    """
    for row in rows:
        passage = " ".join(row["source"]["passage"].split())
        for answer in texts(row, "assistant"):
            assert consists_of_stretches(" ".join(answer.split()), passage), answer


def consists_of_stretches(answer, passage):
    """
    Return whether an answer consists of one or more stretches of the passage.
    """
    if not answer or answer in passage:
        return True
    places = [place for place, letter in enumerate(answer) if letter == " "]
    return any(
        answer[:place] in passage and consists_of_stretches(answer[place + 1 :], passage) for place in reversed(places)
    )


def test_turns_of_a_conversation_do_not_repeat(rows):
    """
    Questions and answers of a conversation are unique.
    """
    for row in rows:
        for role in ("user", "assistant"):
            turns = texts(row, role)
            assert len(set(turns)) == len(turns), turns


def test_rows_contain_no_time_and_no_path(demo):
    """
    The dataset does not depend on when or where it was created.
    """
    assert str(Path.home()).encode() not in demo[0]
    assert str(DEMO.parents[2]).encode() not in demo[0]


@pytest.mark.skipif(os.name == "nt", reason="a process group cannot be sent Ctrl-C there")
def test_an_interrupted_demo_prints_no_traceback(tmp_path):
    """
    Ctrl-C reaches the demo and its command; the demo waits for the command to stop, and returns its status.
    """
    command = tmp_path / "budwood"
    command.write_text(SLOW_TO_STOP.format(python=sys.executable))
    command.chmod(0o700)
    with subprocess.Popen(
        [sys.executable, str(DEMO), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PATH": str(tmp_path)},
        start_new_session=True,
    ) as run:
        assert run.stdout.readline() == "started\n"
        os.killpg(run.pid, signal.SIGINT)
        printed = run.communicate()

    assert (printed, run.returncode) == (("stopped\n", ""), 130)
