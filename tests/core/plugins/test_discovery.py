from __future__ import annotations

from importlib.metadata import distributions

import pytest

from budwood.hooks import CACHE, KINDS, PROVIDER
from budwood.plugins import Registry, take_inventory


def test_installed_plugins_are_found_without_importing_them(make_distribution, inventory_of):
    """
    The metadata have the name, module, distribution and version.
    """
    created = make_distribution(plugins=["acme", "acme-cheap"], requires=["budwood>=0.1", "httpx"])

    inventory = inventory_of()

    assert inventory.names(PROVIDER) == ["acme", "acme-cheap"]
    (plugin,) = inventory.find(PROVIDER, "acme")
    assert (plugin.module, plugin.distribution, plugin.version) == (created.module, "acme-plugin", "1.2.3")
    assert plugin.label == "acme-plugin 1.2.3"
    assert plugin.core_requirement == ">=0.1"
    assert created.imports == 0


def test_installed_plugins_of_the_process_are_the_default(make_distribution):
    """
    All distributions on the path count, and the core.
    """
    make_distribution()

    inventory = take_inventory()

    assert inventory.find(PROVIDER, "acme")
    assert inventory.find(CACHE, "memory")[0].distribution == "budwood"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.section)
def test_each_kind_has_names_of_its_own(kind, make_distribution, inventory_of):
    """
    A cache and a provider may have one name: the entry-point group tells them apart.
    """
    make_distribution("one", group=kind.group)

    inventory = inventory_of()

    assert [other for other in KINDS if inventory.find(other, "acme")] == [kind]


def test_unknown_groups_are_ignored(make_distribution, inventory_of):
    """
    Entry points of other groups are not plugins, even if the names of the groups are similar.
    """
    make_distribution(group="budwood.unheard_of")

    assert inventory_of().all() == []


@pytest.mark.parametrize("spelling", ["my-vllm", "My_vLLM", "MY.VLLM", "my__vllm"])
def test_names_are_normalised(spelling, make_distribution, inventory_of):
    """
    ``-``, ``_`` and ``.`` are equal, and case does not matter, in entry points and in what users type.
    """
    make_distribution(plugins=["My_VLLM"])

    inventory = inventory_of()

    assert inventory.find(PROVIDER, spelling)
    assert inventory.names(PROVIDER) == ["my-vllm"]


def test_two_spellings_of_one_name_are_a_conflict(make_distribution, inventory_of):
    """
    ``my-vllm`` and ``My_vLLM`` are the same name.
    """
    make_distribution("one", plugins=["my-vllm"])
    make_distribution("two", plugins=["My_vLLM"])

    assert len(inventory_of().find(PROVIDER, "my.vllm")) == 2


def test_folder_that_is_on_the_path_twice_is_not_a_conflict(make_distribution, inventory_of, site, tmp_path):
    """
    If ``lib64`` is a link to ``lib``, a distribution is found twice and counts once.
    """
    make_distribution()
    link = tmp_path / "lib64"
    link.symlink_to(site, target_is_directory=True)

    inventory = inventory_of(site, link)

    assert len(list(distributions(path=[str(site), str(link)], name="acme-plugin"))) == 2
    assert len(inventory.find(PROVIDER, "acme")) == 1
    assert Registry(inventory=inventory).load(PROVIDER, "acme").name == "acme"


def test_shadowed_version_of_a_distribution_does_not_count(make_distribution, inventory_of, site, tmp_path):
    """
    Of two versions on the path, the first is listed, because Python imports it.
    """
    shadowed_folder = tmp_path / "behind"
    shadowed_folder.mkdir()
    make_distribution(version="2.0")
    make_distribution("Acme.Plugin", version="1.0", folder=shadowed_folder)

    (plugin,) = inventory_of(site, shadowed_folder).all()

    assert plugin.version == "2.0"


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("METADATA", None),
        ("METADATA", b""),
        ("METADATA", b"Metadata-Version: 2.1\nSummary: no name, no version\n"),
        ("METADATA", b"Name: harmed\n"),
        ("METADATA", b"Name: harmed\nVersion: 1\nRequires-Dist: ]not a requirement[\n"),
        ("METADATA", b"\xff\xfe\x00"),
        ("entry_points.txt", b""),
        ("entry_points.txt", b"harmed = without_a_section\n# budwood.providers"),
        ("entry_points.txt", b"[budwood.providers]\nno equals sign\n"),
        ("entry_points.txt", b"[budwood.providers]\nharmed = \n"),
        ("entry_points.txt", b"[budwood.providers\n\xff\xfe"),
    ],
)
def test_damaged_metadata_do_not_hide_other_plugins(file, content, make_distribution, inventory_of, site):
    """
    The remains of an interrupted installation are skipped.
    """
    make_distribution("harmed", plugins=["harmed"])
    make_distribution("healthy", plugins=["healthy"])
    damaged = site / "harmed-1.2.3.dist-info" / file
    damaged.unlink() if content is None else damaged.write_bytes(content)

    assert inventory_of().find(PROVIDER, "healthy")


@pytest.mark.parametrize(
    ("requires", "requirement"),
    [
        ([], None),
        (["httpx>=1"], None),
        (["budwood-openai>=9"], None),
        (["budwood"], ""),
        (["BudWood[jsonschema] >= 0.1, < 0.2"], "<0.2,>=0.1"),
        (["budwood>=9; python_version < '3'", "budwood>=0.1"], ">=0.1"),
        (["budwood>=9; extra == 'later'"], None),
        (["budwood>=0.1", "budwood[jsonschema]<0.3"], "<0.3,>=0.1"),
    ],
)
def test_requirement_on_the_core_is_read_from_metadata(requires, requirement, make_distribution, inventory_of):
    """
    Every requirement on ``budwood`` whose marker applies counts.
    """
    make_distribution(requires=requires)

    (plugin,) = inventory_of().all()

    if plugin.core_requirement is None or requirement is None:
        assert plugin.core_requirement is requirement
    else:
        assert sorted(plugin.core_requirement.split(",")) == sorted(requirement.split(","))


def test_extras_of_an_old_entry_point_are_ignored(make_distribution, inventory_of, site):
    """
    ``module [extra]`` names the module: the packaging specification asks consumers to read the old form.
    """
    created = make_distribution()
    entries = site / "acme_plugin-1.2.3.dist-info" / "entry_points.txt"
    entries.write_text(f"[budwood.providers]\nacme = {created.module} [more]\n")

    assert Registry(inventory=inventory_of()).load(PROVIDER, "acme").name == "acme"
