import json
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.benchmarks import chart, report
from tests.benchmarks.chart import Panel, compute_limits
from tests.benchmarks.results import Results
from tests.benchmarks.targets import TARGETS, check_targets

SVG = "{http://www.w3.org/2000/svg}"
ABOUT = {
    "date": "2026-01-02",
    "python": "CPython 3.11.7",
    "system": "Linux 6.1",
    "processor": "A processor",
    "cpus": 2,
    "memory_gb": 8,
    "server_loop": "uvloop",
    "versions": {"budwood": {"budwood": "0.1.0"}, "suite": {"python": "3.11.7"}},
}


@pytest.fixture
def results():
    """
    Results of one call and one stream, of three contenders.
    """
    results = Results(about=ABOUT, titles={"async-32": "Async, 32 in flight", "stream-async": "A stream"})
    for name, cost in (("aiohttp", 100.0), ("budwood-httptools", 125.0), ("litellm", 4000.0)):
        for measure, factor in (("async-32", 1), ("stream-async", 15)):
            for slow in (1.0, 1.1, 2.0):
                results.add(measure, name, {"calls": 10, "cpu_us": cost * factor * slow, "p50_ms": 1.0})
    results.failures["async-32"]["openai"] = "RuntimeError: no"
    results.missing["async-32"]["langchain"] = "it needs more"
    return results


def test_page_starts_with_the_targets(results):
    """
    The page starts with the targets and their results.
    """
    headings = re.findall(r"^## (.+)$", report.format_page(results, check_targets(results)), re.MULTILINE)

    assert headings == ["Targets", "Async, 32 in flight", "A stream", "Versions and machine"]


def test_target_row_has_spread_and_bound(results):
    """
    The ratio is the median of the rounds' ratios.
    """
    page = report.format_page(results, check_targets(results))

    assert (
        "| async, 32 in flight, over httptools, to bare aiohttp with orjson | 1.25 | 1.25 | 1.25 | ≤ 1.3 × | yes |"
        in page
    )
    assert "| stream of 200 chunks, over httptools, to litellm | 0.03 | 0.03 | 0.03 | ≤ 0.04 × | yes |" in page


def test_measure_is_sorted_and_has_ratios(results):
    """
    Each row has the median, the extremes and the ratio to the reference.
    """
    section = report.format_measure(results, "async-32")
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]

    assert rows == [
        "| bare aiohttp | 110 | 100–200 | 1 | 1 |",
        "| Budwood, httptools | 138 | 125–250 | 1.25 | 1 |",
        "| litellm | 4,400 | 4,000–8,000 | 40 | 1 |",
    ]


def test_missing_contenders_are_listed(results):
    """
    Contenders that failed or lack the operation are listed with the reason.
    """
    section = report.format_measure(results, "async-32")

    assert "- openai failed: RuntimeError: no" in section
    assert "- langchain-openai: it needs more" in section


def test_explanation_is_below_the_targets(results):
    """
    A missed target with an explanation is marked as explained.
    """
    target = next(one for one in TARGETS if one.name.startswith("async, 32 in flight, over httptools, to bare"))
    explained = type(target)(**{**vars(target), "bound": 1.0, "explanation": "The engine takes the rest."})

    section = report.format_targets(check_targets(results, [explained]))

    assert "| explained |" in section
    assert "The engine takes the rest." in section


def test_rows_have_as_many_cells_as_the_head(results):
    """
    A missing value leaves its cell empty.
    """
    results.add("async-32", "httpx", {"cpu_us": 1.0, "first_token_ms": 2.0})
    lines = report.format_page(results, check_targets(results)).splitlines()

    for start, line in enumerate(lines):
        if line.startswith("| ---"):
            for row in lines[start + 1 :]:
                if not row.startswith("|"):
                    break
                assert row.count("|") == line.count("|")


def test_results_can_be_saved_as_json(results):
    """
    The JSON data contains all results.
    """
    data = results.as_data()

    assert json.loads(json.dumps(data)) == data


@pytest.mark.parametrize(
    ("value", "text"), [(0.049, "0.05"), (5.0, "5"), (9.87, "9.87"), (12.34, "12.3"), (4156.2, "4,156")]
)
def test_numbers_have_three_digits(value, text):
    """
    Numbers have three significant digits.
    """
    assert report.format_number(value) == text


def test_chart_is_accessible_xml(results):
    """
    The chart has a title, a description and a value at each bar.
    """
    root = ET.fromstring(chart.draw_results(results))
    texts = [one.text for one in root.iter(f"{SVG}text")]

    assert root.find(f"{SVG}title").text
    assert "litellm 4,400 µs" in root.find(f"{SVG}desc").text
    assert root.get("aria-labelledby") == "title desc"
    assert {"Budwood", "bare HTTP clients", "other libraries", "Budwood, httptools", "138", "4,400"} <= set(texts)


def test_empty_chart_is_xml():
    """
    A chart without samples has a legend and no bars.
    """
    assert ET.fromstring(chart.draw_results(Results())).find(f"{SVG}desc") is not None


@example([1.0], "less < more & more")
@given(st.lists(st.floats(1e-3, 1e7), min_size=1, max_size=12), st.text(st.characters(codec="utf-8", min_codepoint=32)))
def test_bars_are_within_the_chart(values, title):
    """
    For any values, bars start at the axis, have a length and end before the edge; any title is escaped.
    """
    svg = chart.draw_chart([Panel(title, "µs", [("budwood", value) for value in values])])

    if not any(character in title for character in "\ufffe\uffff"):
        bars = [one for one in ET.fromstring(svg).iter(f"{SVG}rect") if one.get("rx")]
        assert len(bars) == len(values)
        assert all(0 < float(one.get("width")) <= chart.RIGHT - chart.LEFT for one in bars)


@given(st.floats(1e-3, 1e7))
def test_scale_includes_its_values(value):
    """
    The ends of the scale are powers of ten around the value.
    """
    low, high = compute_limits([value])

    assert 10.0**low < value <= 10.0**high
