"""The Dockerfile: its rules, and its commands without an engine."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.packaging.conftest import PACKAGING, QUESTION

DOCKERFILE = PACKAGING / "Dockerfile"


def test_hadolint_finds_nothing():
    """
    The Dockerfile follows the rules of hadolint.
    """
    assert subprocess.run(["hadolint", DOCKERFILE], check=False).returncode == 0


def test_wheels_suffice_for_the_image(wheels, tmp_path):
    """
    The command of the first stage installs everything from the folder, and the result answers.
    """
    text = DOCKERFILE.read_text(encoding="utf-8")
    (packages,) = re.findall(r'^ARG PACKAGES="(.+)"$', text, re.MULTILINE)
    command, _ = re.findall(r"^RUN ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    target = str(tmp_path / "budwood")
    replaced = command.replace("/opt/budwood", target).replace(" /wheels ", f' "{wheels}" ')
    environment = {"PACKAGES": packages, "PATH": "/usr/bin:/bin", "PIP_NO_COMPILE": "1"}
    python = f'python() {{ "{sys.executable}" "$@"; }}\n'

    subprocess.run(["sh", "-ec", python + replaced], env=environment, check=True)
    ask = [f"{target}/bin/budwood", "ask", "-m", "offline/extractive", QUESTION]
    run = subprocess.run(ask, env={"HOME": str(tmp_path)}, capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "The rootstock gives roots."


def test_only_wheels_are_sent_to_the_builder():
    """
    Keys and settings in the checkout do not reach the image.
    """
    lines = (PACKAGING / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if not line.startswith("#")] == ["*", "!dist/*.whl"]
