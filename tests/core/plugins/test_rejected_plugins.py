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


@pytest.mark.parametrize(("source", "expected"), FAILURES, ids=[expected.partition(":")[0] for _, expected in FAILURES])
def test_import_that_fails_names_distribution_version_module_and_cause(source, expected, make_distribution, load):
    """
    Any exception of a module is an error of its plugin only.
    """
    created = make_distribution(source=source)

    with pytest.raises(PluginLoadError) as caught:
        load("acme")

    for part in ("'acme'", created.label, created.module, expected):
        assert part in caught.value.message
    assert created.name in caught.value.hint
    assert caught.value.__cause__ is not None


def test_failed_import_is_not_repeated(make_distribution, inventory_of):
    """
    The same error is raised again, without a longer traceback.
    """
    created = make_distribution(source="raise RuntimeError('broken')")
    registry = Registry(inventory=inventory_of())
    lengths = []
    for _ in range(3):
        with pytest.raises(PluginLoadError, match="broken") as caught:
            registry.load(PROVIDER, "acme")
        lengths.append(len(traceback.extract_tb(caught.value.__traceback__)))

    assert created.imports == 1
    assert len(set(lengths)) == 1


def test_interrupting_the_import_interrupts_the_program(make_distribution, inventory_of, write_source):
    """
    Ctrl-C is neither suppressed nor stored as an error of the plugin.
    """
    source = "from pathlib import Path\nif len(Path(__file__).with_suffix('.imports').read_text()) == 1:\n"
    created = make_distribution(source=f"{source}    raise KeyboardInterrupt\n{write_source('acme')}")
    registry = Registry(inventory=inventory_of())

    with pytest.raises(KeyboardInterrupt):
        registry.load(PROVIDER, "acme")

    assert registry.load(PROVIDER, "acme").name == "acme"
    assert created.imports == 2


# The module does not implement the hooks correctly.

HEAD = "from budwood.hooks import ProviderSpec, CacheSpec, hookimpl\n"
SPEC = "ProviderSpec(name='acme', settings=dict, build=dict, requires_api=(2, 0))"
CACHE_SPEC = "CacheSpec(name='acme', settings=dict, build=dict, requires_api=(2, 0))"


def write_hook(body, *, name="budwood_providers", arguments=""):
    """
    Write one hook implementation.
    """
    return f"@hookimpl\ndef {name}({arguments}):\n    {body}\n"


INVALID = {
    "wrong hook name": write_hook("return []", name="budwood_provider"),
    "wrong argument": write_hook("return []", arguments="client"),
    "no hook": "",
    "hook of another kind": write_hook("return []", name="budwood_caches"),
    "not marked": write_hook(f"return [{SPEC}]").removeprefix("@hookimpl\n"),
    "spec of another kind": write_hook(f"return [{CACHE_SPEC}]"),
    "something else than a spec": write_hook("return ['acme']"),
    "one spec among others": write_hook(f"return [{SPEC}, None]"),
    "a spec without a list": write_hook(f"return {SPEC}"),
    "nothing": write_hook("pass"),
    "another name": write_hook(f"return [{SPEC.replace('acme', 'emca')}]"),
    "name that is no text": write_hook("return [" + SPEC.replace("'acme'", "7") + "]"),
    "version that is no pair": write_hook(f"return [{SPEC.replace('(2, 0)', '2.0')}]"),
}


@pytest.mark.parametrize("source", INVALID.values(), ids=INVALID)
def test_module_that_does_not_follow_the_plugin_api_is_rejected(source, make_distribution, inventory_of, registered):
    """
    The error names plugin, distribution and version; the module is unregistered.
    """
    created = make_distribution(source=HEAD + source)
    make_distribution("healthy", plugins=["healthy"])
    registry = Registry(inventory=inventory_of())

    with pytest.raises(PluginInvalidError) as caught:
        registry.load(PROVIDER, "acme")

    assert "'acme'" in caught.value.message
    assert created.label in caught.value.message
    assert registered(registry) == []
    assert registry.load(PROVIDER, "healthy").name == "healthy"


FAULTS = {
    "incomplete spec": write_hook("return [ProviderSpec(name='acme')]"),
    "hook that raises": write_hook("raise RuntimeError('later')"),
    "hook that raises late": write_hook("yield 1 / 0"),
    "hook that exits": write_hook("raise SystemExit(1)"),
    "hook that ends a generator": write_hook("raise GeneratorExit"),
}


@pytest.mark.parametrize("source", FAULTS.values(), ids=FAULTS)
def test_hook_that_fails_is_a_fault_of_the_plugin(source, make_distribution, inventory_of, registered):
    """
    The error names plugin, distribution, version and hook; the module is unregistered.
    """
    make_distribution(source=HEAD + source)
    registry = Registry(inventory=inventory_of())

    with pytest.raises(PluginFaultError, match=r"'acme' \(acme-plugin 1\.2\.3\) failed in budwood_providers\(\)"):
        registry.load(PROVIDER, "acme")

    assert registered(registry) == []


