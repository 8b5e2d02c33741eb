"""A provider for suites of other kinds: a model inside the process that repeats what it is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from budwood.contracts import PluginContext
from budwood.errors import ServerError
from budwood.hooks import PROVIDER, ProviderSpec, hookimpl
from budwood.plugins import InstalledPlugin, Inventory, Registry
from budwood.types import (
    Capability,
    ChatRequest,
    Finished,
    ModelInfo,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReported,
)

REPEATING: Final = "conformance-repeating"
"""The name of the provider; its model is ``parrot``."""

FAIL: Final = "Fail."
"""What makes the model fail."""


class RepeatingSettings(BaseModel):
    """It has none."""

    model_config = ConfigDict(extra="forbid")


class RepeatingProvider:
    """Says what it is told, once it has called the tool that it is given."""

    capabilities = frozenset({Capability.CHAT, Capability.STREAM, Capability.TOOLS})

    def __init__(self, settings: RepeatingSettings, context: PluginContext) -> None:
        pass

    def models(self) -> tuple[ModelInfo, ...]:
        """List the model."""
        return (ModelInfo(id="parrot"),)

    def stream(self, request: ChatRequest) -> Iterator[StreamEvent]:
        """Answer."""
        last = request.messages[-1]
        if last.text == FAIL:
            raise ServerError("The parrot failed.")
        if request.tools and last.role == "user":
            yield ToolCallDelta(0, id="call-0", name=request.tools[0].name, arguments="{}")
            yield Finished("tool_calls")
        else:
            yield TextDelta(last.text or "Done.")
            yield Finished("stop")
        yield UsageReported(Usage(input_tokens=2, output_tokens=1))


@hookimpl
def budwood_providers() -> Iterable[ProviderSpec[Any]]:
    """Describe the provider."""
    return [
        ProviderSpec(
            name=REPEATING,
            settings=lambda: RepeatingSettings,
            build=RepeatingProvider,
            requires_api=(2, 0),
            capabilities=RepeatingProvider.capabilities,
        )
    ]


def with_repeating(registry: Registry) -> Registry:
    """Return a registry that has the provider besides what another one has."""
    plugin = InstalledPlugin(PROVIDER, REPEATING, __name__, "budwood-testing", "0")
    return Registry(inventory=Inventory({**registry.inventory.claims, (PROVIDER.group, REPEATING): (plugin,)}))
