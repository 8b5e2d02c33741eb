"""Formats results as Markdown: first the targets, then a table per measure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tests.benchmarks.figures import Spread, compare_samples, compute_spread
from tests.benchmarks.measures import MEASURES
from tests.benchmarks.results import Results
from tests.benchmarks.roster import ROSTER
from tests.benchmarks.targets import TargetResult

LABELS: Final = {contender.name: contender.label for contender in ROSTER}
AGAINST: Final = {measure.name: measure.against for measure in MEASURES} | {"import": "httpx", "first-call": "httpx"}
COLUMNS: Final = {
    "cpu_us": "CPU µs a call",
    "cpu_ms": "CPU ms",
    "per_second": "calls a second",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "first_token_ms": "first token, ms",
    "peak_mb": "peak MB",
    "size_mb": "MB",
    "distributions": "distributions",
    "early_mb": "MB early",
    "late_mb": "MB late",
    "growth_percent": "growth, %",
}
"""The metrics in tables, in order."""

SPREAD: Final = ("cpu_us", "cpu_ms")
"""The metrics whose minimum, maximum and ratio to the reference are shown too."""

HEAD: Final = """# Benchmarks

What Budwood costs beside bare HTTP clients and beside other libraries, measured in one run, in interleaved rounds. CPU
time is that of the client's process, by its own accounting; ratios are formed within each round, and the median of them
counts. The server is ours, on loopback, and answers at once unless a latency is named. Absolute figures are those of
this machine: trust the ratios.

`nox -s bench` reproduces this page, results.json and chart.svg; `nox -s bench -- --quick` prints the tables of Budwood
and the bare clients within two minutes. How to read the figures of your own program: `nox -s profile` shows where the
time of one call goes. Dataset runs have [a page of their own](generation.md).

![CPU time of a call, and of a stream of 200 chunks, on a logarithmic scale](chart.svg)
"""


def format_number(value: float) -> str:
    """
    Format a number with three significant digits, or all digits before the point.
    """
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def format_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """
    Format a table in Markdown.
    """
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def format_page(results: Results, target_results: Sequence[TargetResult]) -> str:
    """
    Format the page.
    """
    sections = [HEAD, format_targets(target_results), *(format_measure(results, name) for name in results.titles)]
    return "\n".join([*filter(None, sections), format_about(results)])


def format_tables(results: Results, target_results: Sequence[TargetResult]) -> str:
    """
    Format the tables for a terminal.
    """
    measured = [one for one in target_results if one.found is not None]
    sections = [*(format_measure(results, name) for name in results.titles), format_targets(measured)]
    return "\n".join([format_about(results), *filter(None, sections)])


def format_targets(target_results: Sequence[TargetResult]) -> str:
    """
    Format the targets and their results.
    """
    head = ["target", "median", "min", "max", "bound", "met"]
    explained = [one.target for one in target_results if one.target.explanation and one.met is False]
    rows = [format_target(one) for one in target_results]
    lines = [
        f"\n## Targets\n\n{format_table(head, rows)}\n",
        *(f"- {target.name}: {target.explanation}" for target in explained),
    ]
    return "\n".join(lines)


def format_target(one: TargetResult) -> list[str]:
    """
    Format the row of a target.
    """
    target, found, met = one
    sign = "≥" if target.at_least else "≤"
    bound = f"{sign} {target.bound:g} {target.unit}".strip()
    if found is None:
        return [target.name, "not measured", "", "", bound, "–"]
    result = "yes" if met else "explained" if target.explanation else "**no**"
    return [target.name, *map(format_number, found), bound, result]


def format_measure(results: Results, measure: str) -> str:
    """
    Format the results of a measure, lowest first.
    """
    found = results.samples.get(measure, {})
    notes = [f"- {LABELS.get(name, name)} failed: {why}" for name, why in results.failures.get(measure, {}).items()]
    notes += [f"- {LABELS[name]}: {why}" for name, why in results.missing.get(measure, {}).items() if why]
    if not found and not notes:
        return ""
    metrics = [name for name in COLUMNS if any(name in one for one in found.values())]
    against = AGAINST.get(measure, "")
    order = sorted(found, key=lambda name: compute_spread(found[name][metrics[0]]).median) if metrics else []
    rows = [format_measure_row(results, measure, name, metrics, against) for name in order]
    lines = [f"\n## {results.titles[measure]}\n"]
    if rows:
        lines.append(format_table(format_measure_head(metrics, against if against in found else ""), rows) + "\n")
    return "\n".join([*lines, *notes])


def format_measure_head(metrics: Sequence[str], against: str) -> list[str]:
    """
    Format the head of a measure's table.
    """
    head = [""]
    for metric in metrics:
        head.append(COLUMNS[metric])
        if metric in SPREAD:
            head.append("min–max")
            head += [f"× {LABELS[against]}"] if against else []
    return head


def format_measure_row(results: Results, measure: str, name: str, metrics: Sequence[str], against: str) -> list[str]:
    """
    Format the row of a contender.
    """
    row = [LABELS.get(name, name)]
    for metric in metrics:
        samples = results.get(measure, name, metric)
        row.append(format_number(compute_spread(samples).median) if samples else "")
        if metric in SPREAD:
            row.append(format_extremes(samples))
            reference = results.get(measure, against, metric)
            row += [format_median(compare_samples(samples, reference))] if reference else []
    return row


def format_extremes(samples: Sequence[float]) -> str:
    """
    Format the minimum and maximum.
    """
    return f"{format_number(min(samples))}–{format_number(max(samples))}" if samples else ""


def format_median(found: Spread | None) -> str:
    """
    Format a ratio.
    """
    return format_number(found.median) if found else ""


def format_about(results: Results) -> str:
    """
    Format the section about the machine and the versions.
    """
    about = results.about
    memory = f", {about['memory_gb']} GB of memory" if about["memory_gb"] else ""
    cores = "the client on one core and the server on another" if about["cpus"] > 1 else "client and server on one core"
    run = f"{about['date']}, {about['python']}, {about['system']}, {about['processor']}, {about['cpus']} CPUs{memory}"
    lines = ["\n## Versions and machine\n", f"{run}; {cores}; the server on {about['server_loop']}.\n"]
    for name, packages in about["versions"].items():
        if name in LABELS and packages:
            listed = ", ".join(f"{package} {version}" for package, version in packages.items())
            lines.append(f"- {LABELS[name]}: {listed}")
    return "\n".join([*lines, ""])
