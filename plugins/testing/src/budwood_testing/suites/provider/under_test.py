"""The provider under test, as its author describes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final

import pytest
from pydantic import BaseModel

from budwood.hooks import PROVIDER, Kind
from budwood_testing.clock import FakeClock
from budwood_testing.examples.wire import WireExamples
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.provider.bench import Bench
from budwood_testing.suites.untested import ReportUntested

SECRET: Final = "conformance-5ecret-k3y"  # noqa: S105 - not a real key; tests check where it appears

UNKNOWN_MODEL: Final = "conformance-model-1"


class ProviderUnderTest(PluginSuite):
    """
    The base of all tests of providers.

    Attributes:
        examples: Example replies of the vendor.
        model: The model of the requests; by default one that no catalog has.
    """

    kind: ClassVar[Kind[Any]] = PROVIDER
    examples: ClassVar[WireExamples]
    model: ClassVar[str] = UNKNOWN_MODEL

    def all_settings(self, folder: Path) -> dict[str, object]:
        """Add a key if the plugin has the setting ``api_key`` and the author sets none."""
        model: type[BaseModel] = self.found_in().load(self.kind, self.plugin).settings()
        key = {"api_key": SECRET} if "api_key" in model.model_fields else {}
        return {**key, **super().all_settings(folder)}

    @pytest.fixture
    def bench(self, build: Build, folder: Path, clock: FakeClock, untested: ReportUntested) -> Bench:
        """Build the provider with everything that its tests need."""
        return Bench(
            instance=build(),
            settings=self.as_settings(self.all_settings(folder)),
            registry=self.found_in(),
            examples=self.examples,
            model=self.model,
            clock=clock,
            untested=untested,
        )
