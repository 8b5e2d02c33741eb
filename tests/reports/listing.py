"""
List the public reports that the tests of this folder repeat.

As a program, this module writes ``README.md``; a test checks that the file is up to date. The marker ``report`` of a
test states the source and the outcome of a report; the docstring of its file is the kind of fault.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path(__file__).parent
README: Final = FOLDER / "README.md"

START: Final = """\
# Public reports, reproduced with Budwood

Each row is a fault that users of similar software reported in public. The test repeats it with the bytes or requests
of the report. The outcome is **right** if Budwood passed the test from the start, and **mended** if it had to be fixed.
`tests/reports/listing.py` generates this page from the markers of the tests.

Further reports are scripts in the folder `shared/cases` beside the checkout, with their sources in its README; `nox -s
cases` runs them.
"""


class Report(NamedTuple):
    """One report that a test repeats; `source` is ``owner/repo#number``."""

    source: str
    outcome: str
    test: str
    promise: str

    @property
    def row(self) -> str:
        """The row of the table."""
        repository, _, number = self.source.partition("#")
        link = f"[{self.source}](https://github.com/{repository}/issues/{number})"
        return f"| {link} | {self.outcome} | {self.promise} | `{self.test}` |"


def render() -> str:
    """Return the text of the page."""
    kinds = [(read_kind(file), file.name, list(read_reports(file))) for file in sorted(FOLDER.glob("test_*.py"))]
    outcomes = [report.outcome for *_, reports in kinds for report in reports]
    count = f"{len(outcomes)} reports: {outcomes.count('right')} right, {outcomes.count('mended')} mended."
    sections = [render_kind(kind, name, reports) for kind, name, reports in kinds if reports]
    return "\n".join([START, count, *sections])


def render_kind(kind: str, name: str, reports: list[Report]) -> str:
    """Return the section of one file."""
    head = f"\n## {kind}\n\n`{name}`\n\n| source | outcome | expected behaviour | test |\n| --- | --- | --- | --- |\n"
    return head + "".join(f"{report.row}\n" for report in reports)


def read_kind(file: Path) -> str:
    """Return the kind of fault: the first line of the file's docstring, without its full stop."""
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or file.stem
    return docstring.partition("\n")[0].removesuffix(".")


def read_reports(file: Path) -> Iterator[Report]:
    """Yield the reports of a file, in the order of its tests."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            promise = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split()).replace("|", "\\|")
            yield from (Report(source, outcome, node.name, promise) for source, outcome in read_markers(node))


def read_markers(test: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, str]]:
    """Yield source and outcome of each marker of a test, those of its parameters included."""
    for decorator in test.decorator_list:
        for node in ast.walk(decorator):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.report":
                keywords = {keyword.arg: keyword.value for keyword in node.keywords}
                source = node.args[0] if node.args else keywords["source"]
                yield ast.literal_eval(source), ast.literal_eval(keywords["outcome"])


if __name__ == "__main__":
    README.write_text(render(), encoding="utf-8")
