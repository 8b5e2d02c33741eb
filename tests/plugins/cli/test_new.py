"""`budwood plugins new`: created files, output and errors."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from budwood.hooks import API_VERSION, KINDS
from budwood.names import normalise
from budwood_cli.errors import ArgumentError
from budwood_cli.scaffold import steps
from budwood_cli.scaffold.kinds import SECTIONS, Family, KindOfPlugin, group_of
from budwood_cli.scaffold.names import MAX_LENGTH, Names
from budwood_cli.scaffold.packages import Package

ROOT = Path(__file__).parents[3]
PACKAGES = [
    *((kind, Family.OWN) for kind in KindOfPlugin),
    *((KindOfPlugin.PROVIDER, family) for family in Family if family is not Family.OWN),
]
every_package = pytest.mark.parametrize(("kind", "family"), PACKAGES, ids=str)

pytestmark = pytest.mark.one_python


def package(name, kind=KindOfPlugin.CACHE, family=Family.OWN):
    """
    Create a package without writing it.
    """
    return Package(names=Names.of(name), kind=kind, family=family)


def test_package_is_written_to_the_current_folder(budwood, tmp_path, monkeypatch):
    """
    The folder has the name of the distribution, and is printed to standard output.
    """
    monkeypatch.chdir(tmp_path)

    run = budwood("plugins", "new", "my-vendor", "--kind", "provider")

    written = tmp_path / "budwood-my-vendor"
    assert (run.returncode, run.stdout) == (0, "budwood-my-vendor\n")
    assert {path.name for path in written.iterdir()} >= {"LICENSE", "README.md", "pyproject.toml", "src", "tests"}
    assert (written / "src/budwood_my_vendor/py.typed").is_file()
    assert 'my-vendor = "budwood_my_vendor"' in (written / "pyproject.toml").read_text("utf-8")


def test_report_as_json(budwood, tmp_path):
    """
    It names the folder, all files, and the parts of the plugin.
    """
    folder = tmp_path / "here"
    run = budwood("plugins", "new", "acme", "-k", "media", "--folder", folder, "--module", "acme_tables", "--json")

    report = json.loads(run.stdout)
    assert (report["module"], report["group"], report["folder"]) == (
        "acme_tables",
        "budwood.media_handlers",
        str(folder),
    )
    assert {Path(file) for file in report["files"]} == {path for path in folder.rglob("*") if path.is_file()}
    assert (folder / "src/acme_tables/handler.py").is_file()
    assert run.stderr == ""


def test_printed_commands_use_existing_paths(budwood, tmp_path):
    """
    Budwood is installed from the same source as here, and the folder is quoted.
    """
    folder = tmp_path / "a folder"
    run = budwood("plugins", "new", "acme", "-k", "provider", "--family", "openai", "--folder", folder)

    lines = [shlex.split(line) for line in run.stderr.splitlines() if line.startswith("  ")]
    (sources,) = [line[4:] for line in lines if line[:4] == ["python", "-m", "pip", "install"] and len(line) > 6]
    assert lines[0] == ["cd", str(folder)]
    assert [Path(source) for source in sources] == [
        ROOT / "core",
        ROOT / "plugins/cli",
        ROOT / "plugins/testing",
        ROOT / "plugins/openai-compatible",
    ]


def test_printed_commands_find_the_test_kit_in_the_checkout(tmp_path, monkeypatch):
    """
    If the kit is not installed, its path is in the checkout of the core.
    """
    origins = {"budwood": ROOT / "core", "budwood-cli": ROOT / "plugins/cli"}
    monkeypatch.setattr(steps, "_origin", origins.get)

    assert f" {ROOT / 'plugins/testing'}\n" in steps.next_steps(package("acme"), tmp_path)


def test_printed_commands_have_a_placeholder_for_the_checkout(tmp_path, monkeypatch):
    """
    It is used if Budwood was installed from wheels.
    """
    monkeypatch.setattr(steps, "_origin", lambda _: None)

    printed = steps.next_steps(package("acme"), tmp_path)

    assert "install CHECKOUT/core CHECKOUT/plugins/cli CHECKOUT/plugins/testing\n" in printed
    assert "Replace CHECKOUT by" in printed


def test_nothing_is_overwritten(budwood, tmp_path):
    """
    A folder that is not empty is rejected, and there is no option to force it.
    """
    folder = tmp_path / "acme"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")

    run = budwood("plugins", "new", "acme", "-k", "cache", "--folder", folder)

    assert run.returncode == 2
    assert "is not empty. No file is overwritten" in run.stderr
    assert "--folder" in run.stderr
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    assert budwood("plugins", "new", "acme", "-k", "cache", "--folder", folder, "--force").returncode == 2


def test_a_new_git_repository_is_accepted(budwood, tmp_path):
    """
    The package can be written after `git init`.
    """
    (tmp_path / "acme" / ".git").mkdir(parents=True)

    assert budwood("plugins", "new", "acme", "-k", "cache", "--folder", tmp_path / "acme").returncode == 0


def test_a_file_instead_of_the_folder_is_an_error(budwood, tmp_path):
    """
    The error names it.
    """
    (tmp_path / "acme").touch()

    run = budwood("plugins", "new", "acme", "-k", "cache", "--folder", tmp_path / "acme")

    assert (run.returncode, "acme is a file" in run.stderr) == (2, True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("My_Vendor", "For example: 'my-vendor'"),
        ("budwood-acme", "must not start with budwood: use 'acme'"),
        ("3d", "Start with a letter"),
        ("a--b", "single hyphens"),
        ("../acme", "not a valid plugin name"),
        ("openai", "Budwood already"),
        ("memory", "Budwood already"),
        ("sqlite-cache", "Budwood already"),
        ("base", "Budwood already"),
        ("a" * (MAX_LENGTH + 1), f"at most {MAX_LENGTH}"),
    ],
)
def test_invalid_name_is_rejected(name, expected):
    """
    The error says which names are valid.
    """
    with pytest.raises(ArgumentError, match=re.escape(expected)):
        Names.of(name)


@pytest.mark.parametrize("folder", sorted(file.parent.name for file in (ROOT / "plugins").glob("*/pyproject.toml")))
def test_name_of_a_budwood_distribution_is_rejected(folder):
    """
    A second budwood-groq cannot be created.
    """
    with pytest.raises(ArgumentError, match="Budwood already"):
        Names.of(folder)


@pytest.mark.parametrize(
    "module", ["class", "match", "json", "budwood", "budwood_openai", "my-module", "My", "ünï", ""]
)
def test_invalid_module_is_rejected(module):
    """
    Python keywords, standard modules and packages of Budwood are rejected.
    """
    with pytest.raises(ArgumentError):
        Names.of("acme", module)


@given(st.text(max_size=50) | st.from_regex(r"\A[a-z][a-z0-9-]{0,45}\Z"))
def test_any_name_is_rejected_or_valid(name):
    """
    An accepted name is normalized, and its module and class are valid identifiers.
    """
    try:
        names = Names.of(name)
    except ArgumentError:
        return
    assert names.name == normalise(names.name)
    assert names.module.isidentifier()
    assert names.title.isidentifier()
    assert re.fullmatch(r"[A-Z0-9_]+", names.variable)


def test_invalid_arguments_are_usage_errors(budwood, tmp_path):
    """
    An unknown kind, an invalid name, or a family for another kind: the status is 2, and no file is written.
    """
    for arguments in (
        ("acme", "--kind", "engine"),
        ("openai", "--kind", "cache"),
        ("acme", "--kind", "cache", "--family", "openai"),
        ("acme",),
    ):
        run = budwood("plugins", "new", *arguments, "--folder", tmp_path / "new")
        assert run.returncode == 2, run.stderr
        assert run.stderr.startswith("error: ")
    assert not (tmp_path / "new").exists()


def test_every_kind_of_plugin_has_a_template():
    """
    A new kind needs a template.
    """
    available = sorted((SECTIONS[kind], group_of(kind)) for kind in KindOfPlugin)

    assert available == sorted((kind.section, kind.group) for kind in KINDS)


@every_package
@pytest.mark.parametrize("name", ["a", "a" + "-b" * (MAX_LENGTH // 2 - 1) + "c"], ids=["short", "long"])
def test_rendered_files_are_valid(kind, family, name):
    """
    No placeholder remains, Python code compiles, and no line is too long, for short and long names.
    """
    for path, text in package(name, kind, family).files().items():
        assert "$" not in path
        assert not re.search(r"\$(?!\s)", text), path
        if path.endswith(".py"):
            compile(text, path, "exec")
            assert max(map(len, text.splitlines())) <= 120, path


@every_package
def test_classes_do_not_hide_imports(kind, family):
    """
    A name whose class would hide one of Budwood's, such as BaseProvider, is rejected.
    """
    for path, text in package("qqq", kind, family).files().items():
        tree = ast.parse(text if path.endswith(".py") else "")
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        endings = set(re.findall(r"\bQqq([A-Z]\w+)", text))
        for title in (name.removesuffix(ending) for name in imported for ending in endings if name.endswith(ending)):
            words = re.findall(r"[A-Z][a-z0-9]*", title)
            if title != "Qqq" and words:
                with pytest.raises(ArgumentError):
                    Names.of("-".join(words).lower())


@every_package
def test_the_current_version_is_required(kind, family):
    """
    The bounds contain the version that wrote the package, and the spec requires its API.
    """
    rendered = package("acme", kind, family)
    budwood_requirements = [Requirement(line) for line in rendered.requirements if line.startswith("budwood")]

    assert all(requirement.specifier.contains(version("budwood")) for requirement in budwood_requirements)
    assert not any(requirement.specifier.contains("99.0") for requirement in budwood_requirements)
    assert f"requires_api={API_VERSION}" in rendered.files()["src/budwood_acme/__init__.py"]


@pytest.mark.parametrize(
    "warning",
    [
        "pytest.PytestDeprecationWarning('The configuration option \"asyncio_default_fixture_loop_scope\" is unset')",
        "DeprecationWarning('asyncio.get_event_loop_policy is deprecated')",
    ],
    ids=["setting", "Python"],
)
def test_tests_run_beside_pytest_asyncio(budwood, tmp_path, warning):
    """
    The plugin emits warnings before any test runs. As errors they would end pytest.
    """
    folder = tmp_path / "new"
    budwood("plugins", "new", "acme", "--kind", "cache", "--folder", folder)
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_it.py").write_text("def test_it(): pass\n", "utf-8")
    (tests / "pytest_asyncio.py").write_text(
        f"import pytest, warnings\ndef pytest_configure(config):\n    warnings.warn({warning})\n", "utf-8"
    )
    (tests / "pyproject.toml").write_text((folder / "pyproject.toml").read_text("utf-8"), "utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "pytest_asyncio", "test_it.py"]
    run = subprocess.run(
        command, cwd=tests, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(tests)}
    )

    assert run.returncode == 0, run.stdout + run.stderr


def test_the_default_license_is_that_of_budwood():
    """
    The license file matches the metadata.
    """
    files = package("acme").files()

    assert files["LICENSE"] == (ROOT / "LICENSE").read_text("utf-8")
    assert 'license = "Apache-2.0"' in files["pyproject.toml"]
