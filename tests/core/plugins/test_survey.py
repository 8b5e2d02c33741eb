from __future__ import annotations

import json
import subprocess
import sys

import pytest
from importlib_metadata import Distribution

from budwood.hooks import PROVIDER
from budwood.plugins import Registry, take_inventory
from budwood.plugins.doctor import examine
from budwood.plugins.survey import take_survey


@pytest.fixture
def survey_folders(site):
    """
    Survey only certain folders, by default the folder of the test.
    """
    return lambda *folders: take_survey(Distribution.discover(path=[str(folder) for folder in folders or (site,)]))


@pytest.fixture
def shadowed_folder(tmp_path):
    """
    A folder that Python searches later.
    """
    folder = tmp_path / "behind"
    folder.mkdir()
    return folder


def test_the_survey_finds_the_same_plugins_as_discovery(make_distribution, survey_folders, inventory_of):
    """
    Both read the same plugins from the same metadata.
    """
    make_distribution(plugins=["acme", "acme-cheap"], requires=["budwood>=0.1"])
    make_distribution("tables", plugins=["tables text/csv"], group="budwood.media_handlers")

    assert survey_folders().inventory == inventory_of()
    assert take_survey().inventory == take_inventory()


def test_a_copy_behind_another_is_shadowed(make_distribution, survey_folders, site, shadowed_folder):
    """
    The problem names both folders; the shadowed copy provides no plugins.
    """
    make_distribution(version="2.0")
    make_distribution("Acme.Plugin", version="1.0", folder=shadowed_folder)

    survey = survey_folders(site, shadowed_folder)

    ((copy, problem),) = survey.list_problems()
    assert [shadowed.version for shadowed in survey.list_shadowed()] == ["1.0"]
    assert problem.summary == f"Acme.Plugin 1.0 in {shadowed_folder} is shadowed by acme-plugin 2.0 in {site}."
    assert copy.shadowed_by.version == "2.0"
    assert [plugin.version for plugin in survey.inventory.all()] == ["2.0"]


def test_a_folder_that_is_on_the_path_twice_has_one_copy(make_distribution, survey_folders, site, tmp_path):
    """
    If ``lib64`` is a link to ``lib``, nothing is shadowed.
    """
    make_distribution()
    link = tmp_path / "lib64"
    link.symlink_to(site, target_is_directory=True)

    assert (len(survey_folders(site, link).copies), survey_folders(site, link).list_problems()) == (1, [])


def test_a_misspelled_group_is_a_problem(make_distribution, survey_folders):
    """
    Its plugins would be ignored; a similar group is suggested.
    """
    make_distribution(group="budwood.provider")

    ((copy, problem),) = survey_folders().list_problems()

    assert "Unknown entry-point group 'budwood.provider'" in problem.summary
    assert "budwood.providers" in problem.hint
    assert copy.plugins == ()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("METADATA", None),
        ("METADATA", b""),
        ("METADATA", b"Metadata-Version: 2.1\nSummary: no name, no version\n"),
        ("METADATA", b"Name: harmed\n"),
        ("METADATA", b"\xff\xfe\x00"),
        ("entry_points.txt", b"[budwood.providers]\nno equals sign\n"),
    ],
)
def test_damaged_metadata_are_a_problem_that_names_the_folder(file, content, make_distribution, survey_folders, site):
    """
    Other distributions are still read.
    """
    make_distribution("harmed", plugins=["harmed"])
    make_distribution("healthy", plugins=["healthy"])
    damaged = site / "harmed-1.2.3.dist-info" / file
    damaged.unlink() if content is None else damaged.write_bytes(content)

    survey = survey_folders()

    ((_, problem),) = survey.list_problems()
    assert str(site / "harmed-1.2.3.dist-info") in problem.summary
    assert survey.inventory.find(PROVIDER, "healthy")


def test_a_copy_has_its_origin(make_distribution, survey_folders, site):
    """
    It has its folder, and whether it is a link to sources.
    """
    created = make_distribution()
    make_distribution("linked", plugins=["linked"])
    origin = {"url": "file:///sources", "dir_info": {"editable": True}}
    (site / "linked-1.2.3.dist-info" / "direct_url.json").write_text(json.dumps(origin))

    survey = survey_folders()

    (plugin,) = survey.inventory.find(PROVIDER, "acme")
    assert survey.copy_of(plugin).folder == created.folder
    assert {copy.name: copy.is_editable for copy in survey.copies} == {"acme-plugin": False, "linked": True}


def test_problems_of_distributions_are_findings(make_distribution, survey_folders, site, shadowed_folder):
    """
    The doctor reports them after the plugins, and imports nothing for them.
    """
    make_distribution(version="2.0")
    make_distribution(version="1.0", folder=shadowed_folder, source="raise SystemExit")
    survey = survey_folders(site, shadowed_folder)

    ok, shadowed = examine(Registry(inventory=survey.inventory), survey, timeout=60.0)

    assert (ok.state, shadowed.kind, shadowed.state, shadowed.version) == ("ok", "distribution", "shadowed", "1.0")
    assert "until no copy is left" in shadowed.hint


def test_a_first_call_does_not_import_it():
    """
    Building a plugin and counting tokens use only the standard library to read metadata.
    """
    code = (
        "import sys\n"
        "from budwood import Client\n"
        "Client('offline/extractive').ask('Hi')\n"
        "Client('openai/gpt-4.1', api_key='none').count_tokens('Hi', offline=True)\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'importlib_metadata'])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"
