from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.catalog import Catalog, list_models, load_presets
from budwood.catalog.matching import best_match
from budwood.catalog.vendors import load_vendor
from budwood.errors import ConfigurationError
from budwood.hooks import PROVIDER
from budwood.plugins import Registry
from budwood.settings import Settings, validate_settings
from budwood.types import (
    Capability,
    ChatRequest,
    ImageRequest,
    ModelFacts,
    ModelRules,
    SpeechRequest,
    TranscriptionRequest,
    VideoRequest,
)


def load_data(name):
    """
    Load a file of the catalog.
    """
    return json.loads((resources.files("budwood.catalog") / name).read_text("utf-8"))


MODELS = load_data("models.json")
PRESETS = load_data("presets.json")


def get_rules(rows, model="m", *, instance="work", plugin="acme"):
    """
    Look up a model with rows of the user.
    """
    return Catalog(rows).rules(instance, plugin, model)


# Look-up.


def test_unknown_model_has_no_rules():
    """
    Its request is not changed.
    """
    assert get_rules({}) == ModelRules()


def test_longest_matching_pattern_applies():
    """
    Only one of the user's rows applies.
    """
    rows = {
        "acme/*": {"max_output_tokens": 1, "traits": ["small"]},
        "acme/big-*": {"max_output_tokens": 2},
        "acme/big-one": {"max_output_tokens": 3},
    }

    assert [get_rules(rows, model).max_output_tokens for model in ("small", "big-two", "big-one")] == [1, 2, 3]
    assert get_rules(rows, "big-one").traits == frozenset()


def test_exact_name_takes_precedence_over_patterns():
    """
    This includes longer patterns.
    """
    rows = {"acme/m": {"max_output_tokens": 1}, "acme/[m]*": {"max_output_tokens": 2}}

    assert get_rules(rows).max_output_tokens == 1
    assert get_rules(rows, "m2").max_output_tokens == 2


def test_rows_of_the_user_take_precedence():
    """
    Fields that they do not have keep the values of the catalog.
    """
    ours = Catalog().rules("openai", "openai", "gpt-5.1")
    assert ours.refuses_unless_effort_none

    row = {"openai/*": {"refuses_unless_effort_none": [], "source": "tried"}}
    changed = Catalog(row).rules("openai", "openai", "gpt-5.1")
    assert changed == ours.model_copy(
        update={"refuses_unless_effort_none": frozenset(), "source": "tried", "as_of": None}
    )


def test_price_of_the_user_keeps_the_rules():
    """
    The limits are unchanged as well.
    """
    priced = Catalog({"openai/gpt-5*": {"prices": {"input": "1", "output": "2"}}})
    rules, facts = priced.rules("openai", "openai", "gpt-5.1"), priced.facts("openai", "openai", "gpt-5.1")

    assert rules == Catalog().rules("openai", "openai", "gpt-5.1")
    assert facts.context_window == Catalog().facts("openai", "openai", "gpt-5.1").context_window
    assert (facts.prices[0].input, facts.own) == (Decimal(1), {"prices"})


def test_rows_of_the_instance_take_precedence_over_those_of_its_plugin():
    """
    A server may differ from the vendor's.
    """
    rows = {"work/*": {"max_output_tokens": 1}, "acme/m": {"max_output_tokens": 2}}

    assert get_rules(rows).max_output_tokens == 1
    assert get_rules(rows, instance="home").max_output_tokens == 2


def test_rows_of_a_plugin_apply_to_its_instances():
    """
    Another name for the vendor's API has the same models.
    """
    assert Catalog().rules("work", "openai", "gpt-5.1") == Catalog().rules("openai", "openai", "gpt-5.1")


@pytest.mark.parametrize("key", ["work/LLaMA-3*", "WORK/llama-3.3-70b", "Work/*-70B"])
def test_case_does_not_matter(key):
    """
    This applies to rows and models.
    """
    assert get_rules({key: {"max_output_tokens": 1}}, "Llama-3.3-70B").max_output_tokens == 1


@pytest.mark.parametrize("key", ["my-vllm/m", "my_vllm/m", "My.vLLM/m"])
def test_instance_in_a_row_is_normalised(key):
    """
    A row applies in any spelling of the name.
    """
    assert get_rules({key: {"max_output_tokens": 1}}, instance="my-vllm").max_output_tokens == 1


def test_model_may_have_slashes():
    """
    Only the first slash separates the instance from the model.
    """
    assert get_rules({"work/meta/llama_3*": {"max_output_tokens": 1}}, "meta/llama_3.1").max_output_tokens == 1


def test_rows_come_from_the_settings():
    """
    They are in the section ``[models]``.
    """
    settings = Settings.load({"models": {"Work_1/m": {"lacks": ["tools"]}}}, environment={})

    assert Catalog(settings.model_rows).rules("work-1", "acme", "m").lacks == {Capability.TOOLS}


