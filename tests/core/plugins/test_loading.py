from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from budwood.errors import (
    PluginConflictError,
    PluginError,
    PluginFaultError,
    PluginLoadError,
    PluginNotFoundError,
)
from budwood.hooks import CACHE, INSTRUCTION_STRATEGY, MEDIA_HANDLER, PROVIDER, STORAGE
from budwood.plugins import Registry

THREADS = 16


@pytest.mark.parametrize("name", ["acme", "ACME", "Acme"])
def test_plugin_is_loaded_by_its_name(name, make_distribution, load):
    """
    The spec with the name of the entry point is returned; case does not matter.
    """
    make_distribution()

    assert load(name).name == "acme"


def test_names_of_specs_are_normalised(make_distribution, load, write_source):
    """
    Entry point and spec are compared like all names.
    """
    make_distribution(plugins=["my-vllm"], source=write_source("My_vLLM"))

    assert load("my.vllm").name == "My_vLLM"


def test_plugin_is_imported_once(make_distribution, inventory_of, registered):
    """
    A second look-up returns the same spec, and another name of the module does not import it again.
    """
    created = make_distribution(plugins=["acme", "acme-cheap"])
    registry = Registry(inventory=inventory_of())

    first = registry.load(PROVIDER, "acme")

    assert registry.load(PROVIDER, "Acme") is first
    assert registry.load(PROVIDER, "acme-cheap").name == "acme-cheap"
    assert created.imports == 1
    assert registered(registry) == [created.module]


def test_only_the_requested_plugin_is_imported(make_distribution, inventory_of):
    """
    Other plugins are not imported, so that broken ones do not matter.
    """
    requested = make_distribution("requested", plugins=["requested"])
    other = make_distribution("other", plugins=["other"])
    broken = make_distribution("broken", plugins=["broken"], source="raise SystemExit(3)")

    Registry(inventory=inventory_of()).load(PROVIDER, "requested")

    assert (requested.imports, other.imports, broken.imports) == (1, 0, 0)


def test_only_the_hook_of_the_requested_plugin_runs(make_distribution, inventory_of):
    """
    A plugin whose hook fails does not affect others, even once it is imported.
    """
    source = "from budwood.hooks import hookimpl\n@hookimpl(specname='budwood_providers')\ndef any_name():\n    1 / 0\n"
    make_distribution("broken", plugins=["broken"], source=source)
    make_distribution("healthy", plugins=["healthy"])
    registry = Registry(inventory=inventory_of())

    with pytest.raises(PluginFaultError, match="division by zero"):
        registry.load(PROVIDER, "broken")

    assert registry.load(PROVIDER, "healthy").name == "healthy"


def test_hook_of_a_loaded_plugin_does_not_run_for_others(write_source, make_distribution, inventory_of):
    """
    Each hook runs only for the names of its plugin.
    """
    counted = "with Path(__file__).with_suffix('.asked').open('a') as count:\n        count.write('.')\n    return ["
    created = make_distribution(source=write_source("acme").replace("return [", counted))
    make_distribution("other", plugins=["other"])
    registry = Registry(inventory=inventory_of())

    registry.load(PROVIDER, "acme")
    registry.load(PROVIDER, "other")

    assert (created.folder / f"{created.module}.asked").read_text() == "."


def test_sixteen_threads_import_once(make_distribution, inventory_of):
    """
    All threads get the same spec from one import.
    """
    created = make_distribution()
    registry = Registry(inventory=inventory_of())
    barrier = threading.Barrier(THREADS)

    def ask():
        barrier.wait()
        return registry.load(PROVIDER, "acme")

    with ThreadPoolExecutor(THREADS) as threads:
        specs = [future.result() for future in [threads.submit(ask) for _ in range(THREADS)]]

    assert len({id(spec) for spec in specs}) == 1
    assert created.imports == 1


def test_sixteen_threads_get_the_error_of_one_import(make_distribution, inventory_of):
    """
    A broken plugin is imported once.
    """
    created = make_distribution(source="raise RuntimeError('broken')")
    registry = Registry(inventory=inventory_of())
    barrier = threading.Barrier(THREADS)

    def ask():
        barrier.wait()
        with pytest.raises(PluginLoadError, match="broken"):
            registry.load(PROVIDER, "acme")

    with ThreadPoolExecutor(THREADS) as threads:
        for future in [threads.submit(ask) for _ in range(THREADS)]:
            future.result()

    assert created.imports == 1


def test_sixteen_threads_read_the_metadata_once(make_distribution, monkeypatch):
    """
    The first look-up reads them, the others use the result.
    """
    make_distribution()
    registry = Registry()
    barrier = threading.Barrier(THREADS)

    def list_plugins():
        barrier.wait()
        return registry.inventory

    with ThreadPoolExecutor(THREADS) as threads:
        inventories = [future.result() for future in [threads.submit(list_plugins) for _ in range(THREADS)]]

    assert len({id(inventory) for inventory in inventories}) == 1


# Unknown names.


