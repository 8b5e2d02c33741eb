"""The provider under test, as its author states it."""

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
from budwood_testing.suites.proving import Unproved

SECRET: Final = "conformance-5ecret-k3y"  # noqa: S105 - opens nothing; tests look where it shows

UNKNOWN_MODEL: Final = "conformance-model-1"


class ProviderUnderTest(PluginSuite):
    """
    What all tests of a provider begin with.

    Attributes:
        examples: What the vendor writes.
        model: What is asked; by default a model that no catalog knows.
    """

    kind: ClassVar[Kind[Any]] = PROVIDER
    examples: ClassVar[WireExamples]
    model: ClassVar[str] = UNKNOWN_MODEL

    def all_settings(self, folder: Path) -> dict[str, object]:
        """Add a key, where the plugin takes one and the author gives none."""
        model: type[BaseModel] = self.found_in().load(self.kind, self.plugin).settings()
        key = {"api_key": SECRET} if "api_key" in model.model_fields else {}
        return {**key, **super().all_settings(folder)}

    @pytest.fixture
    def bench(self, build: Build, folder: Path, clock: FakeClock, unproved: Unproved) -> Bench:
        """Put the provider on the bench."""
        return Bench(
            instance=build(),
            settings=self.as_settings(self.all_settings(folder)),
            registry=self.found_in(),
            examples=self.examples,
            model=self.model,
            clock=clock,
            unproved=unproved,
        )
