"""
Keep what `nox -s datasets` finds in docs/guides/dataset-guarantees.md.

The tests record a property for each row of the table: what was done to a run, and the figures.

Usage: python -m tests.datasets_page REPORT, a file that pytest has written with ``--junitxml``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from tests.benchmarks.machine import describe_machine
from tests.benchmarks.report import format_table

PAGE: Final = Path(__file__).parents[1] / "docs" / "guides" / "dataset-guarantees.md"
START: Final = "<!-- proof: written by tests/datasets_page.py -->\n"
END: Final = "<!-- end of the proof -->\n"


def read_rows(report: Path) -> Iterator[tuple[str, str, str]]:
    """
    Yield what was done, what was found, and the seconds that the test took, in the order of the test files.
    """
    for case in sorted(ET.parse(report).iter("testcase"), key=lambda case: case.attrib["classname"]):
        for found in case.iter("property"):
            yield found.attrib["name"], found.attrib["value"], f"{float(case.attrib['time']):.0f}"


def list_skipped(report: Path) -> list[str]:
    """
    Return the tests that were skipped, with the reason.
    """
    cases = ET.parse(report).iter("testcase")
    return [f"{case.attrib['name']}: {skip.attrib['message']}" for case in cases for skip in case.iter("skipped")]


def format_proof(report: Path) -> str:
    """
    Format the table, and the machine that it comes from.
    """
    about = describe_machine(())
    machine = f"{about['date']}, {about['python']}, {about['system']}, {about['processor']}, {about['cpus']} CPUs."
    return f"{format_table(['what was done', 'what was found', 's'], read_rows(report))}\n\n{machine}\n"


def replace_proof(text: str, proof: str) -> str:
    """
    Return the text of the page with another table.
    """
    before, _, rest = text.partition(START)
    return f"{before}{START}\n{proof}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    """
    Print the table, and write it into the page unless a test was skipped.
    """
    report = Path(sys.argv[1])
    proof = format_proof(report)
    sys.stdout.write(proof)
    if skipped := list_skipped(report):
        raise SystemExit("\n".join(["The page was not written, because tests were skipped:", *skipped]))
    PAGE.write_text(replace_proof(PAGE.read_text("utf-8"), proof), "utf-8")


if __name__ == "__main__":
    main()
