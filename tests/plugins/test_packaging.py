"""Each of our distributions, proved by the kit."""

from pathlib import Path

from budwood.testing import PackagingSuite

PLUGINS = sorted(path.parent.name for path in (Path(__file__).parents[2] / "plugins").glob("*/pyproject.toml"))
APPLICATIONS_WITHOUT_PLUGINS = {"cli"}


def suite_of(name):
    """
    Make the suite of one distribution.
    """
    facts = {"distribution": name, "brings_plugins": name.removeprefix("budwood-") not in APPLICATIONS_WITHOUT_PLUGINS}
    return type(f"Test{name.title().replace('-', '')}", (PackagingSuite,), facts)


globals().update(
    {suite.__name__: suite for suite in map(suite_of, ["budwood", *(f"budwood-{name}" for name in PLUGINS)])}
)