def test_unknown_name_lists_similar_and_installed_names(make_distribution, load):
    """
    The error has both.
    """
    make_distribution(plugins=["acme", "zebra"])

    with pytest.raises(
        PluginNotFoundError, match=r"No provider 'acne' is installed; installed: acme, zebra\."
    ) as caught:
        load("acne")

    assert caught.value.hint == "Did you mean acme?"


def test_unknown_name_where_nothing_is_installed(load):
    """
    The error says that nothing is installed.
    """
    with pytest.raises(PluginNotFoundError, match="installed: none"):
        load("unheard-of")


@pytest.mark.parametrize(
    ("kind", "name", "command"),
    [
        (PROVIDER, "openai", "Install budwood-openai: in a checkout of Budwood, pip install ./plugins/openai"),
        (
            PROVIDER,
            "OpenAI_Compatible",
            "Install budwood-openai-compatible: in a checkout of Budwood, pip install ./plugins/openai-compatible",
        ),
        (PROVIDER, "offline", "Install budwood-offline: in a checkout of Budwood, pip install ./plugins/offline"),
        (CACHE, "sqlite", "Install budwood-sqlite-cache: in a checkout of Budwood, pip install ./plugins/sqlite-cache"),
        (STORAGE, "jsonl", "Install budwood-generation: in a checkout of Budwood, pip install ./plugins/generation"),
        (
            INSTRUCTION_STRATEGY,
            "persona",
            "Install budwood-generation: in a checkout of Budwood, pip install ./plugins/generation",
        ),
    ],
)
def test_missing_first_party_plugin_says_how_to_install_it(kind, name, command, inventory_of):
    """
    The hint is one command.
    """
    with pytest.raises(PluginNotFoundError) as caught:
        Registry(inventory=inventory_of()).load(kind, name)

    assert caught.value.hint == command


def test_mistyped_first_party_name_is_recognised(load):
    """
    A similar name may be one that is not installed.
    """
    with pytest.raises(PluginNotFoundError, match=r"Did you mean openai\?"):
        load("opnai")


def test_name_of_one_kind_is_not_one_of_another(make_distribution, inventory_of):
    """
    A provider is not a cache.
    """
    make_distribution()

    with pytest.raises(PluginNotFoundError, match="No cache 'acme' is installed"):
        Registry(inventory=inventory_of()).load(CACHE, "acme")


def test_name_that_appears_later_is_found(make_distribution, inventory_of):
    """
    A missing plugin is not cached as an error.
    """
    registry = Registry(inventory=inventory_of())
    with pytest.raises(PluginNotFoundError):
        registry.load(PROVIDER, "acme")
    make_distribution()

    assert Registry(inventory=inventory_of()).load(PROVIDER, "acme").name == "acme"


# Two distributions with the same name of a plugin.


def test_two_distributions_with_one_name_are_a_conflict(make_distribution, load):
    """
    The error names both, and neither is imported.
    """
    one = make_distribution("acme-one", version="1.0")
    two = make_distribution("acme-two", version="2.0")

    with pytest.raises(PluginConflictError) as caught:
        load("acme")

    assert one.label in caught.value.message
    assert two.label in caught.value.message
    assert "[providers.acme] distribution" in caught.value.hint
    assert (one.imports, two.imports) == (0, 0)


@pytest.mark.parametrize("distribution", ["acme-two", "Acme_Two"])
def test_conflict_is_resolved_by_the_distribution(distribution, make_distribution, load):
    """
    Only the requested distribution is imported.
    """
    one = make_distribution("acme-one")
    two = make_distribution("acme-two")

    load("acme", distribution=distribution)

    assert (one.imports, two.imports) == (0, 1)


def test_conflict_is_resolved_by_disabling_one_distribution(make_distribution, load):
    """
    A disabled plugin does not count.
    """
    one = make_distribution("acme-one")
    two = make_distribution("acme-two")

    load("acme", disabled=["acme-one"])

    assert (one.imports, two.imports) == (0, 1)


def test_distribution_without_the_plugin_is_an_error(make_distribution, load):
    """
    A mistyped distribution is not replaced by another.
    """
    created = make_distribution()

    with pytest.raises(PluginNotFoundError, match="'acme-three'"):
        load("acme", distribution="acme-three")

    assert created.imports == 0


def test_conflict_does_not_affect_other_names(make_distribution, load):
    """
    Two distributions may share one name and provide others without a conflict.
    """
    make_distribution("acme-one", plugins=["acme", "peaceful"])
    make_distribution("acme-two")

    assert load("peaceful").name == "peaceful"


# All kinds of plugins.


@pytest.mark.parametrize("kind", [PROVIDER, CACHE, STORAGE, MEDIA_HANDLER, INSTRUCTION_STRATEGY])
def test_error_names_the_kind_as_users_do(kind, make_distribution, inventory_of):
    """
    It mentions a cache or a media handler, not entry-point groups.
    """
    make_distribution(group=kind.group, source="raise RuntimeError")

    with pytest.raises(PluginError, match=f"The {kind.label} 'acme'"):
        Registry(inventory=inventory_of()).load(kind, "acme")
