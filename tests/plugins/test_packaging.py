"""Each of our distributions, proved by the kit."""

import tomllib
from pathlib import Path

import pytest

from budwood_testing import PackagingSuite

pytestmark = pytest.mark.one_python


def has_own_session(path):
    """
    Whether a distribution is installed in a session of its own, where its own tests prove it.
    """
    return "session" in tomllib.loads(path.read_text("utf-8"))["tool"].get("budwood", {})


PROJECTS = sorted((Path(__file__).parents[2] / "plugins").glob("*/pyproject.toml"))
PLUGINS = [path.parent.name for path in PROJECTS if not has_own_session(path)]
APPLICATIONS_WITHOUT_PLUGINS = {"cli", "prompts", "server", "testing"}


def suite_of(name):
    """
    Make the suite of one distribution.
    """
    facts = {"distribution": name, "brings_plugins": name.removeprefix("budwood-") not in APPLICATIONS_WITHOUT_PLUGINS}
    return type(f"Test{name.title().replace('-', '')}", (PackagingSuite,), facts)


globals().update(
    {suite.__name__: suite for suite in map(suite_of, ["budwood", *(f"budwood-{name}" for name in PLUGINS)])}
)
