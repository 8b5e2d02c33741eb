"""Draws CPU time as bars on a logarithmic scale, in SVG for light and dark backgrounds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from tests.benchmarks.figures import compute_spread
from tests.benchmarks.report import LABELS
from tests.benchmarks.results import Results
from tests.benchmarks.roster import ROSTER

WIDTH: Final = 760
LEFT: Final = 200
"""The left edge of the bars; the names are on the left of it."""

RIGHT: Final = 660
"""The right edge of the scale; values may be on the right of it."""

BAR: Final = 16
STEP: Final = 24
HEAD: Final = 76
"""The height of the title and the scale above the bars of a panel."""

LEGEND: Final = {"budwood": "Budwood", "bare": "bare HTTP clients", "peer": "other libraries"}
KINDS: Final = {contender.name: contender.kind for contender in ROSTER}
STYLE: Final = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; font-size: 15px; }
  .small { font-size: 12px; fill: #59636e; }
  .grid { stroke: #d1d9e0; stroke-width: 1; }
  .budwood { fill: #1a7f37; } .bare { fill: #8c959f; } .peer { fill: #bc4c00; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .small { fill: #9198a1; } .grid { stroke: #3d444d; }
    .budwood { fill: #3fb950; } .bare { fill: #768390; } .peer { fill: #db6d28; }
  }
"""


@dataclass(frozen=True)
class Panel:
    """
    One group of bars.

    Attributes:
        title: The heading.
        unit: The unit of the values.
        bars: The contenders' names and values; no value is 0.
    """

    title: str
    unit: str
    bars: Sequence[tuple[str, float]]

    @property
    def height(self) -> int:
        """
        Return the height of a panel.
        """
        return HEAD + STEP * len(self.bars) + 24


def create_panel(results: Results, measure: str, title: str, unit: str, divided: float) -> Panel:
    """
    Create a panel with the CPU time of one measure, lowest first.
    """
    found = {name: metrics["cpu_us"] for name, metrics in results.samples.get(measure, {}).items()}
    bars = [(name, compute_spread(samples).median / divided) for name, samples in found.items()]
    return Panel(title, unit, sorted(bars, key=lambda bar: bar[1]))


def draw_results(results: Results) -> str:
    """
    Draw the chart of a call with 32 in flight, and of a stream.
    """
    return draw_chart(
        [
            create_panel(results, "async-32", "CPU time of a call, async, 32 in flight", "µs", 1),
            create_panel(results, "stream-async", "CPU time of a stream of 200 chunks, async", "ms", 1000),
        ]
    )


def draw_chart(panels: Sequence[Panel]) -> str:
    """
    Draw panels, one below the other.
    """
    nonempty = [one for one in panels if one.bars]
    height = sum(one.height for one in nonempty) + 40
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title desc">',
        '<title id="title">What a call costs</title>',
        f'<desc id="desc">{escape(describe_panels(nonempty))}</desc>',
        f"<style>{STYLE}</style>",
        *draw_legend(),
    ]
    top = 40
    for one in nonempty:
        lines += draw_panel(one, top)
        top += one.height
    return "\n".join([*lines, "</svg>", ""])


def describe_panels(panels: Sequence[Panel]) -> str:
    """
    Describe the chart in words.
    """
    sentences = []
    for one in panels:
        values = "; ".join(f"{LABELS.get(name, name)} {format_value(value)} {one.unit}" for name, value in one.bars)
        sentences.append(f"{one.title}, shorter is better: {values}.")
    return " ".join(sentences)


def draw_legend() -> Iterator[str]:
    """
    Draw the legend of the colours.
    """
    for number, (kind, label) in enumerate(LEGEND.items()):
        x = LEFT + 160 * number
        yield f'<rect class="{kind}" x="{x}" y="14" width="12" height="12"/>'
        yield f'<text x="{x + 18}" y="25">{label}</text>'


def draw_panel(one: Panel, top: int) -> Iterator[str]:
    """
    Draw a panel below the position ``top``.
    """
    low, high = compute_limits([value for _, value in one.bars])
    bottom = top + HEAD + STEP * len(one.bars)
    yield f'<text class="title" x="{LEFT}" y="{top + 26}">{escape(one.title)}</text>'
    yield f'<text class="small" x="{LEFT}" y="{top + 46}">{one.unit}, logarithmic scale; shorter is better</text>'
    for exponent in range(low, high + 1):
        x = compute_position(10.0**exponent, low, high)
        yield f'<line class="grid" x1="{x:.1f}" y1="{top + HEAD - 4}" x2="{x:.1f}" y2="{bottom}"/>'
        yield f'<text class="small" x="{x:.1f}" y="{top + HEAD - 10}" text-anchor="middle">{10.0**exponent:,g}</text>'
    for number, (name, value) in enumerate(one.bars):
        yield from draw_bar(name, value, compute_position(value, low, high), top + HEAD + STEP * number)


def draw_bar(name: str, value: float, end: float, top: int) -> Iterator[str]:
    """
    Draw one bar with its name and value.
    """
    middle = top + BAR - 3
    yield f'<text x="{LEFT - 8}" y="{middle}" text-anchor="end">{escape(LABELS.get(name, name))}</text>'
    kind = KINDS.get(name, "bare")
    yield f'<rect class="{kind}" x="{LEFT}" y="{top}" width="{max(1.0, end - LEFT):.1f}" height="{BAR}" rx="2"/>'
    yield f'<text x="{end + 6:.1f}" y="{middle}">{format_value(value)}</text>'


def compute_limits(values: Sequence[float]) -> tuple[int, int]:
    """
    Return the exponents at the ends of the scale: below the lowest value, and at or above the highest.
    """
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    low -= 10.0**low >= min(values)  # the bar of a power of ten would have no length
    high += 10.0**high < max(values)  # a logarithm may be rounded down
    return low, high


def compute_position(value: float, low: int, high: int) -> float:
    """
    Return the position of a value on the scale.
    """
    return LEFT + (RIGHT - LEFT) * (math.log10(value) - low) / (high - low)


def format_value(value: float) -> str:
    """
    Format a value briefly.
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.1f}"
