"""The Homebrew formula: complete, and as `brew audit` wants it."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys

import pytest

from tests.packaging.conftest import PACKAGING

FILES = "https://files.example/budwood"


@pytest.fixture(scope="module")
def formula(dist, tmp_path_factory):
    """
    The formula of the sdists in dist/.
    """
    folder = tmp_path_factory.mktemp("formula") / "dist"
    folder.mkdir()
    for sdist in dist.glob("*.tar.gz"):
        shutil.copy(sdist, folder)
    options = ["--homepage", "https://budwood.example", "--files", FILES, "--dist", str(folder)]
    subprocess.run([sys.executable, PACKAGING / "formula.py", *options], check=True)
    return (folder / "budwood.rb").read_text(encoding="utf-8")


def test_sources_have_their_checksums(formula, dist):
    """
    The URL is the sdist of the command, and each sdist of Budwood has its own checksum.
    """
    ours = re.findall(rf'url "{FILES}/(.+)"\n +sha256 "(\w+)"', formula)

    assert ours[0][0].startswith("budwood_cli-")
    assert len(ours) == 15
    assert [name for name, digest in ours if hashlib.sha256((dist / name).read_bytes()).hexdigest() != digest] == []


def test_nothing_is_left_to_fill_in(formula):
    """
    Each resource has an address and a checksum, and is listed once.
    """
    resources = re.findall(r'  resource "(\S+)" do\n    url "https://\S+"\n    sha256 "[0-9a-f]{64}"\n  end\n', formula)

    assert len(resources) == formula.count("resource ") == len({*resources})
    assert {"budwood", "budwood-offline", "pydantic-core"} <= {*resources}
    assert "$" not in formula


def test_rules_of_brew_audit(formula):
    """
    The description, the order of the parts and the layout follow Homebrew's rules for formulae.
    """
    description = re.search(r'^  desc "(.+)"$', formula, re.MULTILINE)[1]
    parts = ["desc ", "homepage ", "url ", "sha256 ", "license ", "depends_on ", "resource ", "def install", "test do"]
    places = [formula.index(f"\n  {part}") for part in parts]

    assert len(f"budwood: {description}") <= 80
    assert not re.match(r"(?i)an? |the |budwood", description)
    assert not description.endswith(".")
    assert places == sorted(places)
    assert not re.search(r"[ \t]$|\t|\n\n\n", formula, re.MULTILINE)
    assert formula.endswith("end\n")


@pytest.mark.skipif(shutil.which("ruby") is None, reason="ruby is not installed")
def test_ruby_reads_it(formula):
    """
    The formula is valid Ruby.
    """
    run = subprocess.run(["ruby", "-wc"], input=formula, capture_output=True, text=True, check=True)

    assert run.stdout == "Syntax OK\n"
