from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from budwood.errors import PluginNotFoundError
from budwood.hooks import CACHE, KINDS, MEDIA_HANDLER, PROVIDER, STORAGE
from budwood.plugins import Inventory, Registry
from budwood.plugins.first_party import first_party_distribution, first_party_names, first_party_plugins

ROOT = Path(__file__).resolve().parents[3]


def read_plugins(project):
    """
    Return the plugins in the metadata of a project, by section.
    """
    groups = project.get("entry-points", {})
    return {
        kind.section: sorted(name.split()[0] for name in groups[kind.group]) for kind in KINDS if kind.group in groups
    }


def test_the_list_agrees_with_the_projects_of_this_repository():
    """
    Each distribution is listed with exactly the plugins of its entry points, and no other distribution is.
    """
    files = [ROOT / "core" / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]
    projects = [tomllib.loads(file.read_text("utf-8"))["project"] for file in files]

    listed = {
        name: {kind: sorted(names) for kind, names in kinds.items()} for name, kinds in first_party_plugins().items()
    }

    assert listed == {project["name"]: read_plugins(project) for project in projects}


def test_the_distribution_of_a_plugin_is_found():
    """
    Names are compared as users type them, within their kind.
    """
    assert first_party_distribution(PROVIDER, "OpenAI_Compatible") == "budwood-openai-compatible"
    assert first_party_distribution(STORAGE, "jsonl") == "budwood-generation"
    assert first_party_distribution(CACHE, "openai") is None
    assert first_party_names(MEDIA_HANDLER)[:5] == ["audio", "document", "image", "text", "video"]


@pytest.mark.parametrize(
    ("kind", "name", "folder"),
    [(CACHE, "sqlite", "sqlite-cache"), (PROVIDER, "groq", "groq")],
    ids=["cache", "provider"],
)
def test_the_hint_for_a_first_party_plugin_names_its_folder(kind, name, folder):
    """
    The error names the distribution and says how to install it.
    """
    with pytest.raises(PluginNotFoundError) as caught:
        Registry(inventory=Inventory()).load(kind, name)

    assert f"Install budwood-{folder}: " in caught.value.hint
    assert f"./plugins/{folder}" in caught.value.hint
