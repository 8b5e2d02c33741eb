from __future__ import annotations

import pytest

from budwood import Client
from budwood.catalog import load_presets
from budwood.errors import (
    PluginConflictError,
    PluginDisabledError,
    PluginNotFoundError,
)
from budwood.hooks import CACHE, PROVIDER

SECRET = "sk-the-secret-of-this-test"


def test_installed_plugin_needs_no_section(make_distribution, instances, clock):
    """
    A name without settings is the plugin with that name and its default settings.
    """
    make_distribution()

    created = instances().build(PROVIDER, "Acme")

    assert (created.name, created.spec.name, created.settings.colour) == ("acme", "acme", "green")
    assert created.implementation.settings is created.settings
    assert created.context.instance == "acme"
    assert created.context.clock is clock
    assert created.context.cache_folder.name == "acme"
    assert created.preset is None


def test_section_is_an_instance_of_the_plugin_that_it_names(make_distribution, instances):
    """
    Each section with ``plugin = "acme"`` is an instance with its own settings.
    """
    make_distribution()
    names = instances({"providers": {"Work": {"plugin": "ACME", "colour": "blue"}, "home": {"plugin": "acme"}}})

    work, home = names.build(PROVIDER, "work"), names.build(PROVIDER, "home")

    assert (work.name, work.spec.name, work.settings.colour) == ("work", "acme", "blue")
    assert (home.name, home.spec.name, home.settings.colour) == ("home", "acme", "green")
    assert work.context.instance == "work"


def test_section_without_a_plugin_configures_the_plugin_of_its_name(make_distribution, instances):
    """
    ``[providers.acme]`` configures the plugin acme.
    """
    make_distribution()

    assert instances({"providers": {"acme": {"colour": "red"}}}).build(PROVIDER, "acme").settings.colour == "red"


def test_section_takes_precedence_over_an_installed_plugin(make_distribution, instances):
    """
    A section with the name of an installed plugin may use another plugin.
    """
    hidden = make_distribution("hidden", plugins=["acme"])
    make_distribution("other", plugins=["other"])

    created = instances({"providers": {"acme": {"plugin": "other"}}}).build(PROVIDER, "acme")

    assert (created.name, created.spec.name) == ("acme", "other")
    assert hidden.imports == 0


def test_environment_defines_an_instance(make_distribution, instances):
    """
    Variables define an instance like a file, with ``_`` for ``-``.
    """
    make_distribution()
    names = instances(BUDWOOD_PROVIDERS__MY_WORK__PLUGIN="acme", BUDWOOD_PROVIDERS__MY_WORK__COLOUR="blue")

    assert names.build(PROVIDER, "my-work").settings.colour == "blue"


def test_explicit_values_take_precedence(make_distribution, instances):
    """
    They override the settings; None is ignored.
    """
    make_distribution()
    names = instances({"providers": {"acme": {"colour": "red", "base_url": "http://settings"}}})

    created = names.build(PROVIDER, "acme", {"colour": "black", "base_url": None})

    assert (created.settings.colour, created.settings.base_url) == ("black", "http://settings")


def test_conflict_is_resolved_in_the_settings(make_distribution, instances):
    """
    ``distribution = "…"`` chooses one; until then the name is an error.
    """
    one = make_distribution("acme-one")
    two = make_distribution("acme-two")

    with pytest.raises(PluginConflictError):
        instances().build(PROVIDER, "acme")
    instances({"providers": {"acme": {"distribution": "acme_two"}}}).build(PROVIDER, "acme")

    assert (one.imports, two.imports) == (0, 1)


def test_conflict_is_resolved_for_an_instance_with_another_name(make_distribution, instances):
    """
    A section may have both plugin and distribution.
    """
    make_distribution("acme-one")
    two = make_distribution("acme-two")

    instances({"providers": {"work": {"plugin": "acme", "distribution": "acme-two"}}}).build(PROVIDER, "work")

    assert two.imports == 1


# Presets.


def test_preset_is_an_instance_without_a_section(make_distribution, instances):
    """
    A preset can be used if its plugin is installed.
    """
    make_distribution("compatible", plugins=["openai-compatible"])

    created = instances().build(PROVIDER, "vllm")

    assert (created.name, created.spec.name) == ("vllm", "openai-compatible")
    assert created.settings.base_url == load_presets()["vllm"].settings["base_url"]
    assert created.preset is load_presets()["vllm"]


def test_section_of_a_preset_overrides_it(make_distribution, instances):
    """
    Keys that the section does not have keep the values of the preset.
    """
    make_distribution("compatible", plugins=["openai-compatible"])

    created = instances({"providers": {"vLLM": {"colour": "blue"}}}).build(PROVIDER, "vllm")
    moved = instances({"providers": {"vllm": {"base_url": "http://elsewhere"}}}).build(PROVIDER, "vllm")

    assert (created.settings.colour, created.settings.base_url) == ("blue", load_presets()["vllm"].settings["base_url"])
    assert moved.settings.base_url == "http://elsewhere"


def test_variables_of_a_preset_fill_its_instance(make_distribution, instances):
    """
    The service's own variables apply to the preset.
    """
    make_distribution("compatible", plugins=["openai-compatible"])

    created = instances(VLLM_API_KEY=SECRET, VLLM_BASE_URL="http://variable").build(PROVIDER, "vllm")

    assert created.settings.api_key.get_secret_value() == SECRET
    assert created.settings.base_url == "http://variable"


