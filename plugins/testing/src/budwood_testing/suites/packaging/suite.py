"""The suite for distributions."""

from __future__ import annotations

import functools
from typing import Any, ClassVar, Final

import pytest
from packaging.requirements import Requirement

from budwood.errors import PluginError
from budwood.hooks import Spec
from budwood.names import normalise
from budwood.plugins import Registry
from budwood_testing.suites.packaging.installed import ImportResult, Installed
from budwood_testing.suites.spec_checks import check_name, check_secrets, check_summary, check_unknown_keys

HEAVY: Final = frozenset(
    """
    aiohttp anthropic azure boto3 botocore cv2 fastapi google groq httpx jax langchain langchain_core matplotlib
    mistralai numpy ollama openai pandas PIL pyarrow requests scipy sentence_transformers sklearn tensorflow tiktoken
    tokenizers torch transformers urllib3 vllm
    """.split()
)
"""Packages that are slow to import or only sometimes needed. Import them in `Spec.build` or later."""

_LOWER: Final = frozenset({">=", ">", "~=", "==", "==="})
_UPPER: Final = frozenset({"<", "<=", "~=", "==", "==="})


class PackagingSuite:
    """
    Tests a distribution: entry points, metadata, specs, and that importing it has no side effects.

    .. code-block:: python

        class TestPackaging(PackagingSuite):
            distribution = "budwood-acme"

    Attributes:
        distribution: Its name, as in ``pip install NAME``.
        brings_plugins: Whether it must have entry points of plugins.
        heavy: Packages that importing its modules must not load.
    """

    distribution: ClassVar[str]
    brings_plugins: ClassVar[bool] = True
    heavy: ClassVar[frozenset[str]] = HEAVY

    @pytest.fixture
    def installed(self) -> Installed:
        """Read the installed distribution."""
        return Installed(self.distribution, Registry())

    @pytest.fixture
    def imports(self, installed: Installed) -> list[ImportResult]:
        """Import each package of the distribution in a new process, once for all tests."""
        return [_imported(self.distribution, package) for package in installed.packages]

    def test_entry_points_are_valid(self, installed: Installed) -> None:
        """Entry points are in groups that Budwood reads, and have normalized names."""
        if self.brings_plugins:
            assert installed.plugins, f"{self.distribution} has no entry point in a group such as budwood.providers"
        assert [plugin.name for plugin in installed.plugins if plugin.name != normalise(plugin.name)] == []
        assert installed.unknown_groups == [], "Budwood has no such entry-point groups: correct their names"

    def test_plugins_can_be_loaded(self, installed: Installed) -> None:
        """Each plugin loads: hook, spec, names and patterns match its entry point and this version of Budwood."""
        for plugin in installed.plugins:
            try:
                spec: Spec[Any, Any] = installed.registry.load(
                    plugin.kind, plugin.name, distribution=plugin.distribution
                )
            except PluginError as error:
                pytest.fail(str(error))
            spec.settings().model_json_schema()

    def test_specs_are_complete(self, installed: Installed) -> None:
        """Each spec has a valid name and a summary; its settings reject unknown keys and hide secrets."""
        for plugin in installed.plugins:
            spec = installed.registry.load(plugin.kind, plugin.name, distribution=plugin.distribution)
            for check in (check_name, check_summary, check_unknown_keys, check_secrets):
                check(spec)

    def test_budwood_requirement_has_both_bounds(self, installed: Installed) -> None:
        """The requirement on budwood has a lower and an upper bound."""
        if installed.name == "budwood":
            pytest.skip("this is Budwood itself")
        required = [one for one in installed.requirements if normalise(one.name) == "budwood"]

        assert required, f"{self.distribution} does not require budwood: add it to the dependencies"
        assert _is_bounded(required), "the requirement on budwood needs both bounds, as in budwood>=0.1,<0.2"

    def test_metadata_is_complete(self, installed: Installed) -> None:
        """The metadata has summary, description, licence and required Python version."""
        metadata = installed.metadata.metadata.json
        missing = [name for name in ("summary", "requires_python") if not metadata.get(name)]

        assert missing == []
        assert metadata.get("license_expression") or metadata.get("license"), (
            "the metadata names no licence: set `license` in pyproject.toml"
        )
        assert installed.has_licence, "the wheel has no licence file: add one"
        assert metadata.get("description"), "the metadata has no description: set `readme` in pyproject.toml"

    def test_packages_have_py_typed(self, installed: Installed) -> None:
        """Each package has a ``py.typed`` file, so that type checkers read its annotations."""
        for package in installed.packages:
            assert (installed.folder_of(package) / "py.typed").is_file(), (
                f"{package} has no py.typed file: add an empty one"
            )

    def test_wheel_installs_only_its_own_packages(self, installed: Installed) -> None:
        """The wheel installs nothing into ``budwood``, and no top-level packages such as ``tests``."""
        assert installed.name == "budwood" or "budwood" not in installed.packages
        if installed.is_editable:
            pytest.skip("an editable install does not list its files: install the wheel to run this test")
        tops = {file.parts[0] for file in installed.metadata.files or ()}
        own = {top for top in tops if top in installed.packages or top.endswith((".dist-info", ".data")) or top == ".."}

        assert tops - own == set()

    def test_import_succeeds_without_output(self, imports: list[ImportResult]) -> None:
        """Importing raises nothing and prints nothing."""
        for printed, report in imports:
            assert report["error"] is None
            assert printed == ""

    def test_import_loads_no_heavy_packages(self, imports: list[ImportResult]) -> None:
        """Importing does not load vendor SDKs and other large packages."""
        for imported in imports:
            assert top_level_packages(imported) & self.heavy == set(), "import these packages in `build`, or later"

    def test_import_loads_no_other_plugin(self, installed: Installed, imports: list[ImportResult]) -> None:
        """Importing does not load an unrelated plugin."""
        for imported in imports:
            assert top_level_packages(imported) & installed.unrelated_packages() == set()

    def test_import_does_no_io(self, imports: list[ImportResult]) -> None:
        """Importing uses no network and starts no process or thread, and writes no file."""
        for imported in imports:
            assert imported.report["side_effects"] == []
            assert imported.report["threads"] == []

    def test_import_does_not_change_the_process(self, imports: list[ImportResult]) -> None:
        """Importing neither reads nor changes environment variables, and does not configure logging."""
        for imported in imports:
            assert imported.report["variables"] == [], (
                "do not read environment variables on import: list them in the spec's `environment`"
            )
            assert imported.report["changed"] == []
            assert imported.report["handlers"] == []


@functools.cache
def _imported(distribution: str, package: str) -> ImportResult:
    return Installed(distribution, Registry()).imported(package)


def top_level_packages(imported: ImportResult) -> set[str]:
    """Return the top-level packages that an import loaded."""
    return {module.partition(".")[0] for module in imported.report["modules"]}


def _is_bounded(requirements: list[Requirement]) -> bool:
    operators = {specifier.operator for requirement in requirements for specifier in requirement.specifier}
    return bool(operators & _LOWER) and bool(operators & _UPPER)
