"""
Measure what Budwood costs from the start of a process: CPU seconds of the process, medians of interleaved rounds.

Usage: python run.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BARE = "pass"
VERSION = "import sys; sys.argv = ['budwood', '--version']; from budwood_cli.main import main; main()"
# It reads the certificates, as a bare client does; Budwood reads them only for an address that needs them.
HTTPX_CALL = """
import httpx
from pydantic import BaseModel

class Message(BaseModel):
    role: str
    content: str

class Choice(BaseModel):
    index: int
    message: Message
    finish_reason: str

class Reply(BaseModel):
    id: str
    model: str
    choices: list[Choice]
    usage: dict[str, int]

asked = {"model": "bench", "messages": [{"role": "user", "content": "Hi"}]}
with httpx.Client() as client:
    response = client.post("http://127.0.0.1:PORT/v1/chat/completions", json=asked)
    assert Reply.model_validate_json(response.content).choices[0].message.content == "Hello."
"""
BUDWOOD_CALL = """
import budwood

with budwood.Client("openai-compatible/bench", base_url="http://127.0.0.1:PORT/v1") as client:
    assert client.ask("Hi").text == "Hello."
"""
OFFLINE = (
    "from budwood_offline.asking import ask_question\n"
    "from budwood_offline.filling import fill_schema\n"
    "from budwood_offline.ranking import best_sentences\n"
)
PASSAGES = """
text = {"type": "string"}
row = {"question": text, "answer": text, "title": text, "words": {"type": "array", "items": text}}
schema = {"type": "object", "properties": row, "required": list(row), "additionalProperties": False}
for number in range(20):
    passage = "".join(f"Key {number} of {place} rests in house {place * 7}. " for place in range(30))[:1200]
    best_sentences("What happens to an exhausted key?", passage)
    ask_question(passage, seed=1)
    fill_schema(schema, passage)
"""
# What regular expressions stumble over: of each, eight times as much shall take eight times as long.
ENDLESS = """
import budwood

UNITS = ["a ", "(", "|", "`", "*", "_", "[", "[a](", "<", "<passage>", "#", "\\n", "a\\n\\n", ".", "a. ", "e.g. ", "1",
    "1,000", "question: ", "already asked ", "a@a.", "http://", "age: 36, ", "Ada of ", ":a"]
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
with budwood.Client("offline/extractive", cache=False) as client:
    for unit in UNITS:
        for number in range(TIMES):
            text = (unit * LENGTH)[:LENGTH]
            for asked in ("What happens to a key?", "Ask a question."):
                client.ask(f"<passage>{text}</passage>{asked}{number}")
            client.ask(f"<passage>{text}</passage>Fill it.{number}", schema=SCHEMA)
"""
LONG, SHORT = (
    ENDLESS.replace("TIMES", times).replace("LENGTH", length) for times, length in (("1", "16000"), ("8", "2000"))
)


@dataclass(frozen=True)
class Target:
    """
    One promise: a program, what it is compared with, and the most that it may cost.

    With ``bound`` in milliseconds the difference counts, otherwise the ratio.
    """

    name: str
    program: str
    baseline: str
    bound: float
    milliseconds: bool = False


TARGETS = (
    Target("`import budwood`, over a bare interpreter", "import budwood", BARE, 5.0, milliseconds=True),
    Target("`budwood --version`, to `import typer`", VERSION, "import typer", 1.3),
    Target("first completed call, to bare httpx and pydantic", BUDWOOD_CALL, HTTPX_CALL, 1.25),
    Target(
        "20 passages: an answer, a question, a row, over the imports",
        OFFLINE + PASSAGES,
        OFFLINE,
        1000.0,
        milliseconds=True,
    ),
    Target("offline, 16,000 characters of anything, to 8 times 2,000", LONG, SHORT, 3.0),
)


@contextmanager
def serving() -> Iterator[int]:
    """
    Run the loopback server in a process of its own.
    """
    server = Path(__file__).with_name("server.py")
    process = subprocess.Popen([sys.executable, str(server)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def cpu(program: str, folder: str) -> float:
    """
    Run a program in a new interpreter; return its CPU seconds, user and system.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("BUDWOOD_", "COVERAGE"))}
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", program], cwd=folder, env=environment, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"a program failed:\n{program}")
    return usage.ru_utime + usage.ru_stime


def measure(rounds: int) -> dict[str, list[float]]:
    """
    Run all programs in turn, so often.
    """
    with serving() as port, tempfile.TemporaryDirectory() as folder:
        programs = {
            text: text.replace("PORT", str(port)) for target in TARGETS for text in (target.program, target.baseline)
        }
        for program in programs.values():
            cpu(program, folder)  # writes bytecode, fills the disk's cache
        times: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(rounds):
            for name, program in programs.items():
                times[name].append(cpu(program, folder))
    return times


def results(times: dict[str, list[float]]) -> list[dict[str, object]]:
    """
    Compare each program with its baseline.
    """
    rows = []
    for target in TARGETS:
        ours, theirs = times[target.program], times[target.baseline]
        pairs = [(a - b) * 1000 if target.milliseconds else a / b for a, b in zip(ours, theirs, strict=True)]
        found = statistics.median(pairs)
        rows.append(
            {
                "name": target.name,
                "unit": "ms" if target.milliseconds else "ratio",
                "median": round(found, 2),
                "min": round(min(pairs), 2),
                "max": round(max(pairs), 2),
                "bound": target.bound,
                "met": found <= target.bound,
                "milliseconds": round(statistics.median(ours) * 1000, 1),
                "baseline_milliseconds": round(statistics.median(theirs) * 1000, 1),
            }
        )
    return rows


def table(rows: list[dict[str, object]]) -> str:
    """
    Write the results as Markdown.
    """
    head = "| CPU time of a whole process | Budwood | baseline | compared | min, max | bound | met |"
    lines = [
        f"| {row['name']} | {row['milliseconds']} ms | {row['baseline_milliseconds']} ms "
        f"| {row['median']} {row['unit']} | {row['min']}, {row['max']} "
        f"| {row['bound']} | {'yes' if row['met'] else 'no'} |"
        for row in rows
    ]
    return "\n".join([head, "|---" * 7 + "|", *lines])


def main() -> None:
    """
    Measure and print. Without ``--quick`` a bound that is not met fails.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="few rounds, and no bound fails: that it runs is what counts"
    )
    parser.add_argument("--json", type=Path, help="write the results there as well")
    arguments = parser.parse_args()
    rows = results(measure(5 if arguments.quick else 31))
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs\n")
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
    if not arguments.quick and not all(row["met"] for row in rows):
        raise SystemExit("a bound is not met")


if __name__ == "__main__":
    main()
