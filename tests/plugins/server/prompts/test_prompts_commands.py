"""``budwood prompts push|pull|diff|rollback|label|labels``, and ``list|show --server``, with a gateway on loopback."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from budwood_cli.program import run
from budwood_prompts.commands import server as commands_server
from budwood_server.access.keys import PROMPTS
from tests.plugins.server.gateway_server import GatewayServer
from tests.plugins.server.keys import KEY, OTHER_TOKEN, TOKEN

GUIDE = (Path(__file__).resolve().parents[4] / "docs" / "guides" / "prompts.md").read_text("utf-8")
KEYS = {TOKEN: KEY.model_copy(update={"scopes": frozenset({PROMPTS})}), OTHER_TOKEN: KEY}


def make_file(text):
    """
    Return the file of a prompt.
    """
    return f"# of the team\n[variables.name]\n[[messages]]\nrole = 'user'\ncontent = '{text}'\n"


@pytest.fixture
def gateway(tmp_path):
    """
    A gateway without prompts.
    """
    with GatewayServer({}, keys=KEYS, database_file=tmp_path / "server.sqlite3") as running:
        yield running


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """
    A project with the prompts ``greeting`` and ``farewell``.
    """
    project = tmp_path / "project"
    (project / "prompts").mkdir(parents=True)
    monkeypatch.chdir(project)
    monkeypatch.setenv("BUDWOOD_CONFIG_DIR", str(tmp_path / "config"))
    for name in ("BUDWOOD_SERVER_URL", "BUDWOOD_SERVER_KEY"):
        monkeypatch.delenv(name, raising=False)
    (project / "prompts/greeting.toml").write_text(make_file("Greet {{ name }}."))
    (project / "prompts/farewell.toml").write_text(make_file("Farewell, {{ name }}."))
    return project / "prompts"


@pytest.fixture
def call(folder, capsys):
    """
    Run a command in the project; return its status, output and messages.
    """

    def run_command(*arguments):
        status = run(["prompts", *arguments])
        return status, *capsys.readouterr()

    return run_command


@pytest.fixture
def prompts(call, gateway, monkeypatch):
    """
    The same with the key of the gateway in the environment.
    """
    monkeypatch.setenv("BUDWOOD_SERVER_URL", gateway.url)
    monkeypatch.setenv("BUDWOOD_SERVER_KEY", TOKEN)
    return call


def test_changed_prompts_are_pushed(prompts, folder):
    """
    Each changed file becomes a version. A label is moved to it, and to unchanged ones that lack it.
    """
    status, output, messages = prompts("push", "--dry-run", "--label", "production")
    assert (status, output.splitlines()[0]) == (
        0,
        "farewell: would be saved as version 1, would be labelled production",
    )
    assert "2 prompts to save, 0 unchanged" in messages
    assert prompts("list", "--server")[2] == "no prompts\n"

    assert prompts("push")[1] == "farewell: saved as version 1\ngreeting: saved as version 1\n"
    (folder / "greeting.toml").write_text(make_file("Hello {{ name }}."))
    assert prompts("push", "--label", "production")[1:] == (
        "farewell: unchanged, version 1, labelled production\ngreeting: saved as version 2, labelled production\n",
        "1 prompt saved, 1 unchanged\n",
    )
    again = json.loads(prompts("push", "greeting", "--label", "production", "--json")[1])
    assert again == [{"name": "greeting", "status": "unchanged", "version": 2, "label": None, "dry_run": False}]


def test_pull_keeps_files_that_differ(prompts, folder):
    """
    A missing file is written, an equal one is untouched with its comments, and another one is kept without --force.
    """
    prompts("push")
    before = (folder / "farewell.toml").read_bytes()
    (folder / "greeting.toml").unlink()
    assert prompts("pull")[:2] == (0, "farewell: unchanged, version 1\ngreeting: written, version 1\n")
    assert (folder / "farewell.toml").read_bytes() == before

    for text in (make_file("Mine."), "not = [valid"):
        (folder / "greeting.toml").write_text(text)
        status, output, messages = prompts("pull")
        assert (status, output.splitlines()[1]) == (7, "greeting: kept, version 1")
        assert "Kept 1 file with other contents: greeting." in messages
        assert "budwood prompts diff greeting" in messages
        assert (folder / "greeting.toml").read_text() == text
    assert prompts("pull", "greeting@1", "--force")[:2] == (0, "greeting: replaced, version 1\n")
    assert "Greet {{ name }}." in (folder / "greeting.toml").read_text()


def test_versions_are_compared_restored_and_labelled(prompts, folder):
    """
    A file with the server, a version with another; a rollback is a new version.
    """
    prompts("push", "greeting", "--label", "production")
    assert prompts("diff", "greeting")[1:] == ("", "no differences\n")
    (folder / "greeting.toml").write_text(make_file("Hello {{ name }}."))
    output = prompts("diff", "greeting@production")[1]
    assert output.startswith("--- greeting@1\n+++ prompts/greeting.toml\n")
    assert '-content = "Greet {{ name }}."\n+content = "Hello {{ name }}."\n' in output

    prompts("push", "greeting")
    assert "+++ greeting\n" in prompts("diff", "greeting", "production")[1]
    assert "+++ greeting@1\n" in json.loads(prompts("diff", "greeting", "2", "1", "--json")[1])["diff"]
    assert prompts("rollback", "greeting", "1")[1] == "greeting: version 1 saved as version 3\n"
    assert prompts("diff", "greeting", "1", "3")[2] == "no differences\n"

    assert prompts("label", "greeting", "staging")[1] == "greeting: staging is version 3\n"
    assert prompts("label", "greeting", "production", "2")[1] == "greeting: production is version 2\n"
    assert json.loads(prompts("labels", "greeting", "--json")[1]) == {"production": 2, "staging": 3}
    assert prompts("label", "greeting", "staging", "--remove")[1] == "greeting: staging removed\n"
    assert prompts("labels", "greeting")[1].split() == ["label", "version", "production", "2"]


def test_prompts_of_the_server_are_listed_and_shown(prompts):
    """
    With versions and labels; a label chooses what is shown.
    """
    prompts("push", "--label", "production")

    rows = [line.split() for line in prompts("list", "--server")[1].splitlines()]
    assert rows[1:] == [[name, "1", "production", "1", "name"] for name in ("farewell", "greeting")]
    assert [each["version"] for each in json.loads(prompts("list", "--server", "--json")[1])] == [1, 1]
    assert 'content = "Greet {{ name }}."' in prompts("show", "greeting@production", "--server")[1]


def test_the_setting_prompts_names_the_server(call, gateway, folder):
    """
    Of several servers in the settings, the one that calls use is used, or the one that an option names.
    """
    sections = "".join(
        f'[providers.{name}]\nplugin = "budwood-server"\nbase_url = "{url}"\napi_key = "{TOKEN}"\n'
        for name, url in (("team", gateway.url), ("other", "http://localhost:1"))
    )
    (folder.parent / "budwood.toml").write_text(f'prompts = "team"\n{sections}')
    assert call("push", "greeting")[:2] == (0, "greeting: saved as version 1\n")

    (folder.parent / "budwood.toml").write_text(sections)
    status, _, messages = call("push")
    assert (status, "Pass --provider NAME" in messages) == (3, True)
    assert call("labels", "greeting", "--provider", "team")[0] == 0


def test_errors_say_what_to_do(prompts, folder, monkeypatch):
    """
    Unknown prompts and versions, a label that is none, a wrong key, and one for something else.
    """
    prompts("push")

    status, _, messages = prompts("show", "greetnig", "--server")
    assert (status, "Did you mean greeting? `budwood prompts list --server`" in messages) == (2, True)
    status, _, messages = prompts("rollback", "greeting", "7")
    assert (status, "hint: `budwood prompts list --server` lists" in messages) == (2, True)
    assert prompts("diff", "Greeting!")[0] == 2
    status, _, messages = prompts("push", "--label", "Live!")
    assert (status, "--label 'Live!' is not a label" in messages) == (2, True)
    status, _, messages = prompts("label", "greeting", "3")
    assert (status, "LABEL '3' is not a label" in messages) == (2, True)
    assert prompts("label", "greeting", "staging", "1", "--remove")[0] == 2
    (folder / "farewell.toml").write_text("not = [valid")
    (folder / "greeting.toml").write_text(make_file("Never {{ name }}."))
    assert prompts("push")[0] == 2  # nothing is saved if one file is not valid
    monkeypatch.setenv("BUDWOOD_SERVER_KEY", "bw_live_wrong_key")
    status, _, messages = prompts("labels", "greeting")
    assert (status, "Log in with `budwood login URL`, set BUDWOOD_SERVER_KEY" in messages) == (4, True)
    monkeypatch.setenv("BUDWOOD_SERVER_KEY", OTHER_TOKEN)
    status, _, messages = prompts("labels", "greeting")
    assert (status, "budwood server keys create NAME --scope prompts" in messages) == (4, True)
    monkeypatch.setenv("BUDWOOD_SERVER_KEY", TOKEN)
    assert prompts("list", "--server", "--format", "plain")[1].split("\t")[1] == "1"


def test_without_a_server_the_error_names_the_login(call, monkeypatch):
    """
    No server, no key, and no package.
    """
    status, _, messages = call("push")
    assert (status, "budwood login" in messages) == (3, True)
    monkeypatch.setenv("BUDWOOD_SERVER_URL", "http://localhost:1")
    status, _, messages = call("push")
    assert (status, "no key for http://localhost:1" in messages) == (4, True)
    monkeypatch.setattr(commands_server, "find_spec", lambda _: None)
    status, _, messages = call("push")
    assert (status, "pip install ./plugins/server" in messages) == (3, True)


def test_commands_of_the_guide_print_what_it_says(prompts, folder):
    """
    The folder has the prompt of the guide.
    """
    (folder / "farewell.toml").unlink()
    file = re.search(r"<!-- file: .* -->\n```toml\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    (folder / "greeting.toml").write_text(file[1])
    section = GUIDE.partition("## Push and pull")[2].partition("\n## ")[0]
    (console,) = re.findall(r"^```console\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    steps = re.findall(r"^\$ budwood prompts (.*)\n((?:[^$].*\n)*)", console, re.MULTILINE)

    assert len(steps) == 5
    for command, output in steps:
        assert prompts(*shlex.split(command))[:2] == (0, output), command
