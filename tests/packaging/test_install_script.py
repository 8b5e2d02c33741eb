"""install.sh: with uv, pipx or Python alone, twice, and its errors."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.packaging.conftest import PACKAGING, ROOT

SCRIPT = PACKAGING / "install.sh"
NEEDED = {"uv": ["uv"], "pipx": ["pipx"], "python": []}


@pytest.mark.parametrize("tool", NEEDED)
def test_installs_with_each_tool(tool, make_user):
    """
    The tool that is found installs the command with the plugins of --with. A second run works; --uninstall removes it.
    """
    user = make_user(*NEEDED[tool])
    install = ("sh", SCRIPT, "--from", user.wheels, "--offline", "--with", "sqlite-cache")

    first = user.run(*install)
    second = user.run(*install, PATH=f"{user.command.parent}{os.pathsep}{user.path}")

    assert f"Installing budwood with {tool}." in first
    assert "is not in PATH" in first
    assert second.endswith("Next: budwood setup\n")
    assert user.ask() == "The rootstock gives roots."
    assert "budwood-sqlite-cache" in user.run(user.command, "plugins", "list")
    user.run("sh", SCRIPT, "--uninstall")
    assert not user.command.is_symlink()
    assert user.run("sh", SCRIPT, "--uninstall").startswith("Nothing to remove")


@pytest.mark.parametrize("tool", ["uv", "pipx"])
def test_budwood_comes_from_the_folder_only(tool, make_user, tmp_path):
    """
    With --from and an index, a distribution of Budwood is never looked for in the index. A second run works.
    """
    user = make_user(*NEEDED[tool])
    own, index = tmp_path / "own wheels", tmp_path / "index"
    own.mkdir()
    index.mkdir()
    for wheel in user.wheels.glob("*.whl"):
        shutil.copy(wheel, own if wheel.name.startswith("budwood") else index)
    install = ("sh", SCRIPT, "--from", own, "--with", "sqlite-cache")
    links = {"PIP_FIND_LINKS": index.as_uri(), "UV_FIND_LINKS": index.as_uri()}

    user.run(*install, **links)
    assert "budwood-sqlite-cache" in user.run(user.command, "plugins", "list")
    user.run(*install[:-2], **links)

    assert "budwood-sqlite-cache" not in user.run(user.command, "plugins", "list")
    assert user.ask() == "The rootstock gives roots."


def test_uninstall_removes_what_a_killed_installation_left(tmp_path):
    """
    Nothing else is beside it.
    """
    left = tmp_path / ".local/share/budwood-cli.former"
    left.mkdir(parents=True)
    (left / "pyvenv.cfg").touch()

    run = subprocess.run(
        ["sh", SCRIPT, "--uninstall"],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout == f"+ rm -rf {left}\n"
    assert not left.exists()


def test_dry_run_changes_nothing(make_user):
    """
    --dry-run prints the commands. The script also works from standard input.
    """
    user = make_user("uv")
    run = subprocess.run(
        ["sh", "-s", "--", "--dry-run", "--from", user.wheels],
        input=SCRIPT.read_text(encoding="utf-8"),
        env=user.environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "\n+ uv tool install " in run.stdout
    assert list(user.home.glob(".local/*")) == []


def test_incomplete_script_does_nothing(make_user):
    """
    A download that ends early runs nothing, wherever it ends.
    """
    user = make_user("uv")
    lines = SCRIPT.read_text(encoding="utf-8").splitlines(keepends=True)
    for count in range(0, len(lines), 10):
        script = user.home / "part.sh"
        script.write_text("".join(lines[:count]), encoding="utf-8")
        subprocess.run(["sh", script, "--from", user.wheels], env=user.environment, check=False, capture_output=True)

    assert {path.name for path in user.home.iterdir()} == {"part.sh"}


def test_missing_or_old_python_is_an_error(make_user, tmp_path):
    """
    Without uv and pipx, a Python of version 3.11 or later is required.
    """
    user = make_user(python=None)
    assert "No Python was found.\nInstall Python 3.11" in user.run("sh", SCRIPT, "--from", user.wheels, fails=True)

    old = tmp_path / "programs/python3"
    old.write_text('#!/bin/sh\n[ "$1" != --version ] || echo Python 3.9.2\nexit 1\n', encoding="utf-8")
    old.chmod(0o755)
    assert "found: Python 3.9.2.\nInstall a newer" in user.run("sh", SCRIPT, "--from", user.wheels, fails=True)


def test_missing_wheels_are_an_error(make_user, tmp_path):
    """
    A folder without a wheel, and a missing dependency, are errors with a remedy. Nothing stays behind.
    """
    user = make_user()
    assert "Build the wheels with: nox -s wheels" in user.run("sh", SCRIPT, "--from", tmp_path, fails=True)

    few = tmp_path / "few"
    few.mkdir()
    for wheel in user.wheels.glob("budwood*.whl"):
        shutil.copy(wheel, few)
    assert "no wheel of budwood-typo.\nCheck the name" in user.run(
        "sh", SCRIPT, "--from", few, "--with", "typo", fails=True
    )
    output = user.run("sh", SCRIPT, "--from", few, "--offline", fails=True, PIP_FIND_LINKS="")
    assert "python did not install budwood; its message is above.\nAdd the wheels that are missing in" in output
    assert list(user.home.glob(".local/share/*")) == []


def test_failed_upgrade_keeps_the_installation(make_user, tmp_path):
    """
    The virtual environment is as before if pip cannot install the new wheels.
    """
    user = make_user()
    own = user.home / ".local/share/budwood-cli"
    own.mkdir(parents=True)
    (own / "marker").touch()
    (tmp_path / "damaged").mkdir()
    for wheel in user.wheels.glob("budwood*.whl"):
        (tmp_path / "damaged" / wheel.name).touch()

    output = user.run("sh", SCRIPT, "--from", tmp_path / "damaged", "--offline", "--using", "python", fails=True)

    assert "python did not install budwood" in output
    assert [path.name for path in own.parent.iterdir()] == ["budwood-cli"]
    assert (own / "marker").exists()


def test_index_is_not_used_before_the_first_release(make_user):
    """
    While Budwood is not published, another package of its name is not installed.
    """
    assert "not on a package index yet" in make_user("uv").run("sh", SCRIPT, fails=True)
    unpublished = "Budwood is not published on a package index." in (ROOT / "README.md").read_text(encoding="utf-8")
    assert ("\npublished=no" in SCRIPT.read_text(encoding="utf-8")) == unpublished


def test_foreign_command_is_not_replaced(make_user):
    """
    A program of the same name stays.
    """
    user = make_user()
    user.command.parent.mkdir(parents=True)
    user.command.write_text("mine", encoding="utf-8")

    assert "exists, and is not from python" in user.run("sh", SCRIPT, "--from", user.wheels, fails=True)
    assert user.command.read_text(encoding="utf-8") == "mine"


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write everywhere")
def test_read_only_home_is_an_error():
    """
    A home folder that is not writable is found before anything runs.
    """
    command = ["sh", "-s", "--", "--from", "dist"]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=65534", "--clear-groups", *command]
    script = SCRIPT.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as home:  # not of tmp_path, whose parents only the current user may enter
        Path(home).chmod(0o555)
        environment = {"HOME": home, "PATH": "/usr/bin:/bin"}
        run = subprocess.run(command, input=script, env=environment, capture_output=True, text=True, check=False)

    assert f"install.sh: {home} is not writable.\nMake it writable" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--with", "a;b"], "not the name of a plugin"),
        (["--with"], "--with needs an argument"),
        (["--using", "conda"], "unknown tool"),
        (["--offline"], "--offline needs --from"),
        (["--form", "dist"], "unknown argument: --form"),
        (["--from", "missing"], "--from missing: not a folder"),
    ],
)
def test_wrong_arguments_are_errors(arguments, message, make_user):
    """
    Wrong arguments are named.
    """
    assert message in make_user("uv").run("sh", SCRIPT, *arguments, fails=True)


def test_shellcheck_finds_nothing():
    """
    The script is POSIX sh.
    """
    assert subprocess.run(["shellcheck", SCRIPT], check=False).returncode == 0


def test_plugins_of_all_ways_are_equal():
    """
    The image has the same plugins as an installation by the script.
    """
    script = re.search(r"^plugins='([^']+)'", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)[1].split()
    image = re.search(r'PACKAGES="([^"]+)"', (PACKAGING / "Dockerfile").read_text(encoding="utf-8"))[1].split()

    assert {*image} == {*script, "budwood-cli"}
    assert [name for name in script if not (ROOT / "plugins" / name.removeprefix("budwood-")).is_dir()] == []
