"""Render prompts that are named instead of written out."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError

from budwood.contracts.tags import MAX_TAGS
from budwood.engine.drivers.effects import Flow, Invoke
from budwood.engine.endpoints.endpoint import Endpoints, Target
from budwood.engine.pipeline.call import Call
from budwood.errors import InvalidRequestError, NotFoundError, PromptError
from budwood.hooks import PROMPT_SOURCE, PROVIDER
from budwood.names import normalise
from budwood.plugins import Instance, faults
from budwood.types import Message, PromptRequest, RenderedPrompt

DEFAULT_SOURCE: Final = "folder"
"""The source of prompts if the settings choose none."""

TAG: Final = "prompt"
"""The tag of a call with the name and the version of its prompt."""

Source = Instance[Any] | Target
"""A prompt source, or the provider whose server keeps the prompts."""


class NamedPrompts:
    """
    The prompts that calls name. The source is found at the first of them.

    Args:
        endpoints: The providers of the client, one of which may keep the prompts.
    """

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._source: Source | None = None

    def render(
        self, call: Call, messages: tuple[Message, ...], variables: Mapping[str, Any]
    ) -> Flow[tuple[Message, ...]]:
        """
        Return the messages of a call whose prompt is a name. They replace the message with the name.

        The call gets the tag `TAG` with the name and the version, unless it has one or has no room for further tags.

        Raises:
            PromptError: The prompt is not a name, does not exist, or cannot be rendered with these values.
            PluginError: The source that the settings choose does not exist or cannot be used.
            ProviderError: The server that keeps the prompts cannot be reached, or refuses the request.
        """
        *before, last = messages
        reference = _find_reference(before, last)
        source = yield from self._find_source(call)
        rendered: RenderedPrompt = yield from _render(call, source, reference, variables)
        tags = call.tags or {}
        if TAG not in tags and len(tags) < MAX_TAGS:
            call.tags = {**tags, TAG: rendered.reference}
        return (*before, *rendered.messages)

    def _find_source(self, call: Call) -> Flow[Source]:
        if self._source is None:  # two threads may both build one: sources have no state that they must share
            instances = call.instances
            name = normalise(instances.settings.prompts or DEFAULT_SOURCE)
            if name not in instances.list_names(PROMPT_SOURCE) and name in instances.list_names(PROVIDER):
                self._source = Target(self._endpoints.get(name), "")
            else:
                self._source = yield Invoke(lambda: instances.build(PROMPT_SOURCE, name))
        return self._source


def _find_reference(before: list[Message], last: Message) -> str:
    """Return the text of a prompt, before which there is at most a system prompt."""
    if last.role != "user" or any(message.role != "system" for message in before) or len(last.parts) != 1:
        raise PromptError(
            "With variables=, the prompt is a name, and got messages.",
            hint='Pass the name as text: ask("greeting@production", variables={…}).',
        )
    return last.text


def _render(call: Call, source: Source, reference: str, variables: Mapping[str, Any]) -> Flow[RenderedPrompt]:
    if isinstance(source, Target):
        return (yield from _render_on_server(call, source, reference, variables))
    render = faults.wrap(source.source, "render", source.implementation.render, returns=(RenderedPrompt,))
    rendered: RenderedPrompt = yield Invoke(lambda: render(reference, variables))
    return rendered


def _render_on_server(call: Call, target: Target, reference: str, variables: Mapping[str, Any]) -> Flow[RenderedPrompt]:
    """
    Request a prompt. The request is retried, but observers and budgets do not see it.

    Raises:
        PromptError: There is no such prompt, or the server refuses the values.
    """
    from budwood.engine.services import render_prompt

    try:
        request = PromptRequest(reference=reference, variables=dict(variables))
    except ValidationError as error:
        name = ".".join(map(str, error.errors(include_url=False, include_input=False)[0]["loc"][1:2]))
        raise PromptError(
            f"The value of the variable {name!r} cannot be sent to the server that keeps the prompts.",
            hint="Pass texts, numbers, booleans, and lists of them.",
        ) from None
    own = replace(
        call,
        id=f"{call.random.getrandbits(64):016x}",
        target=target,
        observers=None,
        streamed=False,
        cache=None,
        attempts=[],
        adaptations={},
        numbers=itertools.count(1),
        conversation=None,
        budgets=(),
        route=None,
        key_groups={},
    )
    try:
        return (yield from render_prompt(own, request))
    except (NotFoundError, InvalidRequestError) as error:
        raise PromptError(error.message, hint=error.hint) from error
