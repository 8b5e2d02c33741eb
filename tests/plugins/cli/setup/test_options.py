"""``budwood setup`` without questions."""

from __future__ import annotations

import json
import stat
import tomllib

import pytest

from tests.plugins.cli.setup.processes import WITHOUT_KEYRING
from tests.plugins.cli.setup.vendors import BAD_KEY, GOOD_KEY, REASON, Vendor
from tests.small_disk import mount_disk

pytestmark = pytest.mark.one_python

FROM_STDIN = ("--provider", "openai", "--token", "-", "--non-interactive")


def test_result_is_json(machine, openai):
    """
    It says what was chosen, checked and saved, without the key.
    """
    found = machine.run_json(*FROM_STDIN, stdin=f"{GOOD_KEY}\n")

    assert GOOD_KEY not in json.dumps(found)
    assert found | {"diff": ""} == {
        "provider": "openai",
        "model": "openai/gpt-6.1-sol",
        "base_url": None,
        "key": {"source": "keyring", "variable": None},
        "check": {"state": "accepted", "reason": None},
        "file": str(machine.user_file),
        "backup": None,
        "diff": "",
        "is_changed": True,
        "is_saved": True,
        "dry_run": False,
        "notes": [],
        "next": 'budwood ask "Hello"',
    }
    assert machine.secrets == {"openai": GOOD_KEY}


def test_rerun_changes_nothing(machine, openai):
    """
    The same answers again write no file, no backup and no key, and say so.
    """
    machine.run(*FROM_STDIN, stdin=GOOD_KEY)
    before = machine.snapshot()
    again = machine.run(*FROM_STDIN, stdin=GOOD_KEY)
    without_key = machine.run("--non-interactive")

    assert (again.returncode, again.stdout) == (0, "")
    assert (without_key.returncode, without_key.stdout) == (0, "")
    assert "Nothing to change" in again.stderr
    assert machine.snapshot() == before


def test_dry_run_writes_nothing(machine, openai):
    """
    The diff is data, so it goes to standard output. The key is checked.
    """
    machine.config.mkdir()
    machine.user_file.write_text("# mine\nretries = 1\n".replace("retries", "[options]\nretries"))
    before = machine.snapshot()
    done = machine.run(*FROM_STDIN, "--dry-run", stdin=GOOD_KEY)

    assert done.returncode == 0
    assert '+model = "openai/gpt-6.1-sol"' in done.stdout
    assert "The key would be saved in the keyring." in done.stderr
    assert machine.snapshot() == before
    assert len(openai.requests) == 1


def test_former_settings_are_kept_beside_the_new_ones(machine, openai):
    """
    Comments and other settings stay, and the former file is the backup.
    """
    machine.config.mkdir()
    old = '# mine\nmodel = "offline/echo"  # for trials\n\n[options]\nretries = 1\n'
    machine.user_file.write_text(old)
    found = machine.run_json(*FROM_STDIN, stdin=GOOD_KEY)

    assert machine.user_file.read_text() == old.replace("offline/echo", "openai/gpt-6.1-sol")
    assert found["backup"] == f"{machine.user_file}.bak"
    assert machine.user_file.with_name("budwood.toml.bak").read_text() == old


def test_bad_key_is_an_error(machine, openai):
    """
    The reason is that of the vendor, the status that of credentials, and nothing is saved.
    """
    done = machine.run(*FROM_STDIN, "--json", stdin=BAD_KEY)

    assert done.returncode == 4
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert REASON in error["message"]
    assert error["hint"].startswith("Create a key at https://platform.openai.com/")
    assert machine.snapshot() == {}


def test_bad_key_in_the_environment_is_an_error_that_names_the_variable(machine, openai):
    """
    A key that was stored would not be used.
    """
    machine.environment["OPENAI_API_KEY"] = BAD_KEY
    done = machine.run("--provider", "openai", "--non-interactive")

    assert done.returncode == 4
    assert "hint: Set OPENAI_API_KEY to a valid key" in done.stderr


