from __future__ import annotations

import traceback
from importlib.metadata import version

import pytest

from budwood.errors import (
    PluginDisabledError,
    PluginFaultError,
    PluginIncompatibleError,
    PluginInvalidError,
    PluginLoadError,
)
from budwood.hooks import API_VERSION, CACHE, PROVIDER, CacheSpec
from budwood.plugins import Registry

# The import fails.

FAILURES = [
    ("raise RuntimeError('out of luck')", "RuntimeError: out of luck"),
    ("import a_library_that_nobody_has", "ModuleNotFoundError: No module named 'a_library_that_nobody_has'"),
    ("this is no python", "SyntaxError: "),
    ("raise SystemExit(3)", "SystemExit: 3"),
    ("import sys; sys.exit()", "SystemExit: SystemExit"),
    ("raise GeneratorExit", "GeneratorExit: "),
    ("class Own(BaseException): pass\nraise Own('bare')", "Own: bare"),
    ("def again(): again()\nagain()", "RecursionError: "),
]


@pytest.mark.parametrize(("source", "said"), FAILURES, ids=[said.partition(":")[0] for _, said in FAILURES])
def test_import_that_fails_names_distribution_version_module_and_cause(source, said, make_distribution, load):
    """
    Whatever a module raises is an error of its plugin and of no other.
    """
    made = make_distribution(source=source)

    with pytest.raises(PluginLoadError) as caught:
        load("acme")

    for part in ("'acme'", made.label, made.module, said):
        assert part in caught.value.message
    assert made.name in caught.value.hint
    assert caught.value.__cause__ is not None


def test_import_that_failed_is_not_tried_again(make_distribution, inventory_of):
    """
    The failure is remembered: the second error is the first, and no longer than it.
    """
    made = make_distribution(source="raise RuntimeError('broken')")
    registry = Registry(inventory=inventory_of())
    lengths = []
    for _ in range(3):
        with pytest.raises(PluginLoadError, match="broken") as caught:
            registry.load(PROVIDER, "acme")
        lengths.append(len(traceback.extract_tb(caught.value.__traceback__)))

    assert made.imports == 1
    assert len(set(lengths)) == 1


def test_interrupting_the_import_interrupts_the_program(make_distribution, inventory_of, describing):
    """
    Ctrl-C belongs to the user: it is neither swallowed nor remembered as a fault of the plugin.
    """
    source = "from pathlib import Path\nif len(Path(__file__).with_suffix('.imports').read_text()) == 1:\n"
    made = make_distribution(source=f"{source}    raise KeyboardInterrupt\n{describing('acme')}")
    registry = Registry(inventory=inventory_of())

    with pytest.raises(KeyboardInterrupt):
        registry.load(PROVIDER, "acme")

    assert registry.load(PROVIDER, "acme").name == "acme"
    assert made.imports == 2


# The module does not follow the hooks.

HEAD = "from budwood.hooks import ProviderSpec, CacheSpec, hookimpl\n"
SPEC = "ProviderSpec(name='acme', settings=dict, build=dict, requires_api=(2, 0))"
CACHE_SPEC = "CacheSpec(name='acme', settings=dict, build=dict, requires_api=(2, 0))"


def hook(body, *, name="budwood_providers", arguments=""):
    """
    Write one hook implementation.
    """
    return f"@hookimpl\ndef {name}({arguments}):\n    {body}\n"


INVALID = {
    "wrong hook name": hook("return []", name="budwood_provider"),
    "wrong argument": hook("return []", arguments="client"),
    "no hook": "",
    "hook of another kind": hook("return []", name="budwood_caches"),
    "not marked": hook(f"return [{SPEC}]").removeprefix("@hookimpl\n"),
    "spec of another kind": hook(f"return [{CACHE_SPEC}]"),
    "something else than a spec": hook("return ['acme']"),
    "one spec among others": hook(f"return [{SPEC}, None]"),
    "a spec without a list": hook(f"return {SPEC}"),
    "nothing": hook("pass"),
    "another name": hook(f"return [{SPEC.replace('acme', 'emca')}]"),
    "name that is no text": hook("return [" + SPEC.replace("'acme'", "7") + "]"),
    "version that is no pair": hook(f"return [{SPEC.replace('(2, 0)', '2.0')}]"),
}


@pytest.mark.parametrize("source", INVALID.values(), ids=INVALID)
def test_module_that_does_not_follow_the_hooks_is_refused(source, make_distribution, inventory_of, registered):
    """
    The error names plugin, distribution and version; pluggy no longer holds the module.
    """
    made = make_distribution(source=HEAD + source)
    make_distribution("healthy", plugins=["healthy"])
    registry = Registry(inventory=inventory_of())

    with pytest.raises(PluginInvalidError) as caught:
        registry.load(PROVIDER, "acme")

    assert "'acme'" in caught.value.message
    assert made.label in caught.value.message
    assert registered(registry) == []
    assert registry.load(PROVIDER, "healthy").name == "healthy"


FAULTS = {
    "incomplete spec": hook("return [ProviderSpec(name='acme')]"),
    "hook that raises": hook("raise RuntimeError('later')"),
    "hook that raises late": hook("yield 1 / 0"),
    "hook that exits": hook("raise SystemExit(1)"),
    "hook that ends a generator": hook("raise GeneratorExit"),
}


@pytest.mark.parametrize("source", FAULTS.values(), ids=FAULTS)
def test_hook_that_fails_is_a_fault_of_the_plugin(source, make_distribution, inventory_of, registered):
    """
    The error names plugin, distribution, version and hook; pluggy no longer holds the module.
    """
    make_distribution(source=HEAD + source)
    registry = Registry(inventory=inventory_of())

    with pytest.raises(PluginFaultError, match=r"'acme' \(acme-plugin 1\.2\.3\) failed in budwood_providers\(\)"):
        registry.load(PROVIDER, "acme")

    assert registered(registry) == []


