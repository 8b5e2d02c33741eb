"""Charts: round axes, exact figures, and nothing but escaped text in them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_server.page.charts.drawing import HEIGHT, WIDTH, Chart, Line, draw_areas, draw_bars, draw_lines
from budwood_server.page.charts.markup import element
from budwood_server.page.charts.scales import MAX_STEPS, MAX_TICKS, find_ticks, find_time_ticks
from budwood_server.page.formatting import format_number

START = datetime(2026, 11, 3, tzinfo=UTC)
STEPS = (60, 1800, 10_800, 86_400, 604_800)
VALUES = st.lists(st.none() | st.floats(0, 1e12) | st.decimals(0, 10**6, places=6), min_size=1, max_size=60)


def make_chart(*lines, step=1800, **fields):
    """
    Return a chart of series, each a list of values.
    """
    starts = [START + timedelta(seconds=step * number) for number in range(len(lines[0]))]
    return Chart(
        "calls",
        fields.pop("title", "Calls"),
        "All calls.",
        starts=starts,
        ends=[start + timedelta(seconds=step) for start in starts],
        lines=[Line(f"line {number}", values, f"series-{number}") for number, values in enumerate(lines, 1)],
        format=format_number,
        format_tick=lambda value, _: f"{value:g}",
        **fields,
    )


def read_numbers(text):
    """
    Return the numbers of a path.
    """
    for letter in "MLVHhz":
        text = text.replace(letter, " ")
    return [float(number) for number in text.split()]


@given(maximum=st.floats(-1, 1e15) | st.just(float("nan")) | st.just(float("inf")), is_whole=st.booleans())
def test_axes_end_at_round_numbers(maximum, is_whole):
    """
    They begin at zero, cover the highest value, and have few ticks at equal distances.
    """
    ticks = find_ticks(maximum, is_whole=is_whole)

    step = ticks[1]
    assert ticks[0] == 0
    assert 2 <= len(ticks) <= MAX_STEPS + 2
    assert not 0 < maximum < float("inf") or ticks[-1] >= maximum * (1 - 1e-6) - 1e-11
    assert not is_whole or step == int(step)
    assert float(f"{step:.12e}".partition("e")[0]) in (1, 2, 2.5, 5)


@pytest.mark.parametrize(("maximum", "last"), [(7, 8), (100, 100), (101, 150), (0.9, 1), (0, 1), (358, 400)])
def test_axes_of_counts(maximum, last):
    """
    Their ticks are integers.
    """
    ticks = find_ticks(maximum, is_whole=True)

    assert all(tick == int(tick) for tick in ticks)
    assert ticks[-1] == last


@given(step=st.sampled_from(STEPS), count=st.integers(1, 60), offset=st.integers(0, 10_000))
def test_times_have_few_labels(step, count, offset):
    """
    Each names the start of an interval, in order.
    """
    starts = [START + timedelta(seconds=step * (offset + number)) for number in range(count)]
    ticks = find_time_ticks(starts)

    assert len(ticks) <= MAX_TICKS
    assert [tick.interval for tick in ticks] == sorted({tick.interval for tick in ticks})
    assert all(0 <= tick.interval < count for tick in ticks)


def test_no_intervals_have_no_labels():
    """
    An empty chart is drawn as well.
    """
    assert find_time_ticks([]) == []
    assert make_chart([]).is_empty
    ET.fromstring(draw_bars(make_chart([])))
    ET.fromstring(draw_areas(make_chart([])))
    ET.fromstring(draw_lines(make_chart([])))


@pytest.mark.parametrize("draw", [draw_bars, draw_areas, draw_lines])
@given(values=VALUES)
def test_drawings_stay_within_their_frame(draw, values):
    """
    For any values, also None; the markup is well-formed.
    """
    chart = make_chart(values, list(reversed(values)), is_stacked=draw is not draw_lines)
    plot = ET.fromstring(draw(chart)).find(".//svg[@class='plot']")

    for path in plot.iter("path"):
        assert all(-0.1 <= number <= max(WIDTH, HEIGHT) + 0.1 for number in read_numbers(path.get("d")))


def test_bars_are_stacked():
    """
    The second series begins where the first one ends.
    """
    first, second = ET.fromstring(draw_bars(make_chart([2], [2]))).iter("path")

    assert first.get("d") == "M100 200V100h800V200z"
    assert second.get("d") == "M100 100V0h800V100z"


def test_lines_are_interrupted_where_there_is_no_value():
    """
    A single value is a dot.
    """
    chart = make_chart([1, 1, None, 1, None], is_stacked=False)

    (path,) = ET.fromstring(draw_lines(chart)).iter("path")

    assert path.get("d") == "M100 0L300 0M700 0h0"


def test_charts_are_described():
    """
    The drawing has a title and a description; each interval shows its values, as the table does.
    """
    chart = make_chart([1234], [Decimal("0.5")])
    plot = ET.fromstring(draw_bars(chart)).find(".//svg[@role='img']")

    names = plot.get("aria-labelledby").split()
    assert [plot.find(f"*[@id='{name}']").text for name in names] == ["Calls", "All calls."]
    assert chart.rows == [("3 Nov, 00:00 to 00:30", ["1,234", "0.50"])]
    assert plot.find("rect/title").text == "3 Nov, 00:00 to 00:30 UTC\nline 1: 1,234\nline 2: 0.50"


@given(text=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
def test_texts_are_escaped(text):
    """
    Names of models and keys are text, whatever is in them.
    """
    assert ET.fromstring(element("text", text, class_=text)).text == (text or None)
    assert ET.fromstring(element("text", text, class_=text)).get("class") == text


def test_names_of_groups_are_no_markup():
    """
    Also in legends and titles, and no style is inline.
    """
    drawing = draw_bars(make_chart([1], title="<script>alert(1)</script>"))

    assert "<script" not in drawing
    assert "style=" not in drawing
