"""Formats the figures of dataset generation, and keeps them in docs/benchmarks/generation.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.benchmarks.environments import ROOT
from tests.benchmarks.generation_worker import Case
from tests.benchmarks.report import format_table
from tests.benchmarks.roster import Contender

PAGE: Final = ROOT / "docs" / "benchmarks" / "generation.md"
START: Final = "<!-- figures: written by tests/benchmarks/generation.py -->\n"
END: Final = "<!-- end of the figures -->\n"

EFFICIENCY: Final = 0.98
CPU_MS: Final = 1.3
RSS_MB: Final = 80.0
LARGE_ROWS: Final = 10_000
"""The rows of the case with targets of CPU time and memory: in smaller ones, the imports are a large part."""


@dataclass(frozen=True)
class Result:
    """
    The figures of a run.

    Attributes:
        case: What was measured.
        run: The figures of the run.
        ratio: The efficiency over that of the client alone, or of an ideal scheduler.
        client_cpu_ms: The CPU time of a call of the client alone.
    """

    case: Case
    run: Mapping[str, float]
    ratio: float
    client_cpu_ms: float | None = None


@dataclass(frozen=True)
class Peer:
    """
    The figures of a framework, and of the bare client that it is compared with.
    """

    label: str
    run: Mapping[str, float] | None
    bare: Mapping[str, float]
    failure: str = ""


@dataclass(frozen=True)
class Target:
    """
    A target, and what was found.
    """

    name: str
    found: str
    bound: str
    is_met: bool


def check_targets(results: Sequence[Result]) -> list[Target]:
    """
    Compare results with the targets.
    """
    targets = [
        Target(
            f"{result.case.name}: efficiency, to {'an ideal scheduler' if result.case.turns else 'the client alone'}",
            f"{result.ratio:.3f}",
            f"≥ {EFFICIENCY} ×",
            result.ratio >= EFFICIENCY,
        )
        for result in results
    ]
    for result in results:
        if result.case.rows == LARGE_ROWS:
            cpu, rss = result.run["cpu_ms"], result.run["rss_mb"]
            targets.append(Target(f"{result.case.name}: CPU a call", f"{cpu:.2f}", f"≤ {CPU_MS} ms", cpu <= CPU_MS))
            targets.append(Target(f"{result.case.name}: peak memory", f"{rss:.1f}", f"≤ {RSS_MB:g} MB", rss <= RSS_MB))
    return targets


def format_tables(targets: Sequence[Target], results: Sequence[Result], peers: Mapping[Case, Sequence[Peer]]) -> str:
    """
    Format the tables of targets, runs and peers in Markdown.
    """
    checked = [[target.name, target.found, target.bound, "yes" if target.is_met else "**no**"] for target in targets]
    runs = [
        [
            result.case.name,
            f"{result.run['calls']:,.0f}",
            f"{result.run['span']:.1f}",
            f"{result.run['efficiency']:.1%}",
            f"{result.run['cpu_ms']:.2f}",
            "" if result.client_cpu_ms is None else f"{result.client_cpu_ms:.2f}",
            f"{result.run['rss_mb']:.1f}",
        ]
        for result in results
    ]
    sections = [
        "## Targets\n\n" + format_table(["target", "measured", "bound", "met"], checked),
        "## Runs\n\n"
        + format_table(["", "calls", "s", "slots in use", "CPU ms a call", "client alone", "peak MB"], runs),
    ]
    sections += [format_peers(found, case) for case, found in peers.items()]
    return "\n\n".join(sections) + "\n"


def format_peers(peers: Sequence[Peer], case: Case) -> str:
    """
    Format the table of other frameworks.
    """
    head = ["", "s", "slots in use", "× bare aiohttp", "CPU ms a row", "× bare aiohttp", "peak MB"]
    rows = [format_peer(peer, case) for peer in peers]
    return f"## Beside others: {case.name}\n\n{format_table(head, rows)}"


def format_peer(peer: Peer, case: Case) -> list[str]:
    """
    Format the row of a framework.
    """
    if peer.run is None:
        return [peer.label, f"failed: {peer.failure}", *[""] * 5]
    cpu, bare_cpu = (run["cpu_ms"] * run["calls"] / case.rows for run in (peer.run, peer.bare))
    return [
        peer.label,
        f"{peer.run['span']:.1f}",
        f"{peer.run['efficiency']:.1%}",
        f"{peer.run['efficiency'] / peer.bare['efficiency']:.2f}",
        f"{cpu:.2f}",
        f"{cpu / bare_cpu:.1f}",
        f"{peer.run['rss_mb']:.0f}",
    ]


def format_about(about: Mapping[str, Any], contenders: Sequence[Contender]) -> str:
    """
    Format the machine and the versions.
    """
    memory = f", {about['memory_gb']} GB of memory" if about["memory_gb"] else ""
    lines = [
        "## Versions and machine\n",
        f"{about['date']}, {about['python']}, {about['system']}, {about['processor']}, {about['cpus']} CPUs{memory}.\n",
    ]
    for contender in contenders:
        versions = ", ".join(f"{name} {version}" for name, version in about["versions"][contender.name].items())
        lines.append(f"- {contender.label}: {versions}")
    return "\n".join([*lines, ""])


def replace_figures(text: str, figures: str) -> str:
    """
    Return the text of the page with other figures.
    """
    before, _, rest = text.partition(START)
    return f"{before}{START}\n{figures}\n{END}{rest.partition(END)[2]}"


def write_page(tables: str, about: Mapping[str, Any], contenders: Sequence[Contender]) -> None:
    """
    Write the figures into the page.
    """
    figures = f"{tables}\n{format_about(about, contenders)}"
    PAGE.write_text(replace_figures(PAGE.read_text("utf-8"), figures), "utf-8")
