"""Bars, areas and lines as SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import accumulate, groupby
from typing import Final

from markupsafe import Markup

from budwood_server.page.charts.markup import element
from budwood_server.page.charts.scales import find_ticks, find_time_ticks, format_interval

WIDTH: Final = 1000
HEIGHT: Final = 200
"""The units of a drawing, which is stretched to its place. Texts are outside of it, so that they keep their size."""

_GAP: Final = 0.2
"""The part of an interval beside its bar."""

Value = int | float | Decimal | None


@dataclass(frozen=True, slots=True)
class Line:
    """
    A series of a chart.

    Attributes:
        name: What the legend says.
        values: The value of each interval, or None where there is none.
        color: The class of its colour: ``"series-1"`` and so on, or ``"bad"``.
        texts: What stands for the values in words; by default what the chart makes of them.
    """

    name: str
    values: Sequence[Value]
    color: str = "series-1"
    texts: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """
    What a chart shows.

    Attributes:
        id: Identifies it in the page.
        title: Its title.
        text: What it shows, in a sentence.
        starts: The starts of the intervals.
        ends: Their ends.
        lines: The series.
        format: Returns the text of a value.
        format_tick: Returns the text of a tick, given the tick and the distance to the next one.
        is_whole: Whether values are integers.
        is_stacked: Whether the series add up.
    """

    id: str
    title: str
    text: str
    starts: Sequence[datetime]
    ends: Sequence[datetime]
    lines: Sequence[Line]
    format: Callable[[Value], str]
    format_tick: Callable[[float, float], str]
    is_whole: bool = False
    is_stacked: bool = True
    ticks: Sequence[float] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ticks", find_ticks(self._find_maximum(), is_whole=self.is_whole))

    @property
    def rows(self) -> Sequence[tuple[str, Sequence[str]]]:
        """The time of each interval, and its values as texts."""
        columns = [line.texts or [self.format(value) for value in line.values] for line in self.lines]
        times = [format_interval(start, end) for start, end in zip(self.starts, self.ends, strict=True)]
        return [(time, [column[index] for column in columns]) for index, time in enumerate(times)]

    @property
    def is_empty(self) -> bool:
        """Whether no interval has a value."""
        return not any(value for line in self.lines for value in line.values)

    def _find_maximum(self) -> float:
        columns = zip(*([float(value or 0) for value in line.values] for line in self.lines), strict=True)
        return max((sum(column) if self.is_stacked else max(column) for column in columns), default=0)


def draw_bars(chart: Chart) -> Markup:
    """Return a chart with a bar for each interval, in which the series are stacked."""
    width = WIDTH / max(len(chart.starts), 1)
    parts = []
    for line, tops in zip(chart.lines, _stack(chart), strict=True):
        bars = [
            f"M{_round(index * width + width * _GAP / 2)} {_y(chart, low)}"
            f"V{_y(chart, high)}h{_round(width * (1 - _GAP))}V{_y(chart, low)}z"
            for index, (low, high) in enumerate(tops)
            if high > low
        ]
        parts.append(element("path", d="".join(bars), class_=f"fill {line.color}"))
    return _frame(chart, parts)


def draw_areas(chart: Chart) -> Markup:
    """Return a chart with an area for each series, each on top of the one before."""
    parts = []
    for line, tops in zip(chart.lines, _stack(chart), strict=True):
        xs = _middles(chart)
        upper = [f"{x} {_y(chart, high)}" for x, (_, high) in zip(xs, tops, strict=True)]
        lower = [f"{x} {_y(chart, low)}" for x, (low, _) in zip(xs, tops, strict=True)]
        if upper:
            parts.append(element("path", d=f"M{'L'.join([*upper, *lower[::-1]])}z", class_=f"area {line.color}"))
            parts.append(element("path", d=f"M{'L'.join(upper)}", class_=f"line thin {line.color}"))
    return _frame(chart, parts)


def draw_lines(chart: Chart) -> Markup:
    """Return a chart with a line for each series. Intervals without a value interrupt it."""
    parts = []
    for line in chart.lines:
        points = [
            None if value is None else f"{x} {_y(chart, float(value))}"
            for x, value in zip(_middles(chart), line.values, strict=True)
        ]
        runs = [[*run] for has_value, run in groupby(points, key=lambda point: point is not None) if has_value]
        path = "".join(f"M{'L'.join(filter(None, run))}{'h0' if len(run) == 1 else ''}" for run in runs)
        parts.append(element("path", d=path, class_=f"line {line.color}"))
    return _frame(chart, parts)


def _stack(chart: Chart) -> Sequence[Sequence[tuple[float, float]]]:
    """Return the lower and the upper end of each value of each series."""
    columns = zip(*([float(value or 0) for value in line.values] for line in chart.lines), strict=True)
    stacked = [[*accumulate(column, initial=0.0)] for column in columns]
    return [[(column[index], column[index + 1]) for column in stacked] for index in range(len(chart.lines))]


def _frame(chart: Chart, parts: Sequence[Markup]) -> Markup:
    """Return the drawing with its axes."""
    grid = [
        element("line", x1=0, x2=WIDTH, y1=_y(chart, tick), y2=_y(chart, tick), class_="grid" if tick else "base")
        for tick in chart.ticks
    ]
    names = f"{chart.id}-title {chart.id}-text"
    head = [element("title", chart.title, id=f"{chart.id}-title"), element("desc", chart.text, id=f"{chart.id}-text")]
    plot = element(
        "svg",
        *head,
        *grid,
        *parts,
        *_hits(chart),
        class_="plot",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_labelledby=names,
    )
    labels = [element("span", chart.format_tick(tick, chart.ticks[1])) for tick in reversed(chart.ticks)]
    y_axis = element("div", *labels, class_="y-axis", aria_hidden="true")
    return element("div", y_axis, plot, _x_axis(chart), class_="chart")


def _hits(chart: Chart) -> Sequence[Markup]:
    """Return a place for the pointer over each interval, which shows its values."""
    width = WIDTH / max(len(chart.starts), 1)
    hits = []
    for index, (time, values) in enumerate(chart.rows):
        pairs = [f"{line.name}: {value}" for line, value in zip(chart.lines, values, strict=True)]
        tip = element("title", "\n".join([f"{time} UTC", *pairs]))
        place = {"x": _round(index * width), "y": 0, "width": _round(width), "height": HEIGHT}
        hits.append(element("rect", tip, **place, class_="hit"))
    return hits


def _x_axis(chart: Chart) -> Markup:
    count = max(len(chart.starts), 1)
    texts = []
    for number, tick in enumerate(find_time_ticks(chart.starts)):
        place = 100 * (tick.interval + 0.5) / count
        anchor = "start" if place < 4 else "end" if place > 96 else "middle"
        classes = "minor" if number % 2 else "major"
        texts.append(element("text", tick.text, x=f"{place:.2f}%", y="1em", text_anchor=anchor, class_=classes))
    return element("svg", *texts, class_="x-axis", aria_hidden="true")


def _middles(chart: Chart) -> Sequence[str]:
    count = max(len(chart.starts), 1)
    return [_round((index + 0.5) * WIDTH / count) for index in range(len(chart.starts))]


def _y(chart: Chart, value: float) -> str:
    return _round(HEIGHT - HEIGHT * value / chart.ticks[-1])


def _round(value: float) -> str:
    """Return a coordinate with one decimal place."""
    return f"{value:.1f}".removesuffix(".0")
