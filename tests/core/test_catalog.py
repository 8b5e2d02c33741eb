from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.catalog import Catalog, load_presets
from budwood.catalog.vendors import load_vendor
from budwood.errors import ConfigurationError
from budwood.hooks import PROVIDER
from budwood.plugins import Registry
from budwood.settings import Settings, validate_settings
from budwood.types import Capability, ChatRequest, ModelFacts, ModelRules


def data(name):
    """
    Read one of the catalog's files.
    """
    return json.loads((resources.files("budwood.catalog") / name).read_text("utf-8"))


MODELS = data("models.json")
PRESETS = data("presets.json")


def rules(rows, model="m", *, instance="work", plugin="acme"):
    """
    Look a model up among rows of the user.
    """
    return Catalog(rows).rules(instance, plugin, model)


# Look-up.


def test_model_that_nobody_knows_has_no_rules():
    """
    Nothing known changes nothing.
    """
    assert rules({}) == ModelRules()


def test_longest_pattern_that_fits_wins():
    """
    The more precise row stands alone: of the user's own rows one counts.
    """
    rows = {
        "acme/*": {"max_output_tokens": 1, "traits": ["small"]},
        "acme/big-*": {"max_output_tokens": 2},
        "acme/big-one": {"max_output_tokens": 3},
    }

    assert [rules(rows, model).max_output_tokens for model in ("small", "big-two", "big-one")] == [1, 2, 3]
    assert rules(rows, "big-one").traits == frozenset()


def test_name_itself_wins_over_any_pattern():
    """
    Also over one that is longer.
    """
    rows = {"acme/m": {"max_output_tokens": 1}, "acme/[m]*": {"max_output_tokens": 2}}

    assert rules(rows).max_output_tokens == 1
    assert rules(rows, "m2").max_output_tokens == 2


def test_what_rows_of_the_user_say_comes_before_ours():
    """
    However precise ours are; what the user leaves out stays as we know it.
    """
    ours = Catalog().rules("openai", "openai", "gpt-5.1")
    assert ours.refuses_unless_effort_none

    row = {"openai/*": {"refuses_unless_effort_none": [], "source": "tried"}}
    changed = Catalog(row).rules("openai", "openai", "gpt-5.1")
    assert changed == ours.model_copy(
        update={"refuses_unless_effort_none": frozenset(), "source": "tried", "as_of": None}
    )


def test_price_of_the_user_leaves_the_rules_as_they_are():
    """
    And the limits, where it says nothing of them.
    """
    priced = Catalog({"openai/gpt-5*": {"prices": {"input": "1", "output": "2"}}})
    rules, facts = priced.rules("openai", "openai", "gpt-5.1"), priced.facts("openai", "openai", "gpt-5.1")

    assert rules == Catalog().rules("openai", "openai", "gpt-5.1")
    assert facts.context_window == Catalog().facts("openai", "openai", "gpt-5.1").context_window
    assert (facts.prices[0].input, facts.own) == (Decimal(1), {"prices"})


def test_rows_of_the_instance_come_before_those_of_its_plugin():
    """
    One's own server may differ from the vendor's.
    """
    rows = {"work/*": {"max_output_tokens": 1}, "acme/m": {"max_output_tokens": 2}}

    assert rules(rows).max_output_tokens == 1
    assert rules(rows, instance="home").max_output_tokens == 2


def test_instances_of_a_plugin_share_what_is_known_of_it():
    """
    Another name for the vendor's API changes nothing about its models.
    """
    assert Catalog().rules("work", "openai", "gpt-5.1") == Catalog().rules("openai", "openai", "gpt-5.1")


@pytest.mark.parametrize("key", ["work/LLaMA-3*", "WORK/llama-3.3-70b", "Work/*-70B"])
def test_case_does_not_matter(key):
    """
    Neither that of the row nor that of the model.
    """
    assert rules({key: {"max_output_tokens": 1}}, "Llama-3.3-70B").max_output_tokens == 1


@pytest.mark.parametrize("key", ["my-vllm/m", "my_vllm/m", "My.vLLM/m"])
def test_instance_is_compared_as_all_names_are(key):
    """
    A row finds its instance however both are spelt.
    """
    assert rules({key: {"max_output_tokens": 1}}, instance="my-vllm").max_output_tokens == 1


def test_model_may_have_slashes():
    """
    Only the first one parts the instance from the model.
    """
    assert rules({"work/meta/llama_3*": {"max_output_tokens": 1}}, "meta/llama_3.1").max_output_tokens == 1


def test_rows_come_from_the_settings():
    """
    The section ``[models]`` holds them.
    """
    settings = Settings.load({"models": {"Work_1/m": {"lacks": ["tools"]}}}, environment={})

    assert Catalog(settings.model_rows).rules("work-1", "acme", "m").lacks == {Capability.TOOLS}


def test_typo_in_a_row_is_told_with_the_row():
    """
    The error names the row, the key and the near match.
    """
    with pytest.raises(ConfigurationError, match=r"\[models\.'work/m'\]: unknown key 'refuse' \(did you mean refuses"):
        Catalog({"work/m": {"refuse": ["temperature"]}})


@given(st.text(), st.text(), st.text())
def test_any_name_can_be_looked_up(instance, plugin, model):
    """
    Names with brackets, stars and line breaks are names.
    """
    assert isinstance(Catalog({"[/*": {}}).rules(instance, plugin, model), ModelRules)


# The data.


