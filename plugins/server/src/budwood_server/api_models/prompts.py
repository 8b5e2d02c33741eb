"""Prompts with their versions and labels."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from budwood_prompts import Prompt
from budwood_server.api_models.moments import Moment

VersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]


class VersionReply(BaseModel):
    """
    A version of a prompt.

    Attributes:
        prompt: Its content.
        version: Its number, from 1.
        created: When it was saved.
        author: The name of the key or the account that saved it.
    """

    prompt: Prompt
    version: int
    created: Moment
    author: str


class PromptReply(VersionReply):
    """
    A version of a prompt, and the labels of all its versions.

    Attributes:
        labels: The number of the version that each label names.
    """

    labels: dict[str, int]


class LabelBody(BaseModel):
    """Which version a label names, or is restored."""

    version: VersionNumber


class DifferenceReply(BaseModel):
    """A unified diff between the files of two versions; empty if they are equal."""

    diff: str


class MessageReply(BaseModel):
    """A message of a rendered prompt."""

    role: str
    content: str


class RenderedReply(BaseModel):
    """The messages of a prompt with the values of its variables."""

    version: int
    messages: list[MessageReply]
