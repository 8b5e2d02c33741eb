"""What is promised, as data: each target says how it is computed from the results, and its bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tests.benchmarks.figures import Comparison, Spread, compared, spread
from tests.benchmarks.results import Results
from tests.benchmarks.startup import BARE


class Figure(NamedTuple):
    """
    Where a number of the results stands.
    """

    measure: str
    contender: str
    metric: str = "cpu_us"


@dataclass(frozen=True, kw_only=True)
class Target:
    """
    One promise.

    Attributes:
        name: What is promised, in the report's words.
        value: The figure that counts.
        against: The figure that it is compared with; without one the value itself counts.
        how: By its ratio to that, or by its difference from it.
        bound: The most that it may be.
        at_least: The bound is the least that it may be.
        unit: What the value is counted in.
        explanation: Why it cannot be met, and what was tried. With one, the suite does not fail.
    """

    name: str
    value: Figure
    bound: float
    against: Figure | None = None
    how: Comparison = "ratio"
    at_least: bool = False
    unit: str = "×"
    explanation: str = ""


class Verdict(NamedTuple):
    """
    What became of a target: what was found, and whether the bound is met; both None where it was not measured.
    """

    target: Target
    found: Spread | None
    met: bool | None

    @property
    def fails(self) -> bool:
        """
        Tell whether the suite fails for it.
        """
        return self.met is False and not self.target.explanation


def ratio(name: str, measure: str, ours: str, theirs: str, bound: float, *, explanation: str = "") -> Target:
    """
    Promise the CPU time of a call, as a ratio to someone else's.
    """
    value, against = Figure(measure, ours), Figure(measure, theirs)
    return Target(name=name, value=value, against=against, bound=bound, explanation=explanation)


def fast(name: str, measure: str, bounds: dict[str, float], explanation: str = "") -> list[Target]:
    """
    Promise the fast transport's CPU time of a call, as ratios to several.
    """
    return [
        ratio(
            f"{name}, over httptools, to {theirs}",
            measure,
            "budwood-httptools",
            contender,
            bound,
            explanation=explanation,
        )
        for contender, bound in bounds.items()
        for theirs in ["bare aiohttp with orjson" if contender == "aiohttp" else contender]
    ]


OF_THE_ENGINE: Final = (
    "Over httptools the transport costs a third of bare aiohttp; the rest is the engine. Most of that is "
    "reading the reply into checked records and letting go of them (a quarter of the whole call), writing"
    " the request (a tenth), and receipts, cost and ledger (a tenth): some 340 calls of functions, no "
    "other of which is above 3 %. With many calls in flight, what they touch no longer fits the "
    "processor's caches. `nox -s profile` shows it. Tried, and kept: rules, facts and addresses looked up"
    " once, no cycle that holds a call, one copy of the reply, one timer for all deadlines, the shortest "
    "way instead of aiohttp's session, which costs three times as much. Tried, and dropped: records made "
    "without validation (Pydantic's own way is as fast), no garbage collection (no difference)."
)
"""Why a call costs more than bare aiohttp's."""

CALLS: Final = {"aiohttp": 1.3, "openai": 0.12, "litellm": 0.06}
STREAMS: Final = {"aiohttp": 1.5, "openai": 0.12, "litellm": 0.04}

