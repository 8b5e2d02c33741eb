"""A local provider that echoes the last message, for suites of other kinds of plugin."""

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

ECHO: Final = "conformance-echo"
"""The name of the provider; its model is ``parrot``."""

FAIL: Final = "Fail."
"""A prompt for which the model raises `ServerError`."""


class EchoSettings(BaseModel):
    """The provider has no settings."""

    model_config = ConfigDict(extra="forbid")


class EchoProvider:
    """Calls the first tool of a request, if there is one; then echoes the last message."""

    capabilities = frozenset({Capability.CHAT, Capability.STREAM, Capability.TOOLS})

    def __init__(self, settings: EchoSettings, context: PluginContext) -> None:
        pass

    def models(self) -> tuple[ModelInfo, ...]:
        """List the model."""
        return (ModelInfo(id="parrot"),)

    def stream(self, request: ChatRequest) -> Iterator[StreamEvent]:
        """Return the events of the answer."""
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
            name=ECHO,
            settings=lambda: EchoSettings,
            build=EchoProvider,
            requires_api=(2, 0),
            capabilities=EchoProvider.capabilities,
        )
    ]


def with_echo(registry: Registry) -> Registry:
    """Return a copy of a registry that also has the echo provider."""
    plugin = InstalledPlugin(PROVIDER, ECHO, __name__, "budwood-testing", "0")
    return Registry(inventory=Inventory({**registry.inventory.claims, (PROVIDER.group, ECHO): (plugin,)}))