def test_key_in_the_environment_is_not_stored(machine, openai):
    """
    It is used as it is.
    """
    machine.environment["OPENAI_API_KEY"] = GOOD_KEY
    found = machine.run_json("--provider", "openai", "--non-interactive")

    assert found["key"] == {"source": "environment", "variable": "OPENAI_API_KEY"}
    assert machine.secrets == {}
    assert openai.requests[0] == ("GET", "/v1/models", GOOD_KEY)


def test_key_in_another_variable_is_stored(machine, openai):
    """
    ``--key-env`` names a variable that Budwood would not find.
    """
    machine.environment["MY_KEY"] = GOOD_KEY
    machine.run_json("--provider", "openai", "--key-env", "MY_KEY")

    assert machine.secrets == {"openai": GOOD_KEY}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sk-secret-ABCDEFGHIJKLM", "The value of --key-env is not the name of an environment variable."),
        ("gsk_1234567890abcdefghij", "The variable that --key-env names is not set."),
        ("AKIA1234567890ABCDEF", "The variable that --key-env names is not set."),
        ("0123456789abcdef0123456789abcdef", "is not the name of an environment variable"),
    ],
)
def test_key_in_place_of_its_variable_is_not_shown(machine, name, message):
    """
    Output of commands is often kept, as that of builds is.
    """
    done = machine.run("--provider", "openai", "--key-env", name, "--non-interactive")

    assert done.returncode == 2
    assert message in done.stderr
    assert name not in done.stdout + done.stderr


@pytest.mark.usefixtures("openai")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--provider", "openai"], "Pass --token -, or set OPENAI_API_KEY."),
        ([], "Pass --provider NAME."),
        (["--provider", "openai", "--key-env", "MY_KEY"], "MY_KEY is not set"),
        (["--provider", "openai", "--key-env", "A", "--token", "-"], "both have a key"),
        (["--provider", "openai", "--token", "-"], "The key is empty."),
        (["--provider", "offline", "--token", "-"], "offline takes no API key"),
        (["--provider", "offline", "--base-url", "http://localhost"], "offline has no address"),
        (["--provider", "opnai"], "Did you mean openai?"),
        (["--provider", "openai-compatible"], "Pass --base-url URL."),
        (["--provider", "openai-compatible", "--base-url", "box"], "--base-url must start with http:// or https://."),
        (["--provider", "openai", "--base-url", "box"], "--base-url must start with http:// or https://."),
        (["--provider", "openai", "--base-url", "http://box/v1/chat/completions"], "--base-url must not include /chat"),
        (["--provider", "openai", "--store", "drawer"], "drawer"),
    ],
)
def test_missing_or_wrong_answer_is_an_error(machine, arguments, message):
    """
    The error names the option, and nothing is saved.
    """
    done = machine.run(*arguments, "--non-interactive")

    assert done.returncode == 2
    assert message in done.stderr
    assert machine.snapshot() == {}


def test_no_network_is_an_error_that_names_the_option(machine, closed_port):
    """
    With ``--no-check`` the answers are saved, with a model of the catalog.
    """
    failed = machine.run(*FROM_STDIN, stdin=GOOD_KEY)
    assert failed.returncode == 6
    assert "Pass --no-check to save without a check." in failed.stderr
    assert machine.snapshot() == {}

    found = machine.run_json(*FROM_STDIN, "--no-check", stdin=GOOD_KEY)
    assert found["check"]["state"] == "skipped"
    assert found["model"].startswith("openai/gpt-")
    assert machine.secrets == {"openai": GOOD_KEY}


def test_failing_server_is_an_error_that_names_the_option(machine, openai):
    """
    Nothing is known of the key.
    """
    openai.status = 500
    done = machine.run(*FROM_STDIN, stdin=GOOD_KEY)

    assert done.returncode == 6
    assert "Pass --no-check" in done.stderr
    assert machine.snapshot() == {}