def test_misspelled_hook_is_an_error(write_source, make_distribution, load):
    """
    This applies even if the module has another, valid hook.
    """
    wrong = write_hook("return []", name="budwood_cashes")
    make_distribution(source=write_source("acme") + wrong)

    with pytest.raises(PluginInvalidError, match="budwood_cashes"):
        load("acme")


def test_spec_of_another_kind_is_an_error(make_distribution, load):
    """
    The error has both types.
    """
    make_distribution(source=HEAD + INVALID["spec of another kind"])

    with pytest.raises(PluginInvalidError, match=r"returned a CacheSpec from budwood_providers.*expected ProviderSpec"):
        load("acme")


def test_entry_point_without_a_spec_is_an_error(make_distribution, load, write_source):
    """
    The error has its name and the names of the specs.
    """
    make_distribution(source=write_source("emca", "other"))

    with pytest.raises(PluginInvalidError, match=r"names of its specs: emca, other\."):
        load("acme")


def test_wrong_name_does_not_affect_other_names_of_the_module(make_distribution, inventory_of, write_source):
    """
    The valid entry point works, before and after the other has failed.
    """
    created = make_distribution(plugins=["acme", "wrong"], source=write_source("acme"))
    make_distribution("later", plugins=["later"])
    registry = Registry(inventory=inventory_of())

    first = registry.load(PROVIDER, "acme")
    with pytest.raises(PluginInvalidError):
        registry.load(PROVIDER, "wrong")

    assert registry.load(PROVIDER, "acme") is first
    assert created.imports == 1


def test_module_may_provide_two_kinds(make_distribution, inventory_of, site):
    """
    Providers and caches are found in their own groups.
    """
    source = write_hook(f"return [{SPEC}]") + write_hook(f"return [{CACHE_SPEC}]", name="budwood_caches")
    created = make_distribution(source=HEAD + source)
    with (site / "acme_plugin-1.2.3.dist-info" / "entry_points.txt").open("a") as entries:
        entries.write(f"[budwood.caches]\nacme = {created.module}\n")
    registry = Registry(inventory=inventory_of())

    assert registry.load(PROVIDER, "acme").name == "acme"
    assert type(registry.load(CACHE, "acme")) is CacheSpec
    assert created.imports == 1


# The plugin requires a newer Budwood.


def test_plugin_for_a_newer_core_is_not_imported(make_distribution, load):
    """
    The error has both versions.
    """
    created = make_distribution(requires=["budwood>=99.1"], source="raise SystemExit")

    with pytest.raises(PluginIncompatibleError) as caught:
        load("acme")

    assert ">=99.1" in caught.value.message
    assert version("budwood") in caught.value.message
    assert caught.value.hint == "pip install --upgrade budwood acme-plugin"
    assert created.imports == 0


def test_plugin_for_an_older_core_is_not_imported(make_distribution, load):
    """
    The requirement in its metadata excludes this core.
    """
    created = make_distribution(requires=["budwood<0.0.1"])

    with pytest.raises(PluginIncompatibleError, match=r"requires budwood <0\.0\.1"):
        load("acme")

    assert created.imports == 0


@pytest.mark.parametrize("requires", [["budwood"], ["budwood>=0.0.1"], ["budwood>=0.0.1,<99"], ["httpx>=99"], []])
def test_plugin_whose_requirement_is_satisfied_is_loaded(requires, make_distribution, load):
    """
    A plugin without a requirement is loaded as well.
    """
    make_distribution(requires=requires)

    assert load("acme").name == "acme"


@pytest.mark.parametrize("api", [(API_VERSION[0], API_VERSION[1] + 1), (API_VERSION[0] + 1, 0), (0, 9)])
def test_another_plugin_api_is_rejected(api, make_distribution, inventory_of, write_source, registered):
    """
    A newer minor version and another major version are errors with both versions.
    """
    make_distribution(source=write_source("acme", api=api))
    registry = Registry(inventory=inventory_of())

    with pytest.raises(PluginIncompatibleError) as caught:
        registry.load(PROVIDER, "acme")

    for required in (api, API_VERSION):
        assert f"{required[0]}.{required[1]}" in caught.value.message
    assert registered(registry) == []


# The plugin is disabled.


@pytest.mark.parametrize("disabled", ["acme", "ACME", "acme-plugin", "Acme_Plugin"])
def test_disabled_plugin_is_never_imported(disabled, make_distribution, load):
    """
    Its own name and that of its distribution disable it; the error says how to enable it.
    """
    created = make_distribution(source="raise SystemExit")

    with pytest.raises(PluginDisabledError, match=r"acme-plugin 1\.2\.3 is disabled") as caught:
        load("acme", disabled=[disabled])

    assert "[plugins] of the settings" in caught.value.hint
    assert "BUDWOOD_PLUGINS_DISABLED" in caught.value.hint
    assert created.imports == 0


def test_disabling_one_plugin_of_a_distribution_leaves_the_others(make_distribution, load):
    """
    Only the plugin with that name is disabled.
    """
    make_distribution(plugins=["acme", "acme-cheap"])

    assert load("acme-cheap", disabled=["acme"]).name == "acme-cheap"
