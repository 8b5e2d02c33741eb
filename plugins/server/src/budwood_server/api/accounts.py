"""``/api/accounts``: accounts of people, for administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.api.access import Admin, get_database
from budwood_server.api.errors import list_responses
from budwood_server.api.idempotency import IdempotencyKey, create_once
from budwood_server.api.paging import Page, PageQuery
from budwood_server.api.pattern_words import PRINTABLE_PATTERN
from budwood_server.api_models.accounts import Account, AccountName
from budwood_server.people import accounts
from budwood_server.people.passwords import Password, hash_in_thread
from budwood_server.people.roles import Role

router = APIRouter(prefix="/api/accounts", tags=["accounts"])

AccountPath = Annotated[
    str, Path(max_length=64, pattern=PRINTABLE_PATTERN, description="The id or the name of an account.")
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class NewAccount(_Body):
    """An account to be created."""

    name: AccountName
    role: Role
    password: Password


class AccountChanges(_Body):
    """What to change of an account; what is null stays."""

    role: Role | None = None
    password: Password | None = None
    disabled: bool | None = None


@router.get("", responses=list_responses(400, 401, 403, 503))
async def list_accounts(request: Request, paging: PageQuery, _: Admin) -> Page[Account]:
    """List accounts by their names."""
    after = paging.after(str)
    async with get_database(request).read() as connection:
        found = await accounts.list_accounts(connection, after=after[0] if after else None, limit=paging.fetch)
    return Page[Account].of(found, paging, lambda account: account, lambda account: (account.name,))


@router.post("", status_code=201, response_model=Account, responses=list_responses(400, 401, 403, 409, 503))
async def create_account(
    request: Request, body: NewAccount, principal: Admin, idempotency_key: IdempotencyKey = None
) -> Response:
    """Create an account."""
    hashed = await hash_in_thread(body.password.get_secret_value())

    async def create(connection: AsyncConnection) -> Account:
        return await accounts.create_account(connection, principal, body.name, body.role, hashed)

    return await create_once(request, principal, idempotency_key, create)


@router.get("/{account}", responses=list_responses(400, 401, 403, 404, 503))
async def get_account(request: Request, account: AccountPath, _: Admin) -> Account:
    """Return an account."""
    async with get_database(request).read() as connection:
        return await accounts.find_account(connection, account)


@router.patch("/{account}", responses=list_responses(400, 401, 403, 404, 503))
async def change_account(request: Request, account: AccountPath, body: AccountChanges, principal: Admin) -> Account:
    """Change the role or the password of an account, disable or enable it. Its logins end."""
    hashed = await hash_in_thread(body.password.get_secret_value()) if body.password is not None else None
    async with get_database(request).write() as connection:
        return await accounts.change_account(
            connection, principal, account, role=body.role, password_hash=hashed, is_disabled=body.disabled
        )


@router.delete("/{account}", status_code=204, responses=list_responses(400, 401, 403, 404, 503))
async def remove_account(request: Request, account: AccountPath, principal: Admin) -> None:
    """Remove an account. What it did stays in the audit log."""
    async with get_database(request).write() as connection:
        await accounts.remove_account(connection, principal, account)
