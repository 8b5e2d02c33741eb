"""The page on compatibility: its versions and formats are those of the code."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import pytest

from budwood import hooks

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/compatibility.md").read_text(encoding="utf-8")
NOXFILE = (ROOT / "noxfile.py").read_text(encoding="utf-8")


def test_versions_of_python():
    """
    The page names the versions that the tests run with, and each distribution requires the first of them or later.
    """
    tested = re.findall(r'"(3\.\d+)"', re.search(r"^PYTHONS: Final = (.+)$", NOXFILE, re.MULTILINE)[1])
    projects = [ROOT / "core/pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]
    required = {tomllib.loads(file.read_text(encoding="utf-8"))["project"]["requires-python"] for file in projects}

    *others, last = tested
    assert f"Budwood runs on Python {', '.join(others)} and {last}." in PAGE
    assert required == {f">={tested[0]}"}


def test_version_of_the_plugin_api():
    """
    The page names the version of the plugin API.
    """
    assert f"`budwood.hooks.API_VERSION`, now {'.'.join(map(str, hooks.API_VERSION))}:" in PAGE


@pytest.mark.parametrize(
    ("row", "module", "name"),
    [
        ("saved chats", "budwood.engine.chat.conversation", "FORMAT"),
        ("journals of dataset runs", "budwood_generation.journal.database", "FORMAT"),
        ("the usage database, SQLite", "budwood_usage.sqlite_store", "VERSION"),
        ("the usage database, PostgreSQL", "budwood_usage.database.schema", "HEAD"),
        ("the SQLite cache", "budwood_sqlite_cache.schema", "VERSION"),
        ("replies in caches", "budwood.providing.cached_values", "FORMAT"),
        ("keys of cached requests", "budwood.engine.caching.keys", "FORMAT"),
        ("cassettes of the test kit", "budwood_testing.cassettes.cassette_file", "FORMAT"),
    ],
)
def test_formats_of_files(row, module, name):
    """
    The table has the format that the code writes.
    """
    value = getattr(importlib.import_module(module), name)
    text = value.decode() if isinstance(value, bytes) else str(value)

    (cell,) = re.findall(rf"^\| {row} \| ([^|]+) \|", PAGE, re.MULTILINE)
    assert cell.strip("` ") == text.strip()


def test_sdks_of_vendors():
    """
    The page names the SDKs that the tests compare with.
    """
    named = re.findall(r"`([\w-]+>=[\d.]+)`[,.]", PAGE)

    assert len(named) == 6
    assert [requirement for requirement in named if f'"{requirement}"' not in NOXFILE] == []


def test_nothing_is_deprecated():
    """
    No module warns of a deprecation, as the page says.
    """
    sources = [*ROOT.glob("core/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]

    assert "Nothing is deprecated today." in PAGE
    assert [str(path) for path in sources if "DeprecationWarning" in path.read_text(encoding="utf-8")] == []