@pytest.mark.parametrize(("status", "code"), [(400, 4), (403, 4), (404, 6), (429, 5)])
def test_errors_of_the_check(machine, openai, status, code):
    """
    Some vendors report a wrong key with status 400; other errors say nothing about it.
    """
    openai.status = status
    done = machine.run(*FROM_STDIN, stdin=GOOD_KEY)

    assert ("--no-check" in done.stderr) == (status != 400)
    assert done.returncode == code
    assert machine.snapshot() == {}


def test_without_a_keyring_the_place_must_be_named(machine, openai):
    """
    A key is not written to a file unasked.
    """
    machine.environment["PYTHON_KEYRING_BACKEND"] = WITHOUT_KEYRING
    unanswered = machine.run(*FROM_STDIN, stdin=GOOD_KEY)
    impossible = machine.run(*FROM_STDIN, "--store", "keyring", stdin=GOOD_KEY)
    assert (unanswered.returncode, impossible.returncode) == (2, 4)
    assert "Pass --store file." in unanswered.stderr
    assert machine.snapshot() == {}

    found = machine.run_json(*FROM_STDIN, "--store", "file", stdin=GOOD_KEY)
    assert found["key"] == {"source": "file", "variable": None}
    assert stat.S_IMODE(machine.index.stat().st_mode) == 0o600
    assert machine.run_json(*FROM_STDIN, stdin=GOOD_KEY)["is_changed"] is False


def test_key_is_not_saved_with_store_none(machine, openai):
    """
    It is checked, and the note names the variable to set.
    """
    found = machine.run_json(*FROM_STDIN, "--store", "none", stdin=GOOD_KEY)

    assert found["key"] == {"source": "none", "variable": None}
    assert "Set OPENAI_API_KEY" in found["notes"][0]
    assert machine.secrets == {}


def test_key_as_an_argument_is_warned_about(machine, openai):
    """
    Other programs can see it.
    """
    done = machine.run("--provider", "openai", "--token", GOOD_KEY)

    assert done.returncode == 0
    assert "warning: other programs can see --token" in done.stderr
    assert machine.secrets == {"openai": GOOD_KEY}


def test_settings_of_the_project(machine, openai):
    """
    The file is in the current folder; the key never is.
    """
    machine.run_json(*FROM_STDIN, "--project", stdin=GOOD_KEY)

    assert [path.name for path in machine.folder.iterdir()] == ["budwood.toml"]
    assert tomllib.loads((machine.folder / "budwood.toml").read_text()) == {"model": "openai/gpt-6.1-sol"}
    assert not machine.user_file.exists()


def test_what_takes_precedence_is_noted(machine, openai):
    """
    Variables and the project's file override what is written to the user's file.
    """
    (machine.folder / "budwood.toml").write_text('model = "offline/echo"\n')
    by_project = machine.run_json(*FROM_STDIN, stdin=GOOD_KEY)
    machine.environment |= {"BUDWOOD_MODEL": "offline/extractive", "OPENAI_API_KEY": GOOD_KEY}
    by_variables = machine.run_json(*FROM_STDIN, "--base-url", openai.url, stdin=GOOD_KEY)
    machine.environment["OPENAI_BASE_URL"] = "http://elsewhere.invalid/v1"
    by_address = machine.run_json(*FROM_STDIN, "--base-url", openai.url, stdin=GOOD_KEY)

    assert by_project["notes"] == ["budwood.toml takes precedence over the new value of model."]
    assert by_project["next"] == 'budwood ask -m openai/gpt-6.1-sol "Hello"'
    assert by_variables["notes"] == [
        "BUDWOOD_MODEL takes precedence over the new value of model.",
        "The key in OPENAI_API_KEY takes precedence over the stored one.",
    ]
    assert "OPENAI_BASE_URL takes precedence over the new value of providers.openai.base_url." in by_address["notes"]


def test_key_is_taken_back_if_the_settings_cannot_be_written(machine, openai):
    """
    The key that was stored before is still there.
    """
    (machine.folder / "budwood.toml").symlink_to("missing/budwood.toml")
    done = machine.run(*FROM_STDIN, "--project", stdin=GOOD_KEY)
    assert done.returncode == 1
    assert machine.snapshot() == {}

    machine.run_json(*FROM_STDIN, stdin=GOOD_KEY)
    openai.keys = (BAD_KEY,)
    before = machine.snapshot()
    assert machine.run(*FROM_STDIN, "--project", "--yes", stdin=BAD_KEY).returncode == 1
    assert machine.snapshot() == before


