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
    A name without settings is the plugin of that name, with its defaults and a context.
    """
    make_distribution()

    made = instances().build(PROVIDER, "Acme")

    assert (made.name, made.spec.name, made.settings.colour) == ("acme", "acme", "green")
    assert made.implementation.settings is made.settings
    assert made.context.instance == "acme"
    assert made.context.clock is clock
    assert made.context.cache_folder.name == "acme"
    assert made.preset is None


def test_section_is_an_instance_of_the_plugin_that_it_names(make_distribution, instances):
    """
    ``plugin = "acme"`` makes as many instances as there are sections, each with settings of its own.
    """
    make_distribution()
    names = instances({"providers": {"Work": {"plugin": "ACME", "colour": "blue"}, "home": {"plugin": "acme"}}})

    work, home = names.build(PROVIDER, "work"), names.build(PROVIDER, "home")

    assert (work.name, work.spec.name, work.settings.colour) == ("work", "acme", "blue")
    assert (home.name, home.spec.name, home.settings.colour) == ("home", "acme", "green")
    assert work.context.instance == "work"


def test_section_without_a_plugin_means_its_own_name(make_distribution, instances):
    """
    ``[providers.acme]`` sets up the plugin acme.
    """
    make_distribution()

    assert instances({"providers": {"acme": {"colour": "red"}}}).build(PROVIDER, "acme").settings.colour == "red"


def test_section_may_give_an_installed_name_to_another_plugin(make_distribution, instances):
    """
    Settings come before entry points: a section of an installed plugin's name may mean another plugin.
    """
    hidden = make_distribution("hidden", plugins=["acme"])
    make_distribution("other", plugins=["other"])

    made = instances({"providers": {"acme": {"plugin": "other"}}}).build(PROVIDER, "acme")

    assert (made.name, made.spec.name) == ("acme", "other")
    assert hidden.imports == 0


def test_environment_sets_up_an_instance(make_distribution, instances):
    """
    Variables make an instance as a file does, with ``_`` for ``-``.
    """
    make_distribution()
    names = instances(BUDWOOD_PROVIDERS__MY_WORK__PLUGIN="acme", BUDWOOD_PROVIDERS__MY_WORK__COLOUR="blue")

    assert names.build(PROVIDER, "my-work").settings.colour == "blue"


def test_explicit_values_are_the_strongest(make_distribution, instances):
    """
    What the program hands to one instance wins over the settings; None says nothing.
    """
    make_distribution()
    names = instances({"providers": {"acme": {"colour": "red", "base_url": "http://settings"}}})

    made = names.build(PROVIDER, "acme", {"colour": "black", "base_url": None})

    assert (made.settings.colour, made.settings.base_url) == ("black", "http://settings")


def test_conflict_is_settled_in_the_settings(make_distribution, instances):
    """
    ``distribution = "…"`` chooses; until then the name is an error.
    """
    one = make_distribution("acme-one")
    two = make_distribution("acme-two")

    with pytest.raises(PluginConflictError):
        instances().build(PROVIDER, "acme")
    instances({"providers": {"acme": {"distribution": "acme_two"}}}).build(PROVIDER, "acme")

    assert (one.imports, two.imports) == (0, 1)


def test_conflict_is_settled_for_an_instance_of_another_name(make_distribution, instances):
    """
    Plugin and distribution may be named together.
    """
    make_distribution("acme-one")
    two = make_distribution("acme-two")

    instances({"providers": {"work": {"plugin": "acme", "distribution": "acme-two"}}}).build(PROVIDER, "work")

    assert two.imports == 1


# Presets.


def test_preset_is_an_instance_without_a_section(make_distribution, instances):
    """
    A preset's name works as soon as its plugin is installed.
    """
    make_distribution("compatible", plugins=["openai-compatible"])

    made = instances().build(PROVIDER, "vllm")

    assert (made.name, made.spec.name) == ("vllm", "openai-compatible")
    assert made.settings.base_url == load_presets()["vllm"].settings["base_url"]
    assert made.preset is load_presets()["vllm"]


def test_section_of_a_preset_adds_to_it(make_distribution, instances):
    """
    What the user says wins, and what they leave out stays the preset's.
    """
    make_distribution("compatible", plugins=["openai-compatible"])

    made = instances({"providers": {"vLLM": {"colour": "blue"}}}).build(PROVIDER, "vllm")
    moved = instances({"providers": {"vllm": {"base_url": "http://elsewhere"}}}).build(PROVIDER, "vllm")

    assert (made.settings.colour, made.settings.base_url) == ("blue", load_presets()["vllm"].settings["base_url"])
    assert moved.settings.base_url == "http://elsewhere"


def test_variables_of_a_preset_fill_its_instance(make_distribution, instances):
    """
    The service's own variables count for the preset.
    """
    make_distribution("compatible", plugins=["openai-compatible"])

    made = instances(VLLM_API_KEY=SECRET, VLLM_BASE_URL="http://variable").build(PROVIDER, "vllm")

    assert made.settings.api_key.get_secret_value() == SECRET
    assert made.settings.base_url == "http://variable"


def test_installed_plugin_wins_over_the_preset(make_distribution, instances):
    """
    A distribution that brings the preset's name takes its place without a conflict.
    """
    make_distribution("own", plugins=["vLLM"])
    other = make_distribution("compatible", plugins=["openai-compatible"])

    made = instances().build(PROVIDER, "vllm")

    assert made.spec.name == "vLLM"
    assert made.preset is None
    assert made.settings.base_url == "http://default"
    assert other.imports == 0


def test_section_with_a_plugin_wins_over_the_preset(make_distribution, instances):
    """
    Who names the plugin gets that plugin as it is.
    """
    make_distribution()

    made = instances({"providers": {"vllm": {"plugin": "acme"}}}).build(PROVIDER, "vllm")

    assert (made.spec.name, made.settings.base_url) == ("acme", "http://default")


def test_preset_whose_plugin_is_missing_tells_how_to_get_it(instances):
    """
    The cure is the plugin that the preset needs.
    """
    with pytest.raises(PluginNotFoundError) as caught:
        instances().build(PROVIDER, "vllm")

    assert (
        caught.value.hint
        == "Install budwood-openai-compatible: in a checkout of Budwood, pip install ./plugins/openai-compatible"
    )


def test_presets_are_providers_alone(instances):
    """
    A cache of a preset's name does not exist.
    """
    with pytest.raises(PluginNotFoundError, match="No cache 'vllm'"):
        instances().build(CACHE, "vllm")


def test_known_names_are_those_that_can_be_used(make_distribution, instances):
    """
    Sections, installed plugins, and presets whose plugin is there.
    """
    make_distribution()
    sections = {"providers": {"work": {"plugin": "acme"}}}

    assert instances(sections).names_of(PROVIDER) == ["acme", "work"]

    make_distribution("compatible", plugins=["openai-compatible"])

    assert set(instances(sections).names_of(PROVIDER)) == {"acme", "work", "openai-compatible", *load_presets()}


def test_mistyped_instance_is_recognised(make_distribution, instances):
    """
    Near matches are looked for among instances and presets too.
    """
    make_distribution()

    with pytest.raises(PluginNotFoundError, match=r"Did you mean workbench\?"):
        instances({"providers": {"workbench": {"plugin": "acme"}}}).build(PROVIDER, "workbnch")


def test_name_that_is_near_to_nothing_lists_what_there_is(make_distribution, instances):
    """
    Who types a model's name in the place of a provider's learns the form.
    """
    make_distribution()

    with pytest.raises(PluginNotFoundError, match=r"Models are named \"provider/model\"\. Available providers: acme\."):
        instances().build(PROVIDER, "xxxxxxxx")


def test_section_whose_plugin_is_missing_is_not_its_own_near_match(instances):
    """
    Who has written the section already is told what it lacks, not to write the same name again.
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
    The first name that has a value wins.
    """
    make_distribution()

    assert instances(**environment).build(PROVIDER, "acme").settings.api_key.get_secret_value() == SECRET


def test_variables_of_ours_win_over_the_vendors(make_distribution, instances):
    """
    What is meant for Budwood alone is the more precise.
    """
    make_distribution()

    made = instances(ACME_KEY="vendor", BUDWOOD_PROVIDERS__ACME__API_KEY=SECRET).build(PROVIDER, "acme")

    assert made.settings.api_key.get_secret_value() == SECRET


def test_instance_of_another_name_is_not_handed_the_vendors_key(make_distribution, instances):
    """
    An instance may be another's server: the key in the vendor's variable does not go there unasked.
    """
    make_distribution()
    names = instances({"providers": {"work": {"plugin": "acme", "base_url": "http://other"}}}, ACME_KEY=SECRET)

    assert names.build(PROVIDER, "work").settings.api_key is None


# The program's face.


def test_client_never_imports_a_disabled_plugin(make_distribution, monkeypatch):
    """
    ``BUDWOOD_PLUGINS_DISABLED`` holds for whoever makes a client.
    """
    made = make_distribution(source="raise SystemExit")
    monkeypatch.setenv("BUDWOOD_PLUGINS_DISABLED", "something-else, ACME")

    with pytest.raises(PluginDisabledError, match="acme-plugin"):
        Client("acme/model")

    assert made.imports == 0


def test_settings_disable_a_plugin(make_distribution, tmp_path):
    """
    ``[plugins] disabled`` in the file beside the program does the same, by the name of the distribution too.
    """
    made = make_distribution()
    tmp_path.joinpath("budwood.toml").write_text('[plugins]\ndisabled = ["Acme_Plugin"]\n')

    with pytest.raises(PluginDisabledError):
        Client("acme/model")

    assert made.imports == 0


def test_plugin_that_an_instance_names_stays_disabled(make_distribution):
    """
    Another name for it is no way around.
    """
    made = make_distribution()

    with pytest.raises(PluginDisabledError):
        Client("work/m", settings={"plugins": {"disabled": ["acme"]}, "providers": {"work": {"plugin": "acme"}}})

    assert made.imports == 0


def test_client_of_one_provider_imports_no_other(make_distribution, scripted, clock):
    """
    A broken plugin beside it does not matter to a program that does not use it.
    """
    broken = make_distribution("broken", plugins=["broken"], source="raise SystemExit")

    with Client("openai-compatible/m", base_url="http://x/v1", transport=scripted, clock=clock):
        pass

    assert broken.imports == 0
