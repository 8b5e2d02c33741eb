"""Formats the figures of the gateway, and keeps them in docs/benchmarks/gateway.md."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from tests.benchmarks.environments import ROOT
from tests.benchmarks.gateway.load import Load
from tests.benchmarks.report import format_number, format_table

PAGE: Final = ROOT / "docs" / "benchmarks" / "gateway.md"
START: Final = "<!-- figures: written by tests/benchmarks/gateway -->\n"
END: Final = "<!-- end of the figures -->\n"
DIRECT, RELAY, OURS, LITELLM = "direct", "bare relay", "Budwood", "LiteLLM's proxy"


@dataclass
class Figures:
    """
    The figures of a server.

    Attributes:
        busy: Rounds with many connections.
        single: Rounds with one connection.
        memory_mb: The resident memory at the end.
        streams: The share of streams that arrived completely; None if not measured.
        growth: How much the memory grew, as a share; None if not measured.
        sent: The requests of that.
    """

    busy: list[Load] = field(default_factory=list)
    single: list[Load] = field(default_factory=list)
    memory_mb: float = 0.0
    streams: float | None = None
    growth: float | None = None
    sent: int = 0


class Target(NamedTuple):
    """
    A target, and what was found.
    """

    name: str
    found: str
    bound: str
    is_met: bool


def compare(ours: Sequence[Load], theirs: Sequence[Load], value: Callable[[Load], float]) -> float:
    """
    Return the median of the ratios within the rounds.
    """
    return statistics.median(value(one) / value(other) for one, other in zip(ours, theirs, strict=True))


def add(ours: Sequence[Load], direct: Sequence[Load], value: Callable[[Load], float]) -> float:
    """
    Return the median of the differences within the rounds.
    """
    return statistics.median(value(one) - value(other) for one, other in zip(ours, direct, strict=True))


def check_targets(figures: Mapping[str, Figures]) -> list[Target]:
    """
    Compare the figures with the targets.
    """
    ours, relay, peer, direct = (figures[name] for name in (OURS, RELAY, LITELLM, DIRECT))
    to_relay = compare(ours.busy, relay.busy, lambda load: load.rate)
    rate = statistics.median(load.rate for load in ours.busy)
    to_peer = compare(ours.busy, peer.busy, lambda load: load.rate)
    p50 = add(ours.single, direct.single, lambda load: load.p50_ms)
    p99 = add(ours.single, direct.single, lambda load: load.p99_ms)
    streams, growth = ours.streams or 0.0, ours.growth if ours.growth is not None else 1.0
    return [
        Target("requests a second, to the bare relay", f"{to_relay:.2f}", "≥ 0.6 ×", to_relay >= 0.6),
        Target("requests a second", f"{rate:,.0f}", "≥ 1,500", rate >= 1500),
        Target("requests a second, to LiteLLM's proxy", f"{to_peer:.0f}", "≥ 15 ×", to_peer >= 15),
        Target("added p50, one connection", f"{p50:.2f}", "≤ 0.8 ms", p50 <= 0.8),
        Target("added p99, one connection", f"{p99:.2f}", "≤ 5 ms", p99 <= 5),
        Target("complete streams of 500 at once", f"{streams:.1%}", "100 %", streams == 1),
        Target("memory of the worker", f"{ours.memory_mb:.0f}", "≤ 110 MB", ours.memory_mb <= 110),
        Target(f"growth over {ours.sent:,} requests", f"{growth:+.1%}", "< 3 %", growth < 0.03),
    ]


def format_tables(figures: Mapping[str, Figures]) -> str:
    """
    Return the tables of what was measured.
    """
    relay = figures[RELAY]
    rows = []
    for name, found in figures.items():
        if name == DIRECT:
            continue
        rows.append(
            [
                name,
                format_number(statistics.median(load.rate for load in found.busy)),
                f"{compare(found.busy, relay.busy, lambda load: load.rate):.2f}",
                format_number(statistics.median(load.cpu_us for load in found.busy)),
                f"{compare(relay.busy, found.busy, lambda load: load.cpu_us):.2f}",
                format_number(statistics.median(load.p50_ms for load in found.busy)),
                format_number(statistics.median(load.p99_ms for load in found.busy)),
                format_number(add(found.single, figures[DIRECT].single, lambda load: load.p50_ms)),
                format_number(add(found.single, figures[DIRECT].single, lambda load: load.p99_ms)),
                format_number(found.memory_mb),
            ]
        )
    head = ["server", "requests a second", "to the relay", "CPU µs", "relay's CPU to it", "p50 ms", "p99 ms"]
    return format_table([*head, "added p50 ms, alone", "added p99 ms, alone", "MB"], rows)


def write_page(figures: Mapping[str, Figures], targets: Sequence[Target], machine: Mapping[str, Any]) -> None:
    """
    Write the figures into the page.
    """
    rows = [(target.name, target.found, target.bound, "yes" if target.is_met else "**no**") for target in targets]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].get("litellm-proxy", {}).items())
    about = (
        f"{machine['date']}, {machine['python']}, {machine['system']}, {machine['processor']}, {machine['cpus']} CPUs; "
        f"{versions}."
    )
    parts = [
        "## Targets\n\n" + format_table(["target", "measured", "bound", "met"], rows) + "\n",
        "## Servers\n\n" + format_tables(figures) + "\n",
        about + "\n",
    ]
    head, _, rest = PAGE.read_text("utf-8").partition(START)
    tail = rest.partition(END)[2]
    PAGE.write_text(f"{head}{START}\n" + "\n".join(parts) + f"\n{END}{tail}", "utf-8")
