"""``/api/keys``: the API keys of clients."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Query, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood.logs import emit
from budwood_server.access.key_list import KeyFilter, list_keys
from budwood_server.access.key_store import KeyStore
from budwood_server.access.keys import ADMIN, INFER, ApiKey, KeyPolicy
from budwood_server.api.access import get_database, get_worker, require
from budwood_server.api.errors import list_responses
from budwood_server.api.idempotency import IdempotencyKey, create_once
from budwood_server.api.paging import Page, PageQuery
from budwood_server.api_models.keys import KeyDetails, KeyDetailsLeft, KeyLeft, NewKeyDetails, Rotation
from budwood_server.database import DatabaseError
from budwood_server.limits.remaining import LimitedKey, read_remaining
from budwood_server.people.principals import Principal
from budwood_server.people.roles import KEYS_READ, KEYS_WRITE
from budwood_server.web.problems import Problem, ProblemError, reject

router = APIRouter(prefix="/api/keys", tags=["keys"])

Reader = Annotated[Principal, Depends(require(KEYS_READ))]
Writer = Annotated[Principal, Depends(require(KEYS_WRITE))]
Text = Annotated[str | None, Query(min_length=1, max_length=200)]


def read_filter(
    *,
    team: Text = None,
    name: Text = None,
    state: Literal["active", "expired", "revoked"] | None = None,
    source: Text = None,
) -> KeyFilter:
    """Return the filter of a list, with texts that databases accept."""
    for field, text in (("team", team), ("name", name), ("source", source)):
        if text is not None and "\0" in text:
            raise reject(f"{field} has a null character.", param=field)
    return KeyFilter(team, name, state, source)


@router.get("", responses=list_responses(400, 401, 403, 503))
async def list_all(
    request: Request, _: Reader, where: Annotated[KeyFilter, Depends(read_filter)], paging: PageQuery
) -> Page[KeyDetails]:
    """List keys, the newest first, also those that were revoked unless the filter says otherwise."""
    after, now = paging.after(float, str), datetime.now(UTC)
    async with get_database(request).read() as connection:
        keys = await list_keys(connection, where, now, after=after, limit=paging.fetch)
    return Page[KeyDetails].of(keys, paging, KeyDetails.of, lambda key: (key.created.timestamp(), key.id))


@router.get("/{key_id}", responses=list_responses(400, 401, 403, 404, 503))
async def show(request: Request, _: Reader, key_id: str) -> KeyDetailsLeft:
    """Return a key, without its secret, and what is left of its budget and limits."""
    key = await _find(KeyStore(get_database(request)), key_id)
    return KeyDetailsLeft.of(key, left=(await read_left(request, [key])).get(key.id))


async def read_left(request: Request, keys: Collection[LimitedKey]) -> Mapping[str, KeyLeft]:
    """Return what is left of the limits of keys, by their ids; nothing while that cannot be read."""
    services = get_worker(request).services
    if services is None:
        return {}
    try:
        found = await read_remaining(services.leases, keys)
    except OSError as error:
        emit("limits of keys not read", level="warning", reason=str(error))
        return {}
    return {key_id: KeyLeft.model_validate(left) for key_id, left in found.items()}


@router.post("", status_code=201, response_model=NewKeyDetails, responses=list_responses(400, 401, 403, 409, 503))
async def create(
    request: Request, writer: Writer, policy: KeyPolicy, idempotency_key: IdempotencyKey = None
) -> Response:
    """Create a key, and return it once: only a hash of it is stored."""
    _check_scopes(writer, policy)
    if policy.expires is not None and policy.expires <= datetime.now(UTC):
        raise reject("expires has passed.", param="expires", hint="Choose a later moment.")
    store = KeyStore(get_database(request))

    async def insert(connection: AsyncConnection) -> NewKeyDetails:
        new = await store.create(policy, source="api", principal=writer, transaction=connection)
        return NewKeyDetails.of_new(new)

    return await create_once(request, writer, idempotency_key, insert)


@router.post("/{key_id}/rotate", response_model=NewKeyDetails, responses=list_responses(400, 401, 403, 404, 409, 503))
async def rotate(
    request: Request,
    writer: Writer,
    key_id: str,
    rotation: Annotated[Rotation | None, Body()] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Give a key a new secret, and return it once. Its id, limits, files and batches stay."""
    store = KeyStore(get_database(request))
    found = await _find(store, key_id)
    _check_scopes(writer, found)
    overlap = 0.0 if rotation is None else rotation.overlap

    async def change(connection: AsyncConnection) -> NewKeyDetails:
        new = await store.rotate(found.id, overlap=overlap, principal=writer, transaction=connection)
        return NewKeyDetails.of_new(new)

    reply = await create_once(request, writer, idempotency_key, change, status=200)
    await _refresh(request)
    return reply


@router.post("/{key_id}/revoke", response_model=KeyDetails, responses=list_responses(400, 401, 403, 404, 409, 503))
async def revoke(request: Request, writer: Writer, key_id: str, idempotency_key: IdempotencyKey = None) -> Response:
    """Revoke a key for good. Every server refuses it within a second."""
    store = KeyStore(get_database(request))
    found = await _find(store, key_id)
    _check_scopes(writer, found)

    async def change(connection: AsyncConnection) -> KeyDetails:
        return KeyDetails.of(await store.revoke(found.id, principal=writer, transaction=connection))

    reply = await create_once(request, writer, idempotency_key, change, status=200)
    await _refresh(request)
    return reply


async def _find(store: KeyStore, key_id: str) -> ApiKey:
    """
    Return the key with an id.

    Raises:
        ProblemError: 404: there is none.
    """
    stored = None if "\0" in key_id else await store.load(key_id)
    if stored is None:
        raise reject("No key has this id.", code="not_found", hint="GET /api/keys lists the keys.", status=404)
    return stored.key


def may_change(writer: Principal, policy: KeyPolicy | KeyDetails) -> bool:
    """Tell whether a principal may create or change a key: without the scope admin only one that only infers."""
    return KEYS_WRITE in writer.scopes and (ADMIN in writer.scopes or {*policy.scopes} <= {INFER})


def _check_scopes(writer: Principal, policy: KeyPolicy) -> None:
    """Check that who changes a key may do so."""
    if not may_change(writer, policy):
        raise ProblemError(
            Problem(
                status=403,
                message="Only an admin may create or change keys with other scopes than infer.",
                type="permission_error",
                code="missing_scope",
                param="scopes",
                hint="Use an account with the role admin, or a key with the scope admin.",
            )
        )


async def _refresh(request: Request) -> None:
    """Notice a change of keys now, in this process; others notice it by themselves."""
    services = get_worker(request).services
    if services is not None:
        with suppress(DatabaseError):  # the watch tries again
            await services.keys.refresh()