def test_unknown_key_in_a_row_is_reported_with_the_row():
    """
    The error has the row, the key and similar keys.
    """
    with pytest.raises(ConfigurationError, match=r"\[models\.'work/m'\]: unknown key 'refuse' \(did you mean refuses"):
        Catalog({"work/m": {"refuse": ["temperature"]}})


@given(st.text(), st.text(), st.text())
def test_any_name_can_be_looked_up(instance, plugin, model):
    """
    Brackets, stars and line breaks are characters of names.
    """
    assert isinstance(Catalog({"[/*": {}}).rules(instance, plugin, model), ModelRules)


# The data.


@pytest.mark.parametrize("pattern", MODELS)
def test_row_has_its_source_and_date(pattern):
    """
    Each row is valid and belongs to a plugin.
    """
    row = ModelRules.model_validate({key: value for key, value in MODELS[pattern].items() if key != "names"})

    assert pattern == pattern.lower()
    assert pattern.partition("/")[2]
    assert row.source
    assert isinstance(row.as_of, date)


@pytest.mark.parametrize("pattern", MODELS)
def test_rules_refer_to_existing_parameters(pattern):
    """
    Renamed and rejected parameters are fields of requests: those of chat, or those for media.
    """
    row = ModelRules.model_validate({key: value for key, value in MODELS[pattern].items() if key != "names"})

    named = {
        *row.renames,
        *row.refuses,
        *row.refuses_unless_effort_none,
        *row.refuses_beside,
        *row.refuses_beside.values(),
    }

    requests = (ChatRequest, ImageRequest, SpeechRequest, TranscriptionRequest, VideoRequest)

    assert any(named <= set(request.model_fields) for request in requests)