@pytest.mark.parametrize("pattern", MODELS)
def test_row_says_where_it_is_written_and_when_that_was_read(pattern):
    """
    Each row is valid, belongs to a plugin, and can be checked by whoever reads it.
    """
    row = ModelRules.model_validate(MODELS[pattern])

    assert pattern == pattern.lower()
    assert pattern.partition("/")[2]
    assert row.source
    assert isinstance(row.as_of, date)


@pytest.mark.parametrize("pattern", MODELS)
def test_row_speaks_of_parameters_that_exist(pattern):
    """
    What is renamed or refused is a field of `ChatRequest`.
    """
    row = ModelRules.model_validate(MODELS[pattern])

    named = {
        *row.renames,
        *row.refuses,
        *row.refuses_unless_effort_none,
        *row.refuses_beside,
        *row.refuses_beside.values(),
    }

    assert named <= set(ChatRequest.model_fields)


@pytest.mark.parametrize("name", sorted(path.stem for path in (resources.files("budwood.catalog") / "facts").iterdir()))
def test_facts_are_what_the_record_allows(name):
    """
    They are made without validation, for speed; each would pass it, and tells its source.
    """
    known = load_vendor(name)
    if known is None:
        assert name == "LICENSE"
        return
    for model in known.names():
        facts = known.find(model.replace("*", "").replace("[0-9]", "0").replace("[-@]", "-"))
        assert facts is not None
        assert ModelFacts.model_validate(facts.model_dump()) == facts
        assert facts.source
        assert facts.as_of


def test_shutdowns_say_where_they_are_written():
    """
    Each names its models, its day and its source, and no model stands twice.
    """
    for rows in data("shutdowns.json").values():
        names = [name for row in rows for name in row["names"]]
        assert len(names) == len(set(names))
        for row in rows:
            assert date.fromisoformat(row["shutdown"])
            assert row["source"]
            assert date.fromisoformat(row["as_of"])


@pytest.mark.parametrize("name", ["../presets", "..", "", "a/b", "nobody"])
def test_no_name_reads_another_file(name):
    """
    Names of instances come from users.
    """
    assert load_vendor(name) is None


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        ("gpt-4o", ModelRules().refuses),
        ("o3", {"temperature", "top_p", "presence_penalty", "frequency_penalty", "stop", "parallel_tool_calls"}),
        ("o4-mini", {"temperature", "top_p", "presence_penalty", "frequency_penalty", "stop", "parallel_tool_calls"}),
        ("gpt-5", {"temperature", "top_p", "presence_penalty", "frequency_penalty"}),
        ("gpt-5-mini-2025-08-07", {"temperature", "top_p", "presence_penalty", "frequency_penalty"}),
        ("gpt-5-chat-latest", frozenset()),
        ("gpt-5.2-pro", {"temperature", "top_p", "presence_penalty", "frequency_penalty"}),
    ],
)
def test_models_of_openai_refuse_what_their_vendor_says(model, wanted):
    """
    A sample, through the patterns.
    """
    assert Catalog().rules("openai", "openai", model).refuses == wanted


@pytest.mark.parametrize("name", PRESETS)
def test_preset_fits_the_settings_of_its_plugin(name):
    """
    Its own values are valid settings, its variables fill fields that exist, and its source is told.
    """
    preset = load_presets()[name]
    model = Registry().load(PROVIDER, preset.plugin).settings()

    validate_settings(model, preset.settings, where=name)

    assert set(preset.environment) <= set(model.model_fields)
    assert PRESETS[name]["source"]
    assert preset.needs_credential <= ("api_key" in preset.environment)


@pytest.mark.parametrize("name", PRESETS)
def test_preset_of_a_service_is_encrypted(name):
    """
    Only one's own machine is spoken to in the clear.
    """
    assert load_presets()[name].settings["base_url"].startswith(("https://", "http://localhost:"))


def test_presets_are_found_by_any_spelling():
    """
    As all names are; what is no preset is None.
    """
    assert Catalog().preset("Llama_CPP") is load_presets()["llama-cpp"]
    assert Catalog().preset("openai") is None


def test_another_plugins_rows_hold_where_there_is_none_of_ones_own():
    """
    A vendor that serves another's models has the other's rows, after its own, the user's before ours.
    """
    rows = {"work/a": {"max_output_tokens": 1}, "acme/b": {"max_output_tokens": 2}, "maker/*": {"max_output_tokens": 3}}
    catalog = Catalog(rows)

    found = [catalog.rules("work", "acme", model, also=("maker",)).max_output_tokens for model in "abc"]
    assert found == [1, 2, 3]
    assert catalog.rules("work", "acme", "c") == ModelRules()


@pytest.mark.parametrize(
    ("model", "takes_a_schema"),
    [
        ("gpt-3.5-turbo", False),
        ("gpt-3.5-turbo-0125", False),
        ("gpt-4", False),
        ("gpt-4-turbo", False),
        ("gpt-4o-2024-05-13", False),
        ("gpt-4o-2024-08-06", True),
        ("gpt-4o", True),
        ("gpt-4o-mini", True),
        ("gpt-4.1", True),
        ("gpt-5.1", True),
    ],
)
def test_the_oldest_models_of_openai_take_no_schema(model, takes_a_schema):
    """
    A JSON schema of the reply came with gpt-4o-mini and gpt-4o-2024-08-06: others are asked for the output in a tool.
    """
    lacks = Catalog().rules("openai", "openai", model).lacks

    assert (Capability.JSON_SCHEMA not in lacks) == takes_a_schema
