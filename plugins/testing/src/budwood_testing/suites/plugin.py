"""What the suites of all kinds of plugin have in common."""

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
from budwood_testing.suites.describing import check_name, check_secrets, check_summary, check_unknown_keys
from budwood_testing.suites.isolation import forbidden
from budwood_testing.suites.proving import Unproved, unproved_of

_HOMES: Final = ("HOME", "USERPROFILE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "APPDATA", "LOCALAPPDATA")

Build = Callable[..., Instance[Any]]
"""Makes the plugin from its settings; what is given by name is added to them."""

installed: Final = functools.cache(Registry)
"""The plugins of this environment, read once."""


class PluginSuite:
    """
    Finds the plugin as a user's program does, and makes it from settings.

    Attributes:
        plugin: The name of its entry point.
        kind: What kind of plugin it is; each suite states its own.
        registry: Where it is found; by default among what is installed.
        strict: Whether a claim that nothing proves is a failure. By default its test is skipped, and the summary of
            the run lists it.
    """

    plugin: ClassVar[str]
    kind: ClassVar[Kind[Any]]
    registry: ClassVar[Registry | None] = None
    strict: ClassVar[bool] = False

    def settings(self, folder: Path) -> Mapping[str, object]:
        """
        Return the settings with which the plugin is tested.

        Args:
            folder: An empty folder that is the test's own, for what the plugin may write.
        """
        return {}

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Give each test an empty folder, and keep it out of the user's home."""
        home = tmp_path / "conformance-home"
        home.mkdir()
        for name in _HOMES:
            monkeypatch.setenv(name, str(home))
        folder = tmp_path / "conformance"
        folder.mkdir()
        return folder

    @pytest.fixture
    def unproved(self, request: pytest.FixtureRequest) -> Unproved:
        """Give tests the function that ends one which cannot prove its claim."""
        return unproved_of(request.node, strict=self.strict)

    @pytest.fixture
    def clock(self) -> Clock:
        """Give the plugin a fake clock."""
        return FakeClock()

    @pytest.fixture
    def spec(self) -> Spec[Any, Any]:
        """Have the plugin describe itself."""
        spec: Spec[Any, Any] = self.found_in().load(self.kind, self.plugin)
        return spec

    @pytest.fixture
    def build(self, folder: Path, clock: Clock) -> Iterator[Build]:
        """Make the plugin, as often as a test likes, and close what can be closed."""
        made: list[Any] = []

        def build_one(**changes: object) -> Instance[Any]:
            values = {**self.all_settings(folder), **changes}
            settings = self.as_settings(values)
            instance: Instance[Any] = Instances(settings, self.found_in(), clock).build(self.kind, self.plugin)
            made.append(instance.thing)
            return instance

        yield build_one
        for thing in made:
            if callable(close := getattr(thing, "close", None)):
                close()

    def found_in(self) -> Registry:
        """Return where the plugin is found."""
        return self.registry or installed()

    def all_settings(self, folder: Path) -> dict[str, object]:
        """Return the author's settings, and what a suite adds to them."""
        return dict(self.settings(folder))

    def as_settings(self, values: Mapping[str, object]) -> Settings:
        """Write the settings of the plugin as those of a program, which has no others."""
        return Settings(Source("the suite", {self.kind.section: {normalise(self.plugin): dict(values)}}))

    def test_name_is_one_that_users_can_type(self, spec: Spec[Any, Any]) -> None:
        """The name is in lower case, with hyphens."""
        check_name(spec)

    def test_summary_is_one_line(self, spec: Spec[Any, Any]) -> None:
        """Lists of plugins show what this one is."""
        check_summary(spec)

    def test_settings_refuse_unknown_keys(self, spec: Spec[Any, Any]) -> None:
        """A misspelt key is an error, never ignored."""
        check_unknown_keys(spec)

    def test_settings_hide_secrets(self, spec: Spec[Any, Any]) -> None:
        """Keys, tokens and passwords are of a type that does not show them."""
        check_secrets(spec)

    def test_building_it_talks_to_nobody(self, build: Build) -> None:
        """The object is made without a network or another process."""
        with forbidden(files=False):
            build()
