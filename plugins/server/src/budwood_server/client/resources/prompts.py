"""``client.prompts``."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from budwood_prompts import Prompt
from budwood_server.api_models.pages import PageOf
from budwood_server.api_models.prompts import (
    DifferenceReply,
    LabelBody,
    PromptReply,
    RenderedReply,
    VersionReply,
)
from budwood_server.client.operations import Resource, S, listing, operation
from budwood_server.client.requests import Request, act, change, create, get, path_of


class Prompts(Resource[S]):
    """
    Prompts with their versions and labels.

    ``at`` is a label, such as ``"production"``, or the number of a version; by default the newest.
    """

    @listing
    def list(self) -> Request[PageOf[PromptReply]]:
        """List the newest version of each prompt, by name."""
        return get(path_of("prompts"), PageOf[PromptReply])

    @operation
    def get(self, name: str, *, at: str | int | None = None) -> Request[PromptReply]:
        """Return a version of a prompt."""
        return get(path_of("prompts", name), PromptReply, at=at)

    @operation
    def save(
        self, prompt: Prompt | Mapping[str, JsonValue], *, idempotency_key: str | None = None
    ) -> Request[VersionReply]:
        """Save a prompt, or its fields, as a new version. Labels stay where they are."""
        body = prompt.model_dump(mode="json", exclude_defaults=True) if isinstance(prompt, Prompt) else prompt
        return create(path_of("prompts"), VersionReply, body, idempotency_key=idempotency_key)

    @listing
    def versions(self, name: str) -> Request[PageOf[VersionReply]]:
        """List the versions of a prompt, the newest first."""
        return get(path_of("prompts", name, "versions"), PageOf[VersionReply])

    @operation
    def diff(self, name: str, old: str | int, new: str | int | None = None) -> Request[DifferenceReply]:
        """Return how two versions differ; by default from the newest."""
        return get(path_of("prompts", name, "diff"), DifferenceReply, old=old, new=new)

    @operation
    def render(
        self, name: str, variables: Mapping[str, object] | None = None, *, at: str | int | None = None
    ) -> Request[RenderedReply]:
        """Return the messages of a prompt, without asking a model."""
        body = {"variables": dict(variables or {})}
        request = change("POST", path_of("prompts", name, "render"), RenderedReply, body)
        return request.with_query(at=at)

    @operation
    def roll_back(self, name: str, version: int, *, idempotency_key: str | None = None) -> Request[VersionReply]:
        """Save the content of an earlier version as a new version."""
        body = {"version": version}
        return create(path_of("prompts", name, "rollback"), VersionReply, body, idempotency_key=idempotency_key)

    @operation
    def delete(self, name: str, version: int | None = None) -> Request[None]:
        """Delete a prompt with all its versions, or one version."""
        steps = (name,) if version is None else (name, "versions", version)
        return act("DELETE", path_of("prompts", *steps))

    @operation
    def label(self, name: str, label: str, version: int) -> Request[LabelBody]:
        """Give a label to a version. It is removed from the one that had it."""
        return change("PUT", path_of("prompts", name, "labels", label), LabelBody, {"version": version})

    @operation
    def unlabel(self, name: str, label: str) -> Request[None]:
        """Remove a label."""
        return act("DELETE", path_of("prompts", name, "labels", label))