def test_misspelt_hook_is_told_even_beside_a_right_one(describing, make_distribution, load):
    """
    A hook that nobody would ever call is a mistake, and its name is in the error.
    """
    wrong = hook("return []", name="budwood_cashes")
    make_distribution(source=describing("acme") + wrong)

    with pytest.raises(PluginInvalidError, match="budwood_cashes"):
        load("acme")


def test_spec_of_another_kind_is_called_by_its_type(make_distribution, load):
    """
    The error says which type is there and which is wanted.
    """
    make_distribution(source=HEAD + INVALID["spec of another kind"])

    with pytest.raises(PluginInvalidError, match=r"returned a CacheSpec from budwood_providers.*expected ProviderSpec"):
        load("acme")


def test_entry_point_that_no_spec_has_is_told_the_names_that_exist(make_distribution, load, describing):
    """
    The author sees both names.
    """
    make_distribution(source=describing("emca", "other"))

    with pytest.raises(PluginInvalidError, match=r"names of its specs: emca, other\."):
        load("acme")


def test_wrong_name_beside_a_right_one_harms_only_itself(make_distribution, inventory_of, describing):
    """
    Of two entry points of one module, the one that a spec has works, before and after the other has failed.
    """
    made = make_distribution(plugins=["acme", "wrong"], source=describing("acme"))
    make_distribution("later", plugins=["later"])
    registry = Registry(inventory=inventory_of())

    first = registry.load(PROVIDER, "acme")
    with pytest.raises(PluginInvalidError):
        registry.load(PROVIDER, "wrong")

    assert registry.load(PROVIDER, "acme") is first
    assert made.imports == 1


def test_module_of_two_kinds_brings_both(make_distribution, inventory_of, site):
    """
    One module may describe providers and caches, each found in its own group.
    """
    source = hook(f"return [{SPEC}]") + hook(f"return [{CACHE_SPEC}]", name="budwood_caches")
    made = make_distribution(source=HEAD + source)
    with (site / "acme_plugin-1.2.3.dist-info" / "entry_points.txt").open("a") as entries:
        entries.write(f"[budwood.caches]\nacme = {made.module}\n")
    registry = Registry(inventory=inventory_of())

    assert registry.load(PROVIDER, "acme").name == "acme"
    assert type(registry.load(CACHE, "acme")) is CacheSpec
    assert made.imports == 1


# The plugin wants a newer Budwood.


def test_newer_core_in_the_metadata_is_refused_before_the_import(make_distribution, load):
    """
    Both versions are told, and the module was never executed.
    """
    made = make_distribution(requires=["budwood>=99.1"], source="raise SystemExit")

    with pytest.raises(PluginIncompatibleError) as caught:
        load("acme")

    assert ">=99.1" in caught.value.message
    assert version("budwood") in caught.value.message
    assert caught.value.hint == "pip install --upgrade budwood acme-plugin"
    assert made.imports == 0


def test_older_core_in_the_metadata_is_refused_too(make_distribution, load):
    """
    A plugin that was made for an older core, and says so, is not tried.
    """
    made = make_distribution(requires=["budwood<0.0.1"])

    with pytest.raises(PluginIncompatibleError, match=r"requires budwood <0\.0\.1"):
        load("acme")

    assert made.imports == 0


@pytest.mark.parametrize("requires", [["budwood"], ["budwood>=0.0.1"], ["budwood>=0.0.1,<99"], ["httpx>=99"], []])
def test_core_that_satisfies_the_metadata_is_accepted(requires, make_distribution, load):
    """
    What asks for this core, or for nothing, is loaded.
    """
    make_distribution(requires=requires)

    assert load("acme").name == "acme"


@pytest.mark.parametrize("api", [(API_VERSION[0], API_VERSION[1] + 1), (API_VERSION[0] + 1, 0), (0, 9)])
def test_another_api_is_refused(api, make_distribution, inventory_of, describing, registered):
    """
    A newer minor version and another major version are refused, with both versions in the text.
    """
    make_distribution(source=describing("acme", api=api))
    registry = Registry(inventory=inventory_of())

    with pytest.raises(PluginIncompatibleError) as caught:
        registry.load(PROVIDER, "acme")

    for wanted in (api, API_VERSION):
        assert f"{wanted[0]}.{wanted[1]}" in caught.value.message
    assert registered(registry) == []


# The plugin is blocked.


@pytest.mark.parametrize("disabled", ["acme", "ACME", "acme-plugin", "Acme_Plugin"])
def test_disabled_plugin_is_never_imported(disabled, make_distribution, load):
    """
    The name of the plugin blocks it, and so does that of its distribution; the error says how to undo that.
    """
    made = make_distribution(source="raise SystemExit")

    with pytest.raises(PluginDisabledError, match=r"acme-plugin 1\.2\.3 is disabled") as caught:
        load("acme", disabled=[disabled])

    assert "[plugins] of the settings" in caught.value.hint
    assert "BUDWOOD_PLUGINS_DISABLED" in caught.value.hint
    assert made.imports == 0


def test_disabling_one_plugin_of_a_distribution_leaves_the_others(make_distribution, load):
    """
    A name is blocked, not its neighbours.
    """
    make_distribution(plugins=["acme", "acme-cheap"])

    assert load("acme-cheap", disabled=["acme"]).name == "acme-cheap"
