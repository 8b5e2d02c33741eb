from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.one_python

SECTION = """
[providers.openai]
limits = { tokens_per_minute = 30000 }
backups = [{ base_url = "https://user:pass-word@second.example/v1", label = "west" }]
[[providers.openai.keys]]
secret = "sk-the-first-key"
label = "production"
group = "team"
limits = { requests_per_minute = 60, concurrency = 2 }
[[providers.openai.keys]]
secret = "sk-the-second-key"
"""


@pytest.fixture
def settings(tmp_path):
    """
    Write settings of two endpoints with two keys.
    """
    tmp_path.joinpath("budwood.toml").write_text(SECTION, "utf-8")


def test_keys_are_listed_by_their_labels(budwood, settings):
    """
    With groups and limits, for each endpoint; never a key.
    """
    run = budwood("keys", "list")

    assert [line.split() for line in run.stdout.splitlines()] == [
        ["endpoint", "label", "group", "state", "limits"],
        ["openai", "production", "team", "ready", "requests_per_minute=60", "concurrency=2"],
        ["openai", "key-2", "openai/key-2", "ready"],
        ["openai#west", "production", "openai#west/team", "ready", "requests_per_minute=60", "concurrency=2"],
        ["openai#west", "key-2", "openai#west/key-2", "ready"],
    ]
    assert not any(word in run.stdout + run.stderr for word in ("sk-", "first", "second-key", "pass-word"))


def test_keys_as_json_and_as_lines(budwood, settings):
    """
    With --json all fields are printed; with --format, those that it names.
    """
    states = json.loads(budwood("keys", "list", "openai", "--json").stdout)

    assert states[0]["limits"] == {"requests_per_minute": 60, "concurrency": 2}
    assert budwood("keys", "list", "--format", "{label}: {state}").stdout.splitlines()[:2] == [
        "production: ready",
        "key-2: ready",
    ]


@pytest.mark.parametrize("text", ["{nothing}", "{label", "{0}", "{label.x.y}"])
def test_a_format_that_is_not_valid_is_a_usage_error(budwood, settings, text):
    """
    The fields are listed.
    """
    run = budwood("keys", "list", "--format", text)

    assert run.returncode == 2
    assert "The fields are endpoint, label, group" in run.stderr


def test_endpoints_are_listed_with_their_backups(budwood, settings):
    """
    Addresses are printed without user and password. Nothing is sent.
    """
    run = budwood("endpoints")

    assert [line.split() for line in run.stdout.splitlines()] == [
        ["name", "provider", "url", "state", "limits"],
        ["openai", "openai", "https://api.openai.com/v1", "closed", "tokens_per_minute=30000"],
        ["openai#west", "openai", "https://second.example/v1", "closed", "tokens_per_minute=30000"],
    ]


def test_keys_of_the_environment_are_listed(budwood):
    """
    A provider without a section is named, or is that of the model.
    """
    variables = {"OPENAI_API_KEYS": "sk-the-first-key,sk-the-second-key"}
    lines = budwood("keys", "list", "openai", "--format", "{label}", **variables).stdout.splitlines()

    assert lines == ["key-1", "key-2"]
    assert budwood("keys", "list", "--format", "{label}", BUDWOOD_MODEL="openai/gpt-5", **variables).stdout == (
        "key-1\nkey-2\n"
    )


@pytest.mark.parametrize("model", [None, "offline/extractive"])
def test_keys_are_found_whatever_the_settings_name(budwood, tmp_path, model):
    """
    Keys that are stored and keys of vendors' variables are listed if the settings name another provider, or none.
    """
    environment = {"BUDWOOD_CONFIG_DIR": str(tmp_path / "config"), "GROQ_API_KEY": "gsk_0123456789"}
    environment |= {} if model is None else {"BUDWOOD_MODEL": model}
    stored = budwood(
        *("tokens", "add", "--provider", "openai", "--token", "-", "--store", "file"),
        stdin="sk-0123456789",
        **environment,
    )
    run = budwood("keys", "list", "--format", "{endpoint}", **environment)
    endpoints = budwood("endpoints", "--format", "{name}", **environment)

    assert stored.returncode == 0, stored.stderr
    assert (run.stdout.splitlines(), run.stderr) == (["groq", "openai"], "")
    assert {"groq", "openai"} <= set(endpoints.stdout.splitlines())


def test_without_any_provider_the_hint_says_how_to_name_one(budwood):
    """
    It is an error of the configuration; a provider without a key is none.
    """
    run, without_key = budwood("keys", "list"), budwood("keys", "list", "openai")

    assert run.returncode == 3
    assert "budwood keys list PROVIDER" in run.stderr
    assert (without_key.returncode, without_key.stdout.splitlines()[1:]) == (0, [])
    assert "no keys" in without_key.stderr


def test_a_section_that_cannot_be_used_does_not_hide_the_others(budwood, settings, tmp_path):
    """
    It is reported; if the user names it, it is an error.
    """
    with tmp_path.joinpath("budwood.toml").open("a", encoding="utf-8") as file:
        file.write('[providers.broken]\nplugin = "nothing-like-this"\n')

    run = budwood("endpoints")

    assert run.returncode == 0
    assert len(run.stdout.splitlines()) == 3
    assert "broken: " in run.stderr
    assert budwood("endpoints", "broken").returncode == 3
