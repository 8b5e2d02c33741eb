"""`pipx install budwood-cli` and `uv tool install budwood-cli`, with further plugins, an upgrade and the removal."""

from __future__ import annotations

import sys


def test_uv_installs_the_command(make_user):
    """
    Uv installs the command with a plugin, upgrades it, and removes it.
    """
    user = make_user("uv")

    user.run("uv", "tool", "install", "--python", sys.executable, "--with", "budwood-offline", "budwood-cli")

    assert user.run(user.command, "--version").startswith("budwood ")
    assert user.ask() == "The rootstock gives roots."
    assert "Nothing to upgrade" in user.run("uv", "tool", "upgrade", "budwood-cli")
    user.run("uv", "tool", "uninstall", "budwood-cli")
    assert not user.command.exists()


def test_pipx_installs_the_command(make_user):
    """
    Pipx installs the command, injects a plugin, upgrades both, and removes them.
    """
    user = make_user("pipx")

    user.run("pipx", "install", "--python", sys.executable, "budwood-cli")
    user.run("pipx", "inject", "budwood-cli", "budwood-offline")

    assert user.run(user.command, "--version").startswith("budwood ")
    assert user.ask() == "The rootstock gives roots."
    assert "budwood-cli is already at latest version" in user.run(
        "pipx", "upgrade", "--include-injected", "budwood-cli"
    )
    user.run("pipx", "uninstall", "budwood-cli")
    assert not user.command.exists()