def test_installed_plugin_takes_precedence_over_the_preset(make_distribution, instances):
    """
    A plugin with the name of a preset replaces it without a conflict.
    """
    make_distribution("own", plugins=["vLLM"])
    other = make_distribution("compatible", plugins=["openai-compatible"])

    created = instances().build(PROVIDER, "vllm")

    assert created.spec.name == "vLLM"
    assert created.preset is None
    assert created.settings.base_url == "http://default"
    assert other.imports == 0


def test_section_with_a_plugin_takes_precedence_over_the_preset(make_distribution, instances):
    """
    The settings of the preset do not apply.
    """
    make_distribution()

    created = instances({"providers": {"vllm": {"plugin": "acme"}}}).build(PROVIDER, "vllm")

    assert (created.spec.name, created.settings.base_url) == ("acme", "http://default")


def test_preset_without_its_plugin_says_how_to_install_it(instances):
    """
    The hint names the plugin that the preset requires.
    """
    with pytest.raises(PluginNotFoundError) as caught:
        instances().build(PROVIDER, "vllm")

    assert (
        caught.value.hint
        == "Install budwood-openai-compatible: in a checkout of Budwood, pip install ./plugins/openai-compatible"
    )


def test_presets_are_only_providers(instances):
    """
    No cache has the name of a preset.
    """
    with pytest.raises(PluginNotFoundError, match="No cache 'vllm'"):
        instances().build(CACHE, "vllm")


def test_names_are_those_that_can_be_used(make_distribution, instances):
    """
    Sections, installed plugins, and presets whose plugin is installed.
    """
    make_distribution()
    sections = {"providers": {"work": {"plugin": "acme"}}}

    assert instances(sections).list_names(PROVIDER) == ["acme", "work"]

    make_distribution("compatible", plugins=["openai-compatible"])

    assert set(instances(sections).list_names(PROVIDER)) == {"acme", "work", "openai-compatible", *load_presets()}


def test_mistyped_instance_is_recognised(make_distribution, instances):
    """
    Similar names include instances and presets.
    """
    make_distribution()

    with pytest.raises(PluginNotFoundError, match=r"Did you mean workbench\?"):
        instances({"providers": {"workbench": {"plugin": "acme"}}}).build(PROVIDER, "workbnch")


def test_name_without_similar_ones_lists_the_providers(make_distribution, instances):
    """
    The hint also has the form of a model.
    """
    make_distribution()

    with pytest.raises(PluginNotFoundError, match=r"Models are named \"provider/model\"\. Available providers: acme\."):
        instances().build(PROVIDER, "xxxxxxxx")


def test_section_without_its_plugin_is_not_suggested_itself(instances):
    """
    The hint says what the section lacks.
    """
    with pytest.raises(PluginNotFoundError) as caught:
        instances({"providers": {"echo": {"prefix": "x"}}}).build(PROVIDER, "echo")

    assert caught.value.hint == 'Install the plugin of [providers.echo], or choose another: plugin = "…".'


# The vendor's own variables.


@pytest.mark.parametrize(
    "environment", [{"ACME_KEY": SECRET}, {"ACME_OLD_KEY": SECRET}, {"ACME_KEY": SECRET, "ACME_OLD_KEY": "old"}]
)
def test_variables_of_the_vendor_fill_the_instance_of_its_name(environment, make_distribution, instances):
    """
    The first variable with a value counts.
    """
    make_distribution()

    assert instances(**environment).build(PROVIDER, "acme").settings.api_key.get_secret_value() == SECRET


def test_budwoods_variables_take_precedence_over_the_vendors(make_distribution, instances):
    """
    They are more specific.
    """
    make_distribution()

    created = instances(ACME_KEY="vendor", BUDWOOD_PROVIDERS__ACME__API_KEY=SECRET).build(PROVIDER, "acme")

    assert created.settings.api_key.get_secret_value() == SECRET


def test_instance_with_another_name_does_not_get_the_vendors_key(make_distribution, instances):
    """
    Its server may belong to someone else.
    """
    make_distribution()
    names = instances({"providers": {"work": {"plugin": "acme", "base_url": "http://other"}}}, ACME_KEY=SECRET)

    assert names.build(PROVIDER, "work").settings.api_key is None


# Clients.


def test_client_never_imports_a_disabled_plugin(make_distribution, monkeypatch):
    """
    ``BUDWOOD_PLUGINS_DISABLED`` applies to every client.
    """
    created = make_distribution(source="raise SystemExit")
    monkeypatch.setenv("BUDWOOD_PLUGINS_DISABLED", "something-else, ACME")

    with pytest.raises(PluginDisabledError, match="acme-plugin"):
        Client("acme/model")

    assert created.imports == 0


def test_settings_disable_a_plugin(make_distribution, tmp_path):
    """
    ``[plugins] disabled`` in a settings file does so too, also by the name of the distribution.
    """
    created = make_distribution()
    tmp_path.joinpath("budwood.toml").write_text('[plugins]\ndisabled = ["Acme_Plugin"]\n')

    with pytest.raises(PluginDisabledError):
        Client("acme/model")

    assert created.imports == 0


def test_plugin_of_an_instance_stays_disabled(make_distribution):
    """
    Another instance name does not enable it.
    """
    created = make_distribution()

    with pytest.raises(PluginDisabledError):
        Client("work/m", settings={"plugins": {"disabled": ["acme"]}, "providers": {"work": {"plugin": "acme"}}})

    assert created.imports == 0


def test_client_of_one_provider_imports_no_other(make_distribution, scripted, clock):
    """
    A broken plugin does not affect programs that do not use it.
    """
    broken = make_distribution("broken", plugins=["broken"], source="raise SystemExit")

    with Client("openai-compatible/m", base_url="http://x/v1", transport=scripted, clock=clock):
        pass

    assert broken.imports == 0
