"""The base of the suites for all kinds of plugin."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from budwood.contracts import Clock
from budwood.hooks import Kind, Spec
from budwood.names import normalise
from budwood.plugins import Instance, Instances, Registry
from budwood.settings import Settings
from budwood.settings_sources import Source
from budwood_testing.clock import FakeClock
from budwood_testing.suites.isolation import no_io
from budwood_testing.suites.spec_checks import check_name, check_secrets, check_summary, check_unknown_keys
from budwood_testing.suites.untested import ReportUntested, make_untested

_HOMES: Final = (
    "HOME",
    "USERPROFILE",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "APPDATA",
    "LOCALAPPDATA",
    "BUDWOOD_CACHE_DIR",
    "BUDWOOD_CONFIG_DIR",
    "BUDWOOD_DATA_DIR",
    "BUDWOOD_STATE_DIR",
)

Build = Callable[..., Instance[Any]]
"""Builds the plugin from its settings; keyword arguments override settings."""

installed: Final = functools.cache(Registry)
"""Return the registry of this environment, created once."""


class PluginSuite:
    """
    Finds the plugin as a program does, and builds it from settings.

    Attributes:
        plugin: The name of its entry point.
        kind: The kind of plugin; each suite sets its own.
        registry: Where to find the plugin; by default among the installed plugins.
        strict: Whether a test fails if the suite lacks what it needs, such as an example. By default the test is
            skipped, and the summary at the end of the run lists it.
    """

    plugin: ClassVar[str]
    kind: ClassVar[Kind[Any]]
    registry: ClassVar[Registry | None] = None
    strict: ClassVar[bool] = False

    def settings(self, folder: Path) -> Mapping[str, object]:
        """
        Return the settings to test the plugin with.

        Args:
            folder: An empty folder for files of the plugin; each test has its own.
        """
        return {}

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Create an empty folder for each test, and replace the user's home."""
        home = tmp_path / "conformance-home"
        home.mkdir()
        for name in _HOMES:
            monkeypatch.setenv(name, str(home))
        folder = tmp_path / "conformance"
        folder.mkdir()
        return folder

    @pytest.fixture
    def untested(self, request: pytest.FixtureRequest) -> ReportUntested:
        """Return the function that skips a test, or fails it in a strict suite, and reports what was not tested."""
        return make_untested(request.node, strict=self.strict)

    @pytest.fixture
    def clock(self) -> Clock:
        """Create a fake clock for the plugin."""
        return FakeClock()

    @pytest.fixture
    def spec(self) -> Spec[Any, Any]:
        """Load the spec of the plugin."""
        spec: Spec[Any, Any] = self.found_in().load(self.kind, self.plugin)
        return spec

    @pytest.fixture
    def build(self, folder: Path, clock: Clock) -> Iterator[Build]:
        """Return a function that builds the plugin; close all built objects after the test."""
        created: list[Any] = []

        def build_one(**changes: object) -> Instance[Any]:
            instance = self.build_once(folder, clock, **changes)
            created.append(instance.implementation)
            return instance

        yield build_one
        for implementation in created:
            if callable(close := getattr(implementation, "close", None)):
                close()

    def build_once(self, folder: Path, clock: Clock | None = None, /, **changes: object) -> Instance[Any]:
        """Build the plugin from its settings; keyword arguments override settings."""
        settings = self.as_settings({**self.all_settings(folder), **changes})
        instance: Instance[Any] = Instances(settings, self.found_in(), clock or FakeClock()).build(
            self.kind, self.plugin
        )
        return instance

    def found_in(self) -> Registry:
        """Return the registry that has the plugin."""
        return self.registry or installed()

    def all_settings(self, folder: Path) -> dict[str, object]:
        """Return the author's settings and those that the suite adds."""
        return dict(self.settings(folder))

    def as_settings(self, values: Mapping[str, object]) -> Settings:
        """Return the settings of a program that configures only this plugin."""
        return Settings(Source("the suite", {self.kind.section: {normalise(self.plugin): dict(values)}}))

    def test_name_is_valid(self, spec: Spec[Any, Any]) -> None:
        """The name is lower case, with hyphens."""
        check_name(spec)

    def test_summary_is_one_line(self, spec: Spec[Any, Any]) -> None:
        """The spec has a summary of one line, for lists of plugins."""
        check_summary(spec)

    def test_settings_reject_unknown_keys(self, spec: Spec[Any, Any]) -> None:
        """An unknown key in the settings is an error."""
        check_unknown_keys(spec)

    def test_settings_hide_secrets(self, spec: Spec[Any, Any]) -> None:
        """Settings for keys, tokens and passwords use a type that hides the value."""
        check_secrets(spec)

    def test_building_uses_no_network(self, build: Build) -> None:
        """Building the plugin uses no network and starts no process."""
        with no_io(files=False):
            build()
