"""Errors about a folder of prompts that say how those of a server are used."""

from __future__ import annotations

import pytest

from budwood_cli.program import run

SERVER = '[providers.team]\nplugin = "budwood-server"\nbase_url = "https://budwood.example.org"\n'
ASK = ("ask", "-m", "offline/extractive", "--var", "who=Ann", "--prompt")


@pytest.mark.parametrize("name", ["team", "NAME"])
@pytest.mark.parametrize(
    "arguments", [(*ASK, "greet"), (*ASK, "greet@1"), ("prompts", "list"), ("prompts", "show", "a")]
)
def test_error_about_a_folder_names_the_setting_for_a_server(tmp_path, monkeypatch, capsys, arguments, name):
    """
    With the provider that is configured.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    (tmp_path / "budwood.toml").write_text(SERVER if name == "team" else "", "utf-8")

    status = run([*arguments])

    error = capsys.readouterr().err
    assert (status != 0, "'prompts'" in error) == (True, True)
    assert f'prompts = "{name}"' in error
    assert ("`budwood prompts list --server`" in error) == (arguments[-1] == "list")
    assert ("a server keeps numbered versions" in error) == (arguments[-1] == "greet@1")
