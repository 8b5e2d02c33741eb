"""Measures new processes from their start, and what is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.environments import get_python_path, list_distributions, measure_size, prepare_environment
from tests.benchmarks.processes import create_process_environment
from tests.benchmarks.results import Results
from tests.benchmarks.roster import Contender
from tests.benchmarks.rounds import rotate

BARE = "bare interpreter"
SLOW_ROUNDS = 3
"""The rounds of slow programs, which take seconds and are far from every bound."""

VERSION = "import sys; sys.argv = ['budwood', '--version']; from budwood_cli.main import main; main()"
HELP = VERSION.replace("--version", "--help")
OFFLINE = (
    "from budwood_offline.questions import write_question\n"
    "from budwood_offline.schemas import fill_schema\n"
    "from budwood_offline.ranking import select_sentences\n"
)
PASSAGES = """
text = {"type": "string"}
row = {"question": text, "answer": text, "title": text, "words": {"type": "array", "items": text}}
schema = {"type": "object", "properties": row, "required": list(row), "additionalProperties": False}
for number in range(20):
    passage = "".join(f"Key {number} of {place} rests in house {place * 7}. " for place in range(30))[:1200]
    select_sentences("What happens to an exhausted key?", passage)
    write_question(passage, seed=1)
    fill_schema(schema, passage)
"""
# Texts that are hard for regular expressions; time must grow linearly with their length.
ENDLESS = """
import budwood

UNITS = ["a ", "(", "|", "`", "*", "_", "[", "[a](", "<", "<passage>", "#", "\\n", "a\\n\\n", ".", "a. ", "e.g. ", "1",
    "1,000", "question: ", "already asked ", "a@a.", "http://", "age: 36, ", "Ada of ", ":a"]
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
with budwood.Client("offline/extractive", cache=False) as client:
    for unit in UNITS:
        for number in range(TIMES):
            text = (unit * LENGTH)[:LENGTH]
            for question in ("What happens to a key?", "Ask a question."):
                client.ask(f"<passage>{text}</passage>{question}{number}")
            client.ask(f"<passage>{text}</passage>Fill it.{number}", schema=SCHEMA)
"""
LONG, SHORT = (
    ENDLESS.replace("TIMES", times).replace("LENGTH", length) for times, length in (("1", "16000"), ("8", "2000"))
)
TITLES = {
    "import": "Import, in a new process",
    "first-call": "From the start of a process to the first completed call",
    "version": "`budwood --version` and `budwood --help`, in new processes",
    "offline": "Offline: 20 passages, of each an answer, a question and a row, in a new process",
    "endless": "Offline: as many characters of anything, in long and in short texts, in a new process",
}


@dataclass(frozen=True)
class Program:
    """
    A program of a measure, with its contender, its Python and its maximum number of rounds.
    """

    measure: str
    name: str
    text: str
    python: Path
    rounds: int = 100


def create_programs(contenders: Sequence[Contender], address: str) -> Iterator[Program]:
    """
    Yield the programs of all measures. Programs to compare with run in Budwood's environment.
    """
    suite = Path(sys.executable)
    for contender in contenders:
        if not contender.requirements:
            continue
        python = get_python_path(prepare_environment(contender))
        rounds = SLOW_ROUNDS if contender.kind == "peer" else 100
        first_call = contender.first_call.replace("BASE_URL", f"{address}/v1")
        yield Program("import", contender.name, contender.imports, python, rounds)
        yield Program("first-call", contender.name, first_call, python, rounds)
        if contender.name == "budwood":
            yield Program("import", BARE, "pass", python)
    yield Program("version", "budwood", VERSION, suite)
    yield Program("version", "budwood --help", HELP, suite)
    yield Program("version", "import typer", "import typer", suite)
    yield Program("offline", "budwood", OFFLINE + PASSAGES, suite, SLOW_ROUNDS)
    yield Program("offline", "its imports", OFFLINE, suite, SLOW_ROUNDS)
    yield Program("endless", "16,000 characters", LONG, suite, SLOW_ROUNDS)
    yield Program("endless", "8 times 2,000", SHORT, suite, SLOW_ROUNDS)


# The kernel's peak of an ended child includes the process it was forked from, so the program reports its own.
PEAK = """
import atexit, os

@atexit.register
def report_peak():
    with open("/proc/self/status") as status:
        os.write(PIPE, next(line for line in status if line.startswith("VmHWM")).encode())
"""


def measure_cost(program: Program, folder: str, variables: dict[str, str]) -> dict[str, float]:
    """
    Run a program in a new process; return its CPU milliseconds (user and system) and peak memory in megabytes.
    """
    reader, writer = os.pipe()
    text = PEAK.replace("PIPE", str(writer)) + program.text if sys.platform == "linux" else program.text
    process = subprocess.Popen(
        [program.python, "-I", "-c", text],
        cwd=folder,
        env=create_process_environment(folder, variables),
        stdout=subprocess.DEVNULL,
        pass_fds=[writer],
    )
    os.close(writer)
    _, status, usage = os.wait4(process.pid, 0)
    with os.fdopen(reader, encoding="ascii") as pipe:
        fields = pipe.read().split()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"a program of {program.name} failed:\n{program.text}")
    found = {"cpu_ms": (usage.ru_utime + usage.ru_stime) * 1000}
    return found | ({"peak_mb": int(fields[1]) / 1e3} if fields else {})


def run_programs(
    contenders: Sequence[Contender], measures: Sequence[str], address: str, rounds: int, results: Results
) -> None:
    """
    Run all programs in turn, in rounds.
    """
    variables = {contender.name: contender.environment for contender in contenders}
    selected = [program for program in create_programs(contenders, address) if program.measure in measures]
    results.titles.update({name: TITLES[name] for name in measures})
    with tempfile.TemporaryDirectory() as folder:
        for program in selected:
            measure_cost(
                program, folder, variables.get(program.name, {})
            )  # warm-up: writes bytecode and fills the disk cache
        for number in range(rounds):
            print(f"{', '.join(measures)}: round {number + 1}", file=sys.stderr, flush=True)
            for program in rotate([one for one in selected if number < one.rounds], number):
                found = measure_cost(program, folder, variables.get(program.name, {}))
                results.add(program.measure, program.name, found)


def measure_sizes(contenders: Sequence[Contender], results: Results) -> None:
    """
    Record the size of each contender's environment, once because it does not vary.
    """
    results.titles["installed"] = "What is installed"
    for contender in contenders:
        if contender.requirements:
            folder = prepare_environment(contender)
            found = {"size_mb": measure_size(folder), "distributions": float(len(list_distributions(folder)))}
            results.add("installed", contender.name, found)
