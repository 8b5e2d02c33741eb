"""The packages that `budwood plugins new` creates can be installed, tested and linted without changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from budwood_cli.scaffold.kinds import Family, KindOfPlugin
from budwood_cli.scaffold.names import MAX_LENGTH, Names
from budwood_cli.scaffold.packages import Package

NEW = {
    **{f"new-{kind}": ("--kind", kind) for kind in KindOfPlugin},
    **{f"new-{family}": ("--kind", "provider", "--family", family) for family in Family if family is not Family.OWN},
}
every_package = pytest.mark.parametrize("name", NEW)


def run(*command, folder, **environment):
    """
    Run a program, and return its output.
    """
    result = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
        env=os.environ | environment,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.fixture(scope="module")
def packages_folder(tmp_path_factory):
    """
    A folder with all packages, each in its own folder.
    """
    folder = tmp_path_factory.mktemp("packages")
    for name, options in NEW.items():
        run(sys.executable, "-m", "budwood_cli", "plugins", "new", name, *options, folder=folder)
    return folder


@pytest.fixture(scope="module")
def python(tmp_path_factory, packages_folder):
    """
    A new environment with wheels of all packages, in which the packages of this environment can be imported too.
    """
    folder = tmp_path_factory.mktemp("fresh")
    run(sys.executable, "-m", "venv", "--without-pip", "venv", folder=folder)
    scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    target_folder = Path(run(python, "-c", code, folder=folder).strip())
    site_packages = sysconfig.get_path("purelib")
    (target_folder / "this_environment.pth").write_text(f"import site; site.addsitedir({site_packages!r})\n", "utf-8")
    packages = [packages_folder / f"budwood-{name}" for name in NEW]
    install = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    run(python, *install, *packages, folder=folder)
    return python


@every_package
def test_tests_pass(python, packages_folder, name):
    """
    Conformance tests of its kind and of its package, and its own tests.
    """
    shown = run(python, "-m", "pytest", "-p", "no:cacheprovider", folder=packages_folder / f"budwood-{name}")

    assert " passed" in shown
    assert "xfailed" not in shown


def test_the_doctor_finds_no_problem(python, packages_folder):
    """
    All new plugins can be used together.
    """
    command = ("plugins", "doctor", "--json", "--timeout", "86400")  # a busy machine needs its time to import them all
    findings = json.loads(run(python, "-m", "budwood_cli", *command, folder=packages_folder))

    found = {finding["name"]: finding["state"] for finding in findings}
    assert {name: found.get(name) for name in NEW} == dict.fromkeys(NEW, "ok")


@every_package
def test_types_are_valid(packages_folder, tmp_path_factory, name):
    """
    With the strict mypy configuration of the package.
    """
    cache = tmp_path_factory.getbasetemp() / "mypy"
    run(sys.executable, "-m", "mypy", "--cache-dir", cache, folder=packages_folder / f"budwood-{name}")


@pytest.mark.parametrize(
    "name", ["a", "acme", "a" + "-b" * (MAX_LENGTH // 2 - 1) + "c"], ids=["short", "usual", "long"]
)
def test_style_is_valid_for_any_name(tmp_path, name):
    """
    The ruff configuration of the package reports no problem, and the format is correct.
    """
    names = Names.of(name)
    for kind in KindOfPlugin:
        for family in Family if kind is KindOfPlugin.PROVIDER else (Family.OWN,):
            Package(names=names, kind=kind, family=family).write(tmp_path / f"{kind}-{family}")

    run(sys.executable, "-m", "ruff", "check", "--no-cache", folder=tmp_path)
    run(sys.executable, "-m", "ruff", "format", "--check", "--no-cache", folder=tmp_path)
