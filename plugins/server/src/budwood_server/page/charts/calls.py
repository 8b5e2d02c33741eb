"""The charts of calls over time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, Final

from budwood_server.page.charts.drawing import Chart, Line, Value
from budwood_server.page.formatting import format_cost, format_dollars, format_number, format_seconds, format_short
from budwood_server.telemetry.series import Series, SeriesSums

OTHERS: Final = "others"
_COLORS: Final = 5
"""The number of colours of groups. All other calls are grey."""


def make_calls_chart(series: Series) -> Chart:
    """Return the number of calls, by the groups with the most calls if the series has groups."""
    text = f"{format_number(series.total.calls)} calls, of which {format_number(series.total.errors)} failed."
    return Chart("calls", "Calls", text, **_times(series), lines=_group(series, "calls"), **_COUNTS)


def make_cost_chart(series: Series) -> Chart:
    """Return the cost, by the groups with the highest cost if the series has groups."""
    total = series.total
    text = f"{format_cost(total.cost, total.unknown_costs).capitalize()} in total."
    if total.unknown_costs:
        text = f"{text} The cost of {format_number(total.unknown_costs)} calls is not known."
    return Chart("cost", "Cost", text, **_times(series), lines=_group(series, "cost"), **_DOLLARS)


def make_latency_chart(series: Series) -> Chart:
    """Return the median and the 95th percentile of durations."""
    lines = [
        Line("p95", [point.p95 for point in series.points], "series-3"),
        Line("p50", [point.p50 for point in series.points], "series-2"),
    ]
    text = f"Median {format_seconds(series.p50)}, 95th percentile {format_seconds(series.p95)}."
    return Chart("latency", "Latency", text, **_times(series), lines=lines, **_SECONDS, is_stacked=False)


def make_errors_chart(series: Series) -> Chart:
    """Return the number of calls that failed."""
    line = Line("Errors", [point.errors for point in series.points], "bad")
    share = series.total.errors / series.total.calls if series.total.calls else 0
    text = f"{format_number(series.total.errors)} failed, {share:.1%} of all calls."
    return Chart("errors", "Errors", text, **_times(series), lines=[line], **_COUNTS)


def _group(series: Series, name: str) -> Sequence[Line]:
    """Return a line for each of the groups with the largest sums of a value, and one for all others."""
    if not series.groups:
        return [_make_line(name.capitalize(), series.points, name, "series-1")]
    colors = _choose_colors(series)
    largest = _find_largest(series, name)
    lines = [
        _make_line(str(group.value), group.points, name, colors[str(group.value)])
        for group in series.groups
        if group.value in largest
    ]
    others = [group.points for group in series.groups if group.value not in largest]
    if others:
        lines.append(_make_line(OTHERS, [_add_up(points) for points in zip(*others, strict=True)], name, "rest"))
    return lines


def _make_line(title: str, points: Sequence[SeriesSums], name: str, color: str) -> Line:
    """Return the line of a value. A cost that is not known is not zero."""
    values = [getattr(point, name) for point in points]
    texts = [format_cost(point.cost, point.unknown_costs) for point in points] if name == "cost" else None
    return Line(title, values, color, texts)


def _add_up(points: Sequence[SeriesSums]) -> SeriesSums:
    return SeriesSums(**{name: sum(getattr(point, name) for point in points) for name in SeriesSums.model_fields})


def _find_largest(series: Series, name: str) -> Collection[str]:
    """Return the named groups with the largest sums of a value, as many as there are colours."""
    sums = {
        group.value: sum(getattr(point, name) for point in group.points)
        for group in series.groups
        if group.value is not None
    }
    return sorted(sums, key=lambda value: -sums[value])[:_COLORS]


def _choose_colors(series: Series) -> dict[str, str]:
    """Return the colours of groups. A group has the same one in all charts, and no chart has one twice."""
    by_cost, by_calls = _find_largest(series, "cost"), _find_largest(series, "calls")
    colors = {value: f"series-{number}" for number, value in enumerate(by_cost, 1)}
    free = [colors[value] for value in by_cost if value not in by_calls]
    return dict(zip([value for value in by_calls if value not in by_cost], free, strict=True)) | colors


def _times(series: Series) -> dict[str, Any]:
    starts = [point.start for point in series.points]
    return {"starts": starts, "ends": [start + timedelta(seconds=series.step) for start in starts]}


def _count(value: Value) -> str:
    return format_number(None if value is None else int(value))


def _seconds(value: Value) -> str:
    return format_seconds(None if value is None else float(value))


def _tick_dollars(value: float, step: float) -> str:
    return f"${value:,.{0 if step >= 1 and step == int(step) else 2 if step >= 0.01 else 4}f}"


def _tick_seconds(value: float, step: float) -> str:
    return f"{value:g} s" if step >= 0.1 or not value else f"{value * 1000:g} ms"


_COUNTS: Final[dict[str, Any]] = {
    "format": _count,
    "format_tick": lambda value, _: format_short(value),
    "is_whole": True,
}
_DOLLARS: Final[dict[str, Any]] = {"format": format_dollars, "format_tick": _tick_dollars}
_SECONDS: Final[dict[str, Any]] = {"format": _seconds, "format_tick": _tick_seconds}
