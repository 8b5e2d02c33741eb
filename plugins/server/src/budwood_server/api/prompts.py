"""``/api/prompts``: prompts with their versions and labels."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_prompts import LABEL_PATTERN, NAME_PATTERN, Prompt, diff_prompts, parse_reference
from budwood_prompts.errors import PromptNotFoundError
from budwood_server.api.access import get_database, get_worker, require
from budwood_server.api.errors import list_responses
from budwood_server.api.idempotency import IdempotencyKey, create_once
from budwood_server.api.paging import Page, PageQuery
from budwood_server.api_models.moments import from_seconds
from budwood_server.api_models.prompts import (
    DifferenceReply,
    LabelBody,
    MessageReply,
    PromptReply,
    RenderedReply,
    VersionReply,
)
from budwood_server.gateway.request_options import check_option
from budwood_server.people import audit
from budwood_server.people.principals import Principal
from budwood_server.people.roles import PROMPTS_READ, PROMPTS_RENDER, PROMPTS_WRITE
from budwood_server.prompts import store

router = APIRouter(prefix="/api/prompts", tags=["prompts"])

Reader = Annotated[Principal, Depends(require(PROMPTS_READ))]
Writer = Annotated[Principal, Depends(require(PROMPTS_WRITE))]
Name = Annotated[str, Path(pattern=NAME_PATTERN, max_length=100)]
Label = Annotated[str, Path(pattern=LABEL_PATTERN)]
At = Annotated[
    str | None, Query(max_length=50, description="A label or the number of a version; by default the newest.")
]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("", responses=list_responses(400, 401, 403, 503))
async def list_prompts(request: Request, paging: PageQuery, _: Reader) -> Page[PromptReply]:
    """Return the newest version of each prompt, by name."""
    (after,) = paging.after(str) or (None,)
    async with get_database(request).read() as connection:
        found = await store.list_prompts(connection, after=after, limit=paging.fetch)
        labels = await store.list_labels(connection, [each.prompt.name for each in found])
    return Page[PromptReply].of(
        found,
        paging,
        lambda each: PromptReply(**_fields(each), labels=labels[each.prompt.name]),
        lambda each: [each.prompt.name],
    )


@router.post("", status_code=201, response_model=VersionReply, responses=list_responses(400, 401, 403, 409, 503))
async def save_prompt(
    request: Request, prompt: Prompt, principal: Writer, idempotency_key: IdempotencyKey = None
) -> Response:
    """Save a prompt as a new version, which becomes the newest. Labels stay where they are."""

    async def create(connection: AsyncConnection) -> VersionReply:
        saved = await store.save_prompt(connection, prompt, principal.name)
        await audit.record(connection, principal, "prompt.save", f"{prompt.name}@{saved.version}")
        return VersionReply(**_fields(saved))

    return await create_once(request, principal, idempotency_key, create)


@router.get("/{name}", responses=list_responses(400, 401, 403, 404, 503))
async def get_prompt(request: Request, name: Name, _: Reader, at: At = None) -> PromptReply:
    """Return a version of a prompt."""
    async with get_database(request).read() as connection:
        found = await store.find_prompt(connection, parse_reference(_refer(name, at)))
        labels = await store.list_labels(connection, [name])
    return PromptReply(**_fields(found), labels=labels[name])


@router.delete("/{name}", status_code=204, responses=list_responses(400, 401, 403, 404, 503))
async def delete_prompt(request: Request, name: Name, principal: Writer) -> None:
    """Delete a prompt with all versions and labels. Their numbers are not used again."""
    async with get_database(request).write() as connection:
        versions = await store.delete_prompt(connection, name)
        await audit.record(connection, principal, "prompt.delete", name, {"versions": versions})


@router.delete("/{name}/versions/{version}", status_code=204, responses=list_responses(400, 401, 403, 404, 409, 503))
async def delete_version(request: Request, name: Name, version: Number, principal: Writer) -> None:
    """Delete a version that no label names. Its number is not used again."""
    async with get_database(request).write() as connection:
        await store.delete_version(connection, name, version)
        await audit.record(connection, principal, "prompt.delete_version", f"{name}@{version}")


@router.get("/{name}/versions", responses=list_responses(400, 401, 403, 404, 503))
async def list_versions(request: Request, name: Name, paging: PageQuery, _: Reader) -> Page[VersionReply]:
    """Return the versions of a prompt, the newest first."""
    (before,) = paging.after(int) or (None,)
    async with get_database(request).read() as connection:
        found = await store.list_versions(connection, name, before=before, limit=paging.fetch)
    return Page[VersionReply].of(found, paging, lambda each: VersionReply(**_fields(each)), lambda each: [each.version])


@router.get("/{name}/diff", responses=list_responses(400, 401, 403, 404, 503))
async def diff_versions(
    request: Request, name: Name, _: Reader, old: Annotated[str, Query(max_length=50)], new: At = None
) -> DifferenceReply:
    """Return how two versions of a prompt differ, each named by a label or a number."""
    titles = _refer(name, old), _refer(name, new)
    async with get_database(request).read() as connection:
        before, after = [await store.find_prompt(connection, parse_reference(title)) for title in titles]
    return DifferenceReply(diff=diff_prompts(before.prompt, after.prompt, old_title=titles[0], new_title=titles[1]))


@router.post("/{name}/render", responses=list_responses(400, 401, 403, 404, 503))
async def render_prompt(
    request: Request,
    name: Name,
    variables: Annotated[dict[str, JsonValue], Body(embed=True, max_length=100)],
    principal: Annotated[Principal, Depends(require(PROMPTS_RENDER))],
    at: At = None,
) -> RenderedReply:
    """Return the messages of a prompt, without asking a model. A key that infers needs no other scope."""
    if principal.key is not None and PROMPTS_READ not in principal.scopes:
        server = get_worker(request).configuration.server
        allowed = principal.key.request_options
        check_option("prompt", "prompt", server.request_options if allowed is None else allowed)
    found = await _find(request, _refer(name, at))
    messages = await asyncio.to_thread(found.prompt.render, variables)
    replies = [MessageReply(role=message.role, content=message.text) for message in messages]
    return RenderedReply(version=found.version, messages=replies)


@router.post(
    "/{name}/rollback",
    status_code=201,
    response_model=VersionReply,
    responses=list_responses(400, 401, 403, 404, 409, 503),
)
async def roll_back(
    request: Request, name: Name, body: LabelBody, principal: Writer, idempotency_key: IdempotencyKey = None
) -> Response:
    """Save the content of an earlier version as a new version, which becomes the newest."""

    async def create(connection: AsyncConnection) -> VersionReply:
        earlier = await store.find_prompt(connection, parse_reference(f"{name}@{body.version}"))
        saved = await store.save_prompt(connection, earlier.prompt, principal.name)
        details = {"restored": body.version}
        await audit.record(connection, principal, "prompt.roll_back", f"{name}@{saved.version}", details)
        return VersionReply(**_fields(saved))

    return await create_once(request, principal, idempotency_key, create)


@router.put("/{name}/labels/{label}", responses=list_responses(400, 401, 403, 404, 503))
async def set_label(request: Request, name: Name, label: Label, body: LabelBody, principal: Writer) -> LabelBody:
    """Give a label to a version. It is removed from the one that had it."""
    async with get_database(request).write() as connection:
        await store.set_label(connection, name, label, body.version)
        await audit.record(connection, principal, "prompt.label", f"{name}@{label}", {"version": body.version})
    return body


@router.delete("/{name}/labels/{label}", status_code=204, responses=list_responses(400, 401, 403, 404, 503))
async def remove_label(request: Request, name: Name, label: Label, principal: Writer) -> None:
    """Remove a label."""
    async with get_database(request).write() as connection:
        await store.remove_label(connection, name, label)
        await audit.record(connection, principal, "prompt.unlabel", f"{name}@{label}")


async def _find(request: Request, reference: str) -> store.PromptVersion:
    """
    Return a version of a prompt; an error names the labels of the prompt, or similar prompts.

    Raises:
        PromptNotFoundError: There is no such prompt, version or label.
    """
    try:
        async with get_database(request).read() as connection:
            return await store.find_prompt(connection, parse_reference(reference))
    except PromptNotFoundError as error:
        services = get_worker(request).services
        error.hint = (services and await services.prompts.suggest(reference)) or error.hint
        raise


def _refer(name: str, at: str | None) -> str:
    return name if at is None else f"{name}@{at}"


def _fields(found: store.PromptVersion) -> dict[str, Any]:
    return {
        "prompt": found.prompt,
        "version": found.version,
        "created": from_seconds(found.created),
        "author": found.author,
    }
