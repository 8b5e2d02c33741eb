import json
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.benchmarks import chart, report
from tests.benchmarks.chart import Panel, limits
from tests.benchmarks.results import Results
from tests.benchmarks.targets import TARGETS, verdicts

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
    made = Results(about=ABOUT, titles={"async-32": "Async, 32 in flight", "stream-async": "A stream"})
    for name, cost in (("aiohttp", 100.0), ("budwood-httptools", 125.0), ("litellm", 4000.0)):
        for measure, factor in (("async-32", 1), ("stream-async", 15)):
            for slow in (1.0, 1.1, 2.0):
                made.add(measure, name, {"calls": 10, "cpu_us": cost * factor * slow, "p50_ms": 1.0})
    made.failures["async-32"]["openai"] = "RuntimeError: no"
    made.missing["async-32"]["langchain"] = "it needs more"
    return made


def test_the_page_has_the_targets_first(results):
    """
    Who opens the page sees what was promised, and what was found.
    """
    headings = re.findall(r"^## (.+)$", report.page(results, verdicts(results)), re.MULTILINE)

    assert headings == ["Targets", "Async, 32 in flight", "A stream", "Versions and machine"]


def test_a_target_is_shown_with_its_spread_and_its_bound(results):
    """
    The ratio is that of the rounds, not of the medians.
    """
    page = report.page(results, verdicts(results))

    assert (
        "| async, 32 in flight, over httptools, to bare aiohttp with orjson | 1.25 | 1.25 | 1.25 | ≤ 1.3 × | yes |"
        in page
    )
    assert "| stream of 200 chunks, over httptools, to litellm | 0.03 | 0.03 | 0.03 | ≤ 0.04 × | yes |" in page


def test_a_measure_lists_the_cheapest_first_with_ratios(results):
    """
    Each row has the median, the extremes, and the ratio to the one that everyone is compared with.
    """
    section = report.measure_section(results, "async-32")
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]

    assert rows == [
        "| bare aiohttp | 110 | 100–200 | 1 | 1 |",
        "| Budwood, httptools | 138 | 125–250 | 1.25 | 1 |",
        "| litellm | 4,400 | 4,000–8,000 | 40 | 1 |",
    ]


def test_who_took_no_part_is_named(results):
    """
    A contender that failed, or could not, is told with the reason.
    """
    section = report.measure_section(results, "async-32")

    assert "- openai failed: RuntimeError: no" in section
    assert "- langchain-openai: it needs more" in section


def test_an_explanation_stands_below_the_targets(results):
    """
    A target that is missed and explained says so.
    """
    target = next(one for one in TARGETS if one.name.startswith("async, 32 in flight, over httptools, to bare"))
    explained = type(target)(**{**vars(target), "bound": 1.0, "explanation": "The engine takes the rest."})

    section = report.targets_section(verdicts(results, [explained]))

    assert "| explained |" in section
    assert "The engine takes the rest." in section


def test_rows_of_tables_have_as_many_cells_as_their_heads(results):
    """
    What is missing in one contender leaves its cell empty.
    """
    results.add("async-32", "httpx", {"cpu_us": 1.0, "first_token_ms": 2.0})
    lines = report.page(results, verdicts(results)).splitlines()

    for start, line in enumerate(lines):
        if line.startswith("| ---"):
            for row in lines[start + 1 :]:
                if not row.startswith("|"):
                    break
                assert row.count("|") == line.count("|")


def test_results_survive_json(results):
    """
    What is written can be read again.
    """
    data = results.as_data()

    assert json.loads(json.dumps(data)) == data


@pytest.mark.parametrize(
    ("value", "written"), [(0.049, "0.05"), (5.0, "5"), (9.87, "9.87"), (12.34, "12.3"), (4156.2, "4,156")]
)
def test_numbers_have_three_digits(value, written):
    """
    More digits would promise more than was measured.
    """
    assert report.number(value) == written


def test_the_chart_is_xml_that_says_what_it_shows(results):
    """
    It has a title and a description for those who do not see it, and a number at each bar.
    """
    root = ET.fromstring(chart.draw(results))
    texts = [one.text for one in root.iter(f"{SVG}text")]

    assert root.find(f"{SVG}title").text
    assert "litellm 4,400 µs" in root.find(f"{SVG}desc").text
    assert root.get("aria-labelledby") == "title desc"
    assert {"Budwood", "bare HTTP clients", "other libraries", "Budwood, httptools", "138", "4,400"} <= set(texts)


def test_a_chart_of_nothing_is_xml_too():
    """
    Without samples there is a legend, and no bar.
    """
    assert ET.fromstring(chart.draw(Results())).find(f"{SVG}desc") is not None


@example([1.0], "less < more & more")
@given(st.lists(st.floats(1e-3, 1e7), min_size=1, max_size=12), st.text(st.characters(codec="utf-8", min_codepoint=32)))
def test_bars_lie_within_the_chart(values, title):
    """
    Whatever was measured, bars begin at the axis, have a length, and end before the edge; any title is XML.
    """
    drawn = chart.chart([Panel(title, "µs", [("budwood", value) for value in values])])

    if not any(character in title for character in "\ufffe\uffff"):
        bars = [one for one in ET.fromstring(drawn).iter(f"{SVG}rect") if one.get("rx")]
        assert len(bars) == len(values)
        assert all(0 < float(one.get("width")) <= chart.RIGHT - chart.LEFT for one in bars)


@given(st.floats(1e-3, 1e7))
def test_the_scale_encloses_its_values(value):
    """
    Both ends of the scale are powers of ten, the value between them.
    """
    low, high = limits([value])

    assert 10.0**low < value <= 10.0**high
