from __future__ import annotations

import json

import pytest

BROKEN = {
    "METADATA": "Metadata-Version: 2.1\nName: broken-shoot\nVersion: 3.2.1\n",
    "entry_points.txt": "[budwood.providers]\nbroken = broken_shoot\n",
}


@pytest.fixture
def broken(tmp_path):
    """
    A folder with an installed plugin that cannot be imported, and records every attempt.
    """
    folder = tmp_path / "site"
    information = folder / "broken_shoot-3.2.1.dist-info"
    information.mkdir(parents=True)
    for name, content in BROKEN.items():
        (information / name).write_text(content)
    (folder / "broken_shoot.py").write_text(
        "from pathlib import Path\nPath(__file__).with_name('imported').touch()\nraise RuntimeError('no sap')\n"
    )
    return folder


def row(rows, name):
    """
    Return the row with this name.
    """
    (found,) = (row for row in rows if row["name"] == name)
    return found


def test_list_imports_no_plugin(budwood, broken):
    """
    A plugin whose import fails is listed like the others.
    """
    run = budwood("plugins", "list", "--json", PYTHONPATH=str(broken))

    found = row(json.loads(run.stdout), "broken")
    assert (run.returncode, run.stderr) == (0, "")
    assert (found["distribution"], found["version"], found["state"]) == ("broken-shoot", "3.2.1", "installed")
    assert not (broken / "imported").exists()


def test_list_prints_a_table(budwood):
    """
    Without --json, there is one line per plugin, after a header.
    """
    lines = budwood("plugins", "list").stdout.splitlines()

    assert lines[0].split() == ["kind", "name", "distribution", "version", "state"]
    assert any(line.split()[:3] == ["provider", "offline", "budwood-offline"] for line in lines)


def test_disabled_plugins_are_listed_as_disabled(budwood, broken):
    """
    The list shows the setting, and the doctor skips the plugin.
    """
    environment = {"PYTHONPATH": str(broken), "BUDWOOD_PLUGINS_DISABLED": "broken"}

    for command in ("list", "doctor"):
        rows = json.loads(budwood("plugins", command, "--json", **environment).stdout)
        assert row(rows, "broken")["state"] == "disabled"
    assert not (broken / "imported").exists()


def test_the_doctor_finds_broken_plugins(budwood, broken):
    """
    The broken plugin is reported with the cause, and the status is 3. The others are ok.
    """
    run = budwood("plugins", "doctor", "--json", "--timeout", "60", PYTHONPATH=str(broken))

    rows = json.loads(run.stdout)
    assert (row(rows, "broken")["state"], row(rows, "offline")["state"]) == ("broken", "ok")
    assert "RuntimeError: no sap" in row(rows, "broken")["problem"]
    assert run.returncode == 3
    assert "broken" in run.stderr


def test_the_doctor_prints_a_table(budwood, broken):
    """
    The problem is the last column.
    """
    run = budwood("plugins", "doctor", "--timeout", "60", PYTHONPATH=str(broken))

    (line,) = (line for line in run.stdout.splitlines() if "broken-shoot" in line)
    assert "no sap" in line


def test_list_shows_the_origin_of_plugins(budwood, broken):
    """
    With --json, each row has the folder, whether the installation is editable, and the patterns.
    """
    rows = json.loads(budwood("plugins", "list", "--json", PYTHONPATH=str(broken)).stdout)

    assert (row(rows, "broken")["folder"], row(rows, "broken")["editable"]) == (str(broken), False)
    assert row(rows, "text")["patterns"] == ["text/*", "application/json"]


def test_a_shadowed_copy_is_listed_and_reported(budwood, broken, tmp_path):
    """
    Of two versions of a distribution on the path, the one that Python does not import is shadowed, in both commands.
    """
    older = tmp_path / "older" / "broken_shoot-1.0.dist-info"
    older.mkdir(parents=True)
    (older / "METADATA").write_text(BROKEN["METADATA"].replace("3.2.1", "1.0"))
    (older / "entry_points.txt").write_text(BROKEN["entry_points.txt"])
    environment = {"PYTHONPATH": f"{broken}:{older.parent}", "BUDWOOD_PLUGINS_DISABLED": "broken"}

    listed = json.loads(budwood("plugins", "list", "--json", **environment).stdout)
    run = budwood("plugins", "doctor", "--json", "--timeout", "60", **environment)

    found = {plugin["version"]: plugin["state"] for plugin in listed if plugin["name"] == "broken"}
    assert found == {"3.2.1": "disabled", "1.0": "shadowed"}
    (finding,) = (finding for finding in json.loads(run.stdout) if finding["state"] == "shadowed")
    assert finding["problem"] == f"broken-shoot 1.0 in {older.parent} is shadowed by broken-shoot 3.2.1 in {broken}."
    assert run.returncode == 3
