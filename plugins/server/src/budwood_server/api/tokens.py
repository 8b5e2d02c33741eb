"""``/api/tokens``: the tokens of vendors that the server keeps. No route returns one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood.errors import BudwoodError
from budwood_server.api.access import Admin, get_database, get_worker
from budwood_server.api.errors import list_responses
from budwood_server.api.idempotency import IdempotencyKey, create_once
from budwood_server.api.paging import Page, PageQuery
from budwood_server.api.pattern_words import TOKEN_ID_PATTERN
from budwood_server.api_models.tokens import RewrappedSecretsReply, RewrapReply, TokenReply
from budwood_server.vault import acts, store
from budwood_server.vault.master_keys import MasterKeys, find_master_keys
from budwood_server.vault.provider_settings import check_provider, describe_problem
from budwood_server.vault.tokens import NewToken, Provider, Secret, VendorToken

router = APIRouter(prefix="/api/tokens", tags=["tokens"])

TokenId = Annotated[str, Path(max_length=64, pattern=TOKEN_ID_PATTERN, description="The id of a token.")]


class NewText(BaseModel):
    """
    The new text of a token.

    Attributes:
        token: The token, as the vendor shows it. It is never returned.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: Secret


@router.get("", responses=list_responses(400, 401, 403, 503))
async def list_tokens(
    request: Request, _: Admin, paging: PageQuery, provider: Annotated[Provider | None, Query()] = None
) -> Page[TokenReply]:
    """Return tokens, the newest first. Each shows its last four characters."""
    after = paging.after(float, str)
    async with get_database(request).read() as connection:
        rows = await store.list_tokens(connection, provider=provider, after=after, limit=paging.fetch)
    return Page[TokenReply].of(
        [row.token for row in rows],
        paging,
        lambda token: _describe(request, token),
        lambda token: (token.created.timestamp(), token.id),
    )


@router.get("/{token_id}", responses=list_responses(400, 401, 403, 404, 503))
async def get_token(request: Request, _: Admin, token_id: TokenId) -> TokenReply:
    """Return a token, without its text."""
    async with get_database(request).read() as connection:
        return _describe(request, (await store.load_token(connection, token_id)).token)


@router.post("", status_code=201, response_model=TokenReply, responses=list_responses(400, 401, 403, 409, 503))
async def add_token(
    request: Request, principal: Admin, new: NewToken, idempotency_key: IdempotencyKey = None
) -> Response:
    """
    Store a token. Every worker uses it within a second, before a key of its settings.

    Without a master key it is refused: `budwood server master-key create` makes one.
    """

    async def create(connection: AsyncConnection) -> TokenReply:
        return TokenReply(**dict(await acts.add(connection, principal, keys, new)))

    keys = await find_keys(request)
    await asyncio.to_thread(check_provider, get_worker(request).configuration.settings, new.provider)
    answer = await create_once(request, principal, idempotency_key, create)
    await _reload(request)
    return answer


@router.post("/rewrap", response_model=RewrapReply, responses=list_responses(400, 401, 403, 409, 503))
async def rewrap_tokens(request: Request, principal: Admin, idempotency_key: IdempotencyKey = None) -> Response:
    """Seal all tokens and secrets of webhooks with the newest master key. Those that cannot be opened stay."""

    async def change(connection: AsyncConnection) -> RewrapReply:
        done, secrets = await acts.rewrap(connection, principal, keys)
        failed = [TokenReply(**dict(token), problem=describe_problem(error)) for token, error in done.failed]
        count = len(done.changed)
        return RewrapReply(
            master_key=keys.current.id,
            rewrapped=count,
            unchanged=done.unchanged,
            failed=failed,
            webhook_secrets=RewrappedSecretsReply(
                rewrapped=secrets.changed,
                unchanged=secrets.unchanged,
                failed=[webhook for webhook, _ in secrets.failed],
            ),
        )

    keys = await find_keys(request)
    return await create_once(request, principal, idempotency_key, change, status=200)


@router.post("/{token_id}/rotate", response_model=TokenReply, responses=list_responses(400, 401, 403, 404, 409, 503))
async def rotate_token(
    request: Request, principal: Admin, token_id: TokenId, new: NewText, idempotency_key: IdempotencyKey = None
) -> Response:
    """Replace a token by a new one of the vendor. Every worker uses it within a second."""

    async def change(connection: AsyncConnection) -> TokenReply:
        return TokenReply(**dict(await acts.rotate(connection, principal, keys, token_id, new.token)))

    keys = await find_keys(request)
    answer = await create_once(request, principal, idempotency_key, change, status=200)
    await _reload(request)
    return answer


@router.delete("/{token_id}", status_code=204, responses=list_responses(400, 401, 403, 404, 503))
async def remove_token(request: Request, principal: Admin, token_id: TokenId) -> None:
    """Remove a token. Every worker forgets it within a second; the vendor still accepts it."""
    async with get_database(request).write() as connection:
        await acts.remove(connection, principal, token_id)
    await _reload(request)


def _describe(request: Request, token: VendorToken) -> TokenReply:
    services = get_worker(request).services
    problems = services.vault.opened.problems if services is not None else {}
    return TokenReply(**dict(token), problem=problems.get(token.id))


async def find_keys(request: Request) -> MasterKeys:
    """
    Return the master keys.

    Raises:
        MasterKeyError: There is none, or one is not valid.
    """
    return await asyncio.to_thread(find_master_keys, get_worker(request).configuration.settings)


async def _reload(request: Request) -> None:
    """Use the tokens in this worker at once. Others notice the change, as this one does if it fails now."""
    with suppress(BudwoodError):
        await get_worker(request).reload_tokens()
