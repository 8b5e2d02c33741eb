"""Facts and costs of the catalog, compared with the package that the facts are from, for each model."""

from __future__ import annotations

import importlib.util
import json
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from genai_prices import types as theirs
from genai_prices.data import providers
from hypothesis import given
from hypothesis import strategies as st

from budwood.catalog import Catalog
from budwood.types import Usage

ROOT = Path(__file__).resolve().parents[2]
THEIRS = {provider.id: provider for provider in providers}
TOKENS = {
    "input_mtok",
    "cache_read_mtok",
    "cache_write_mtok",
    "cache_write_1h_mtok",
    "output_mtok",
}

pytestmark = pytest.mark.one_python


def load_program():
    """
    Load the program that writes the files.
    """
    spec = importlib.util.spec_from_file_location("update", ROOT / "core/catalog/update.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


UPDATE = load_program()


def list_clauses(match):
    """
    List the simple clauses of a rule of the package.
    """
    inner = getattr(match, "or_", None) or getattr(match, "and_", None)
    return [leaf for clause in inner for leaf in list_clauses(clause)] if inner else [match]


def list_names(match):
    """
    Make names that a rule of the package matches, and similar names that it should not match.
    """
    for clause in list_clauses(match):
        (text,) = vars(clause).values()
        if isinstance(clause, theirs.ClauseRegex):
            text = re.sub(r"\\d\{(\d+)\}", lambda found: "2" * int(found[1]), text.strip("^$"))
            text = re.sub(r"\[(.)[^\]]*\]", r"\1", text).replace("\\d", "7").replace("\\", "")
            if "(?" in text:
                continue
        yield from (text, text.upper(), f"{text}-20260102", f"x-{text}")
        if "/" not in text:  # names of routers have no other versions, and are numerous
            yield from (f"{text}-2026-01-02", f"{text}-latest", f"{text}-tts", f"{text}-preview-tts-1")
            yield from (f"{text}x", text[:-1], f"{text}:free", f"{text}@20260102")


def list_names_to_try():
    """
    List vendors, by the name here and in the package, with all names to test.
    """
    for ours, other in UPDATE.VENDORS.items():
        provider = THEIRS[other]
        makers = [provider, *(THEIRS[name] for name in provider.fallback_model_providers or () if name in THEIRS)]
        for maker in makers:
            for model in maker.models:
                for name in {model.id, *list_names(model.match)}:
                    if name:
                        yield ours, other, name


def list_recorded_names(folder):
    """
    List the model names in recorded traffic, with the vendor.
    """
    ours = {"openai": "openai", "azure": "azure", "anthropic": "anthropic", "gemini": "gemini", "groq": "groq"}
    found = set()
    for line in (folder / "cassettes/index.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        for interaction in row["interactions"]:
            in_address = re.search(r"/models/([^:/?]+):", interaction["url"])
            name = interaction.get("model") or (in_address and in_address[1])
            if name and row["provider"] in ours:
                found.add((ours[row["provider"]], name))
    return sorted(found)


def get_facts(vendor, model):
    """
    Look up a model as an instance of its vendor does.
    """
    return Catalog().facts(vendor, vendor, model)


def get_package_model(other, name):
    """
    Look up a model in the package, without its fallback for dates without dashes.
    """
    return THEIRS[other]._match_model(name.lower(), all_providers=providers)


def has_token_prices(model):
    """
    Return whether a model has a price for input, and prices of tokens only.
    """
    rows = [row.prices for row in model.prices] if isinstance(model.prices, list) else [model.prices]
    return all(getattr(row, "input_mtok", None) is not None for row in rows)


@cache
def list_priced_models(vendor):
    """
    List the models of a vendor that have prices of tokens, each with a name that matches it.
    """
    other = UPDATE.VENDORS[vendor]
    found = []
    for model in THEIRS[other].models:
        names = (
            name for name in [model.id, *list_names(model.match)] if name and get_package_model(other, name) is model
        )
        if has_token_prices(model) and (name := next(names, None)):
            found.append((name, model))
    return found


def check_same_match(ours, other, name):
    """
    Check that both find the same model for a name, compared by window and prices, or that neither finds one.
    """
    model = get_package_model(other, name)
    expected = UPDATE._model(model) if model else {}
    found = get_facts(ours, name)
    assert found.context_window == expected.get("context_window"), name
    assert len(found.prices) == len(expected.get("prices", ())), name
    for mine, row in zip(found.prices, expected.get("prices", ()), strict=True):
        assert [str(price) for price in (mine.input, mine.output)] == [str(row.get("input")), str(row.get("output"))]


def test_files_match_the_output_of_the_program():
    """
    They were not edited by hand, and there are no obsolete ones.
    """
    files = UPDATE.files()

    assert {path.name: path.read_text("utf-8") for path in UPDATE.FOLDER.iterdir()} == files


@pytest.mark.parametrize("vendor", UPDATE.VENDORS)
def test_names_mean_the_same_models(vendor):
    """
    For names, dated names, aliases and names that only look alike, both find the same row or none.
    """
    names = {(ours, other, name) for ours, other, name in list_names_to_try() if ours == vendor}

    assert len(names) > 50
    for ours, other, name in sorted(names):
        check_same_match(ours, other, name)


def test_recorded_names_mean_the_same_models(shared_folder):
    """
    Model names in recorded traffic are found as in the package.
    """
    recorded = list_recorded_names(shared_folder)

    assert len(recorded) > 50
    for ours, name in recorded:
        check_same_match(ours, UPDATE.VENDORS[ours], name)


COUNTS = st.integers(0, 2_000_000)
MOMENTS = st.datetimes(datetime(2023, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


@st.composite
def usages(draw):
    """
    Generate the usage of a call: input tokens include those read from and written to a cache.
    """
    read, cache_writes, rest, output = draw(COUNTS), draw(COUNTS), draw(COUNTS), draw(COUNTS)
    hour = draw(st.integers(0, cache_writes))
    return Usage(
        input_tokens=read + cache_writes + rest,
        uncached_input_tokens=rest,
        cache_read_tokens=read,
        cache_write_tokens=cache_writes,
        cache_write_1h_tokens=hour,
        output_tokens=output,
    )


def calculate_package_cost(model, usage, moment, context=None):
    """
    Calculate the cost of a call with the package.
    """
    prices = model.get_prices(moment, context)
    counted = theirs.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        output_tokens=usage.output_tokens,
    )
    tokens = theirs.ModelPrice(**{key: value for key, value in vars(prices).items() if key in TOKENS})
    return tokens.calc_price(counted)["total_price"], prices


@pytest.mark.parametrize("vendor", UPDATE.VENDORS)
@given(data=st.data())
def test_calls_cost_the_same(vendor, data):
    """
    Any usage of any model at any time costs what the package says, to the last digit.
    """
    name, model = data.draw(st.sampled_from(list_priced_models(vendor)))
    usage, moment = data.draw(usages()), data.draw(MOMENTS)
    expected, prices = calculate_package_cost(model, usage, moment)

    cost = get_facts(vendor, name).cost(usage, moment)

    if usage.output_tokens and getattr(prices, "output_mtok", None) is None:
        assert (cost.dollars, cost.unknown) == (None, "no price known for output")
    else:
        assert (cost.dollars, cost.unknown) == (expected, None)


TIERED = [
    (ours, name, model, context, tier)
    for ours in UPDATE.VENDORS
    for name, model in list_priced_models(ours)
    for tier, context in UPDATE._contexts(model).items()
]


@given(st.sampled_from(TIERED), usages(), st.integers(0, 500))
def test_calls_of_other_tiers_cost_the_same(tiered, usage, days):
    """
    From the day on which a tier has prices, its calls cost what the package says; before that day the cost is unknown.
    """
    vendor, name, model, context, tier = tiered
    first = UPDATE._days(model, context)[0]
    moment = datetime.combine(first, datetime.min.time(), UTC) if first else datetime(2026, 11, 1, tzinfo=UTC)
    expected, prices = calculate_package_cost(model, usage, moment + timedelta(days=days), context)

    found = get_facts(vendor, name)

    if getattr(prices, "output_mtok", None) is not None:
        assert found.cost(usage, moment + timedelta(days=days), tier).dollars == expected
    if first:
        early = found.cost(usage, moment - timedelta(seconds=1), tier)
        assert early == (None, f"no price known for the service tier {tier}")