def test_stored_key_is_replaced_only_with_yes(machine, openai):
    """
    The old key would be lost. With ``--dry-run`` the replacement is only said.
    """
    machine.run_json(*FROM_STDIN, stdin=GOOD_KEY)
    openai.keys = (BAD_KEY,)
    before = machine.snapshot()
    refused = machine.run(*FROM_STDIN, stdin=BAD_KEY)
    planned = machine.run(*FROM_STDIN, "--dry-run", stdin=BAD_KEY)
    assert (refused.returncode, planned.returncode) == (2, 0)
    assert "Replace the stored key of openai (…7890)?" in refused.stderr
    assert "hint: Pass --yes." in refused.stderr
    assert "the stored key (…7890) would be replaced." in planned.stderr
    assert machine.snapshot() == before

    replaced = machine.run(*FROM_STDIN, "--yes", stdin=BAD_KEY)
    assert "The key was saved in the keyring, and the stored key (…7890) was replaced." in replaced.stderr
    assert machine.secrets == {"openai": BAD_KEY}


@pytest.mark.parametrize("store", ["keyring", "file"])
def test_full_disk_leaves_nothing(machine, openai, tmp_path, store):
    """
    Neither the settings nor the key are saved.
    """
    with mount_disk(tmp_path / "disk") as disk:
        machine.environment["BUDWOOD_CONFIG_DIR"] = str(disk.folder)
        disk.leave(0)
        done = machine.run(*FROM_STDIN, "--store", store, stdin=GOOD_KEY)
        disk.make_room()

        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert {path.name for path in disk.folder.iterdir()} <= {".credentials.json.lock"}
    assert machine.secrets == {}


def test_server_with_any_address(machine):
    """
    The address is written to the section of the provider.
    """
    with Vendor(keys=None, models=("mine",)) as server:
        machine.run_json("--provider", "openai-compatible", "--base-url", f"{server.url}/")

        assert tomllib.loads(machine.user_file.read_text()) == {
            "model": "openai-compatible/mine",
            "providers": {"openai-compatible": {"base_url": server.url}},
        }


def test_deployment_has_to_be_named(machine, openai):
    """
    Azure lists models, but a model is called by the name of its deployment.
    """
    arguments = ("--provider", "azure", "--base-url", f"{openai.root}/openai/v1", *FROM_STDIN[2:])
    unanswered = machine.run(*arguments, stdin=GOOD_KEY)
    found = machine.run_json(*arguments, "--model", "mine", stdin=GOOD_KEY)

    assert (unanswered.returncode, found["model"], found["notes"]) == (2, "azure/mine", [])
    assert "Pass --model NAME." in unanswered.stderr
    assert found["check"]["state"] == "accepted"


def test_model_names_its_provider(machine):
    """
    ``--model`` with a provider answers both questions.
    """
    found = machine.run_json("--model", "offline/extractive", "--non-interactive")

    assert (found["provider"], found["model"], found["key"]) == ("offline", "offline/extractive", None)
    assert found["notes"] == []


def test_model_that_is_not_listed_is_an_error(machine, openai):
    """
    It names near matches, and the option that saves the model nevertheless.
    """
    arguments = (*FROM_STDIN, "--model", "brand-new-modle")
    refused = machine.run(*arguments, stdin=GOOD_KEY)
    after_refusal = machine.snapshot()
    found = machine.run_json(*arguments, "--no-check", stdin=GOOD_KEY)

    assert (refused.returncode, after_refusal) == (2, {})
    assert "openai does not list the model 'brand-new-modle'." in refused.stderr
    assert "Did you mean brand-new-model?" in refused.stderr
    assert "--no-check" in refused.stderr
    assert found["model"] == "openai/brand-new-modle"