@pytest.mark.parametrize("name", sorted(path.stem for path in (resources.files("budwood.catalog") / "facts").iterdir()))
def test_facts_are_valid(name):
    """
    They are created without validation for speed; all of them would pass it and have a source.
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


def test_shutdowns_have_their_sources():
    """
    Each has its models, its day and its source, and no model occurs twice.
    """
    for rows in load_data("shutdowns.json").values():
        names = [name for row in rows for name in row["names"]]
        assert len(names) == len(set(names))
        for row in rows:
            assert date.fromisoformat(row["shutdown"])
            assert row["source"]
            assert date.fromisoformat(row["as_of"])


@pytest.mark.parametrize("name", ["../presets", "..", "", "a/b", "nobody"])
def test_no_name_reads_another_file(name):
    """
    Names of instances are user input.
    """
    assert load_vendor(name) is None


@pytest.mark.parametrize(
    ("model", "expected"),
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
def test_rules_of_openais_models(model, expected):
    """
    A sample, looked up by patterns.
    """
    assert Catalog().rules("openai", "openai", model).refuses == expected


@pytest.mark.parametrize("name", PRESETS)
def test_preset_is_valid(name):
    """
    Its settings are valid, its variables fill existing fields, and it has a source.
    """
    preset = load_presets()[name]
    model = Registry().load(PROVIDER, preset.plugin).settings()

    validate_settings(model, preset.settings, where=name)

    assert set(preset.environment) <= set(model.model_fields)
    assert PRESETS[name]["source"]
    assert preset.needs_credential <= ("api_key" in preset.environment)


@pytest.mark.parametrize("name", PRESETS)
def test_preset_that_needs_a_key_says_where_to_get_one(name):
    """
    It has the page of the vendor, and what a key looks like is a regular expression.
    """
    preset = load_presets()[name]

    assert preset.key_page.startswith("https://") or not preset.needs_credential
    assert re.compile(preset.key_pattern)
    assert preset.key_check in ("", "models") or preset.key_check.startswith("/")


@pytest.mark.parametrize("name", PRESETS)
def test_preset_of_a_service_uses_https(name):
    """
    Only presets of local servers use HTTP.
    """
    assert load_presets()[name].settings["base_url"].startswith(("https://", "http://localhost:"))


def test_presets_are_found_by_any_spelling():
    """
    Names are normalised; the result for another name is None.
    """
    assert Catalog().preset("Llama_CPP") is load_presets()["llama-cpp"]
    assert Catalog().preset("openai") is None


def test_rows_of_further_plugins_apply_if_there_are_no_own_ones():
    """
    The provider's own rows come first, those of the user before those of the catalog.
    """
    rows = {"work/a": {"max_output_tokens": 1}, "acme/b": {"max_output_tokens": 2}, "maker/*": {"max_output_tokens": 3}}
    catalog = Catalog(rows)

    found = [catalog.rules("work", "acme", model, fallbacks=("maker",)).max_output_tokens for model in "abc"]
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
def test_the_oldest_models_of_openai_do_not_support_schemas(model, takes_a_schema):
    """
    JSON schemas were introduced with gpt-4o-mini and gpt-4o-2024-08-06.
    """
    lacks = Catalog().rules("openai", "openai", model).lacks

    assert (Capability.JSON_SCHEMA not in lacks) == takes_a_schema


@pytest.mark.parametrize(
    ("model", "offered", "missing"),
    [
        ("gemini-3.8-flash", "chat transcription translation", "images image_output speech videos audio_output"),
        ("gemini-3-pro-image", "chat images image_edits image_output", "speech tools transcription videos"),
        ("gemini-2.5-pro-preview-tts", "speech", "chat images transcription stream"),
        ("gemini-3.8-flash-lite-tts", "speech stream", "chat images transcription"),
        ("gemini-omni-1.1-flash", "videos", "chat images speech"),
        ("veo-3.1-generate-001", "videos", "chat images speech"),
    ],
)
def test_kinds_of_models_decide_about_services(model, offered, missing):
    """
    A model has the services of its kind, and those that its rules offer besides.
    """
    capabilities = Catalog().rules("gemini", "gemini", model).filter_capabilities(frozenset(Capability))

    assert capabilities >= set(map(Capability, offered.split()))
    assert capabilities.isdisjoint(map(Capability, missing.split()))


@pytest.mark.parametrize(
    ("model", "draws"),
    [
        ("google/gemini-3.1-flash-lite-image", True),
        ("google/gemini-2.5-flash-image", True),
        ("openai/gpt-5-image-mini", True),
        ("openai/gpt-5.4-image-2", True),
        ("google/gemini-2.5-flash", False),
        ("openai/gpt-5-mini", False),
        ("anthropic/claude-sonnet-4.5", False),
        ("openai/gpt-audio-mini", False),
    ],
)
def test_chat_models_of_openrouter_with_images(model, draws):
    """
    Some chat models of OpenRouter return images, also in chat; all complete texts.
    """
    capabilities = Catalog().rules("openrouter", "openrouter", model).filter_capabilities(frozenset(Capability))

    assert {Capability.CHAT, Capability.COMPLETION} <= capabilities
    assert [each in capabilities for each in (Capability.IMAGES, Capability.IMAGE_OUTPUT)] == [draws, draws]
    assert (Capability.AUDIO_OUTPUT in capabilities) == ("audio" in model)


def test_models_with_a_capability_begin_with_those_of_the_vendor():
    """
    Models that were shut down are left out from that day on, and no pattern is listed.
    """
    before, after = date(2026, 9, 23), date(2026, 9, 24)

    assert next(list_models(Capability.VIDEOS, "openai", before)).startswith("openai/sora-2")
    assert not [model for model in list_models(Capability.VIDEOS, "openai", after) if model.startswith("openai/")]
    assert next(list_models(Capability.TRANSCRIPTION, "groq", after)).startswith("groq/whisper-")
    assert next(list_models(Capability.IMAGES, "gemini", after)).startswith("gemini/gemini-3")
    for capability in (Capability.IMAGES, Capability.SPEECH, Capability.TRANSLATION, Capability.EMBEDDINGS):
        assert not [model for model in list_models(capability, "anthropic", after) if {"*", "["} & set(model)]


def test_names_of_a_row_match_its_pattern():
    """
    A model that a row names for hints has the rules of that row.
    """
    named = [(pattern, name) for pattern, row in MODELS.items() for name in row.get("names", ())]

    assert [best_match(MODELS, f"{pattern.partition('/')[0]}/{name}") for pattern, name in named] == [
        pattern for pattern, _ in named
    ]


@pytest.mark.parametrize(
    ("vendor", "model", "kind"),
    [
        ("xai", "grok-4.3", "chat"),
        ("xai", "grok-code-fast-1", "chat"),
        ("xai", "grok-imagine-image-quality", "image"),
        ("xai", "grok-2-image-1212", "image"),
        ("xai", "grok-imagine-video", "video"),
        ("xai", "grok-tts", "speech"),
        ("mistral", "mistral-small-latest", "chat"),
        ("mistral", "ministral-8b-latest", "chat"),
        ("mistral", "mistral-embed", "embedding"),
        ("mistral", "codestral-embed", "embedding"),
        ("mistral", "voxtral-mini-tts-latest", "speech"),
        ("mistral", "mistral-moderation-latest", None),
        ("openrouter", "meta-llama/llama-3.3-70b-instruct", "chat"),
        ("openrouter", "openai/gpt-4o-mini", "chat"),
        ("openrouter", "openai/gpt-4o-mini-tts-2025-12-15", "speech"),
        ("openrouter", "openai/gpt-4o-mini-transcribe", "transcription"),
        ("openrouter", "openai/whisper-large-v3", "transcription"),
        ("openrouter", "hexgrad/kokoro-82m", "speech"),
        ("openrouter", "google/gemini-3.1-flash-tts", "speech"),
        ("openrouter", "google/gemini-embedding-001", None),
        ("openrouter", "qwen/qwen3-embedding-8b", None),
        ("openrouter", "black-forest-labs/flux.2-pro", None),
    ],
)
def test_models_of_these_vendors_have_kinds(vendor, model, kind):
    """
    A model for texts is not asked for images, and one of another kind is not taken for one.
    """
    assert Catalog().rules(vendor, vendor, model).kind == kind
