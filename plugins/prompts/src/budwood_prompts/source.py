"""The prompts of a folder, for calls that name one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from budwood.contracts import PluginContext
from budwood.hooks import PromptSourceSpec, hookimpl
from budwood.types import RenderedPrompt
from budwood_prompts.folder import FOLDER, PromptFolder
from budwood_prompts.servers import hint_at_server


class FolderSettings(BaseModel):
    """
    Settings of the source.

    Attributes:
        folder: The folder of the prompts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    folder: Path = Path(FOLDER)


class FolderSource:
    """
    Renders the prompts of a folder; see `budwood.contracts.PromptSource`.

    Args:
        settings: The settings of this instance.
        context: The context of the plugin.
    """

    def __init__(self, settings: FolderSettings, context: PluginContext) -> None:
        self._folder = PromptFolder(settings.folder)

    def render(self, reference: str, variables: Mapping[str, object]) -> RenderedPrompt:
        """Return the messages of a prompt. A folder has no versions, so that the reference is the name."""
        with hint_at_server():
            prompt = self._folder.load(reference)
        return RenderedPrompt(messages=tuple(prompt.render(variables)), reference=prompt.name)


@hookimpl
def budwood_prompt_sources() -> Iterable[PromptSourceSpec[Any]]:
    """Return the spec of the source."""
    return [
        PromptSourceSpec(
            name="folder",
            settings=lambda: FolderSettings,
            build=FolderSource,
            requires_api=(2, 0),
            summary="Prompts in the files of a folder.",
        )
    ]