TARGETS: Final = (
    Target(
        name="`import budwood`, over a bare interpreter",
        value=Figure("import", "budwood", "cpu_ms"),
        against=Figure("import", BARE, "cpu_ms"),
        how="difference",
        bound=5.0,
        unit="ms",
    ),
    Target(
        name="process start to first completed call, to bare httpx and pydantic",
        value=Figure("first-call", "budwood", "cpu_ms"),
        against=Figure("first-call", "httpx", "cpu_ms"),
        bound=1.25,
    ),
    ratio("sync, one after the other, to bare httpx", "sync", "budwood", "httpx", 1.05),
    ratio("sync, one after the other, to openai", "sync", "budwood", "openai", 0.37),
    ratio("sync, one after the other, to litellm", "sync", "budwood", "litellm", 0.14),
    *fast("async, 32 in flight", "async-32", CALLS, OF_THE_ENGINE),
    *fast("async, 256 in flight", "async-256", CALLS, OF_THE_ENGINE),
    ratio("async, 32 in flight, over httpx, to bare httpx", "async-32", "budwood", "httpx", 0.5),
    ratio("async, 256 in flight, over httpx, to bare httpx", "async-256", "budwood", "httpx", 0.3),
    *(
        Target(
            name=f"{kind}, {what}, to the plain call over {transport}",
            value=Figure(f"{measure}-{kind}", contender),
            against=Figure(plain, contender),
            bound=1.4,
        )
        for measure, what in (("structured", "structured output"), ("tools", "3 tools"))
        for kind, plain, contender, transport in (
            ("sync", "sync", "budwood", "httpx"),
            ("async", "async-32", "budwood", "httpx"),
            ("async", "async-32", "budwood-httptools", "httptools"),
        )
    ),
    *fast("stream of 200 chunks", "stream-async", STREAMS),
    ratio("stream of 200 chunks, sync, over httpx, to bare httpx", "stream-sync", "budwood", "httpx", 1.1),
    ratio("stream of 200 chunks, async, over httpx, to bare httpx", "stream-async", "budwood", "httpx", 1.2),
    Target(
        name="1,000 in flight, 500 ms latency, over httptools: completed calls, to bare aiohttp",
        value=Figure("async-1000-500ms", "budwood-httptools", "per_second"),
        against=Figure("async-1000-500ms", "aiohttp", "per_second"),
        bound=0.95,
        at_least=True,
    ),
    *(
        Target(
            name=f"CPU per call with 1,000 in flight over that with 32, over {transport}",
            value=Figure("async-1000", contender),
            against=Figure("async-32", contender),
            bound=2.0,
        )
        for contender, transport in (
            ("budwood-httptools", "httptools"),
            ("budwood-aiohttp", "aiohttp"),
            ("budwood", "httpx"),
        )
    ),
    *(
        Target(
            name=f"memory after 100,000 calls, over that after 20,000, {how}",
            value=Figure(measure, contender, "growth_percent"),
            bound=2.0,
            unit="%",
        )
        for measure, contender, how in (
            ("memory-sync", "budwood", "sync"),
            ("memory-async", "budwood-httptools", "async over httptools"),
            ("memory-async", "budwood-aiohttp", "async over aiohttp"),
            ("memory-async", "budwood", "async over httpx"),
        )
    ),
    Target(
        name="core with one provider: distributions",
        value=Figure("installed", "budwood", "distributions"),
        bound=22,
        unit="",
    ),
    Target(
        name="core with one provider: size",
        value=Figure("installed", "budwood", "size_mb"),
        bound=15,
        unit="MB",
    ),
    Target(
        name="`budwood --version`, to `import typer`",
        value=Figure("version", "budwood", "cpu_ms"),
        against=Figure("version", "import typer", "cpu_ms"),
        bound=1.3,
    ),
    Target(
        name="offline, 20 passages: an answer, a question, a row, over the imports",
        value=Figure("offline", "budwood", "cpu_ms"),
        against=Figure("offline", "its imports", "cpu_ms"),
        how="difference",
        bound=1000.0,
        unit="ms",
    ),
    Target(
        name="offline, 16,000 characters of anything, to 8 times 2,000",
        value=Figure("endless", "16,000 characters", "cpu_ms"),
        against=Figure("endless", "8 times 2,000", "cpu_ms"),
        bound=3.0,
    ),
)


def judge(target: Target, results: Results) -> Verdict:
    """
    Compute a target from the results, and hold it against its bound.
    """
    samples = results.get(*target.value)
    if not samples:
        return Verdict(target, None, None)
    if target.against is None:
        found: Spread | None = spread(samples)
    else:
        found = compared(samples, results.get(*target.against), target.how)
    if found is None:
        return Verdict(target, None, None)
    met = found.median >= target.bound if target.at_least else found.median <= target.bound
    return Verdict(target, found, met)


def verdicts(results: Results, targets: Sequence[Target] = TARGETS) -> list[Verdict]:
    """
    Judge every target.
    """
    return [judge(target, results) for target in targets]
