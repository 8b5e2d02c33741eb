"""
Write the figures of ``docs/comparison.md`` from the results of the benchmarks.

.. code-block:: console

    $ python docs/reference/figures.py           # writes the page
    $ python docs/reference/figures.py --check   # exits with status 1 if its figures are out of date
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from pathlib import Path
from typing import Any, Final

DOCS: Final = Path(__file__).parents[1]
PAGE: Final = DOCS / "comparison.md"
END: Final = "<!-- the end of the figures -->"

CONTENDERS: Final = {
    "budwood": "Budwood",
    "httpx": "bare httpx",
    "openai": "openai",
    "any-llm": "any-llm",
    "langchain": "langchain-openai",
    "pydantic-ai": "pydantic-ai",
    "litellm": "litellm",
    "dspy": "dspy",
}
COLUMNS: Final = {
    ("installed", "size_mb"): "installed, MB",
    ("installed", "distributions"): "packages",
    ("import", "cpu_ms"): "import, ms",
    ("first-call", "cpu_ms"): "start to first reply, ms",
    ("sync", "cpu_us"): "a call, µs",
    ("async-32", "cpu_us"): "32 in flight, µs a call",
    ("stream-async", "cpu_us"): "200 chunks, ms",
}
"""The measures, and the titles of their columns. Those of streams are converted to milliseconds."""


def render_calls() -> str:
    """Return the table of calls: the medians of all rounds."""
    results = json.loads((DOCS / "benchmarks" / "results.json").read_text("utf-8"))
    samples, versions = results["samples"], results["about"]["versions"]
    rows = [f"| | {' | '.join(COLUMNS.values())} |", f"|---|{'---:|' * len(COLUMNS)}"]
    for name, title in CONTENDERS.items():
        cells = " | ".join(_cell(samples, test, measure, name) for test, measure in COLUMNS)
        rows.append(f"| {title}{_version(versions, name)} | {cells} |")
    return "\n".join(rows)


def _cell(samples: Any, test: str, measure: str, name: str) -> str:  # noqa: ANN401 - JSON
    values = samples[test].get(name, {}).get(measure)
    if values is None:
        return "–"
    scale = 1000 if test == "stream-async" else 1
    text = _number(statistics.median(values) / scale)
    if (test, name) == ("async-32", "budwood"):
        faster = statistics.median(samples[test]["budwood-httptools"][measure])
        text = f"{text}; {_number(faster)}"
    return text


def _number(value: float) -> str:
    digits = 0 if value >= 100 else 1
    return f"{value:,.{digits}f}".removesuffix(".0")


def _version(versions: Any, name: str) -> str:  # noqa: ANN401 - JSON
    packages = versions[name]
    package = next((one for one in packages if one.startswith(name)), None)
    return f" {packages[package]}" if package and name != "budwood" else ""


def render_datasets() -> str:
    """Return the table of the benchmarks of dataset generation beside others, for 256 slots."""
    text = (DOCS / "benchmarks" / "generation.md").read_text("utf-8")
    return re.findall(r"^## Beside others: 256 slots.*?\n\n(.*?)\n\n", text, re.DOTALL | re.MULTILINE)[-1]


def render_page() -> str:
    """Return the page with the present figures."""
    text = PAGE.read_text("utf-8")
    for subject, table in (("calls", render_calls()), ("datasets", render_datasets())):
        head = f"<!-- figures of {subject}: written by docs/reference/figures.py -->"
        before, _, rest = text.partition(head)
        text = f"{before}{head}\n\n{table}\n\n{END}{rest.partition(END)[2]}"
    return text


def main() -> int:
    """Write the page, or check that it is up to date."""
    text = render_page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, "utf-8")
        return 0
    if PAGE.read_text("utf-8") == text:
        return 0
    print(f"{PAGE.name} is not up to date: run nox -s reference", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
