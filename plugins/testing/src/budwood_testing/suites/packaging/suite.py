"""All that is asked of a distribution."""

from __future__ import annotations

import functools
from typing import Any, ClassVar, Final

import pytest
from packaging.requirements import Requirement

from budwood.errors import PluginError
from budwood.hooks import Spec
from budwood.names import normalise
from budwood.plugins import Registry
from budwood_testing.suites.describing import check_name, check_secrets, check_summary, check_unknown_keys
from budwood_testing.suites.packaging.installed import Imported, Installed

HEAVY: Final = frozenset(
    """
    aiohttp anthropic azure boto3 botocore cv2 fastapi google groq httpx jax langchain langchain_core matplotlib
    mistralai numpy ollama openai pandas PIL pyarrow requests scipy sentence_transformers sklearn tensorflow tiktoken
    tokenizers torch transformers urllib3 vllm
    """.split()
)
"""Packages that take long to import, or that only some calls need: they belong into `Spec.build` or later."""

_LOWER: Final = frozenset({">=", ">", "~=", "==", "==="})
_UPPER: Final = frozenset({"<", "<=", "~=", "==", "==="})


class PackagingSuite:
    """
    Proves that a distribution is found, describes itself, and has no side effects when it is imported.

    .. code-block:: python

        class TestPackaging(PackagingSuite):
            distribution = "budwood-acme"

    Attributes:
        distribution: Its name, as in ``pip install NAME``.
        brings_plugins: Whether it has entry points of plugins; an application need not.
        heavy: Packages that importing its modules must not bring.
    """

    distribution: ClassVar[str]
    brings_plugins: ClassVar[bool] = True
    heavy: ClassVar[frozenset[str]] = HEAVY

    @pytest.fixture
    def installed(self) -> Installed:
        """Read what is installed."""
        return Installed(self.distribution, Registry())

    @pytest.fixture
    def imports(self, installed: Installed) -> list[Imported]:
        """Import each of its packages in a process of its own, once for all tests."""
        return [_imported(self.distribution, package) for package in installed.packages]

    def test_plugins_are_found(self, installed: Installed) -> None:
        """Its entry points are in the groups that Budwood reads, under names that users can type."""
        if self.brings_plugins:
            assert installed.plugins, f"{self.distribution} has no entry point in a group such as budwood.providers"
        assert [plugin.name for plugin in installed.plugins if plugin.name != normalise(plugin.name)] == []
        assert installed.unknown_groups == [], "no kind of plugin has such a group"

    def test_plugins_can_be_loaded(self, installed: Installed) -> None:
        """Each module follows its hook, has a spec of the entry point's name and patterns, and fits this Budwood."""
        for plugin in installed.plugins:
            try:
                spec: Spec[Any, Any] = installed.registry.load(
                    plugin.kind, plugin.name, distribution=plugin.distribution
                )
            except PluginError as error:
                pytest.fail(str(error))
            spec.settings().model_json_schema()

    def test_plugins_describe_themselves(self, installed: Installed) -> None:
        """Name and summary are there; settings refuse unknown keys and hide secrets."""
        for plugin in installed.plugins:
            spec = installed.registry.load(plugin.kind, plugin.name, distribution=plugin.distribution)
            for check in (check_name, check_summary, check_unknown_keys, check_secrets):
                check(spec)

    def test_budwood_is_required_within_bounds(self, installed: Installed) -> None:
        """A lower bound says what it needs, an upper bound keeps it from a Budwood that it cannot know."""
        if installed.name == "budwood":
            pytest.skip("it is Budwood itself")
        wanted = [one for one in installed.requirements if normalise(one.name) == "budwood"]

        assert wanted, f"{self.distribution} does not require budwood"
        assert _is_bounded(wanted), "the requirement on budwood needs both bounds, as in budwood>=0.1,<0.2"

    def test_metadata_are_complete(self, installed: Installed) -> None:
        """Summary, description, licence, and which Python it needs."""
        metadata = installed.metadata.metadata.json
        missing = [name for name in ("summary", "requires_python") if not metadata.get(name)]

        assert missing == []
        assert metadata.get("license_expression") or metadata.get("license"), "no licence is named"
        assert installed.has_licence, "no licence file is installed with it"
        assert metadata.get("description"), "there is no description: name a readme"

    def test_types_are_told(self, installed: Installed) -> None:
        """Type checkers read the package's annotations: it has a file ``py.typed``."""
        for package in installed.packages:
            assert (installed.folder_of(package) / "py.typed").is_file(), f"{package} has no py.typed"

    def test_packages_are_its_own(self, installed: Installed) -> None:
        """It installs nothing into Budwood's package, and nothing beside its own, such as ``tests``."""
        assert installed.name == "budwood" or "budwood" not in installed.packages
        if installed.is_editable:
            pytest.skip("it is installed as a link to its sources; its wheel tells what it installs")
        tops = {file.parts[0] for file in installed.metadata.files or ()}
        own = {top for top in tops if top in installed.packages or top.endswith((".dist-info", ".data")) or top == ".."}

        assert tops - own == set()

    def test_import_succeeds_in_silence(self, imports: list[Imported]) -> None:
        """Nothing is raised, and nothing printed."""
        for printed, report in imports:
            assert report["error"] is None
            assert printed == ""

    def test_import_brings_nothing_heavy(self, imports: list[Imported]) -> None:
        """Vendors' libraries and their like are imported when something is built, or later."""
        for imported in imports:
            assert tops_of(imported) & self.heavy == set(), "import these inside of `build`, or later"

    def test_import_brings_no_other_plugin(self, installed: Installed, imports: list[Imported]) -> None:
        """Using one plugin never loads another."""
        for imported in imports:
            assert tops_of(imported) & installed.strangers() == set()

    def test_import_talks_to_nobody_and_writes_nothing(self, imports: list[Imported]) -> None:
        """There is no network, no other program, no file, no thread."""
        for imported in imports:
            assert imported.report["acts"] == []
            assert imported.report["threads"] == []

    def test_import_leaves_the_process_alone(self, imports: list[Imported]) -> None:
        """Neither the environment is read or changed, nor logging configured: settings come when it is built."""
        for imported in imports:
            assert imported.report["variables"] == [], "name them in the spec's `environment`"
            assert imported.report["changed"] == []
            assert imported.report["handlers"] == []


@functools.cache
def _imported(distribution: str, package: str) -> Imported:
    return Installed(distribution, Registry()).imported(package)


def tops_of(imported: Imported) -> set[str]:
    """Name the packages that an import brought."""
    return {module.partition(".")[0] for module in imported.report["modules"]}


def _is_bounded(wanted: list[Requirement]) -> bool:
    operators = {specifier.operator for requirement in wanted for specifier in requirement.specifier}
    return bool(operators & _LOWER) and bool(operators & _UPPER)
