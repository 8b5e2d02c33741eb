"""``/api/auth``: log in, stay logged in, and log out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.access.authentication import INVALID_LOGIN
from budwood_server.api.access import COOKIE, check_origin, get_database, get_worker, require
from budwood_server.api.errors import list_responses
from budwood_server.api_models.accounts import Account
from budwood_server.api_models.auth import LoginReply, PrincipalReply, TicketReply
from budwood_server.people.accounts import change_account, load_password
from budwood_server.people.attempts import count_attempt, forgive_attempt
from budwood_server.people.audit import record
from budwood_server.people.logins import (
    ACCESS_SECONDS,
    LOGIN_SECONDS,
    TICKET_SECONDS,
    LoginKind,
    end_login,
    find_csrf_token,
    find_login,
    hold_account,
    hold_login,
    issue_cookie,
    issue_ticket,
    issue_tokens,
    start_login,
    use_once,
)
from budwood_server.people.passwords import GivenPassword, Password, hash_in_thread, verify_password
from budwood_server.people.principals import Principal, from_account
from budwood_server.web.client_address import find_client_address
from budwood_server.web.problems import Problem, ProblemError, reject

router = APIRouter(prefix="/api/auth", tags=["login"])

Anyone = Annotated[Principal, Depends(require(None))]

_WRONG_PASSWORD = Problem(
    status=401,
    message="The name or the password is wrong.",
    type="authentication_error",
    code="wrong_password",
    hint="An administrator can set another password.",
    headers={"www-authenticate": "Bearer"},
)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class LoginBody(_Body):
    """
    A login: with name and password, or with a ticket.

    Attributes:
        name: The name of the account.
        password: Its password.
        ticket: A ticket in place of both.
        kind: ``"program"`` for tokens, or ``"page"`` for a cookie.
    """

    name: Annotated[str, Field(max_length=200)] | None = None
    password: GivenPassword | None = None
    ticket: Annotated[SecretStr, Field(max_length=200)] | None = None
    kind: LoginKind = "program"

    @model_validator(mode="after")
    def _has_one_proof(self) -> LoginBody:
        has_password = self.name is not None and self.password is not None
        if has_password == (self.ticket is not None):
            raise ValueError("send name and password, or a ticket")
        return self


class RefreshBody(_Body):
    """What a program sends for its next tokens."""

    refresh_token: Annotated[SecretStr, Field(max_length=200)]


class PasswordBody(_Body):
    """A change of the own password."""

    current: GivenPassword
    new: Password


@router.post("/login", responses=list_responses(400, 401, 403, 429, 503))
async def log_in(request: Request, response: Response, body: LoginBody) -> LoginReply:
    """Log in. A page gets a new cookie, and the session before it ends."""
    if "origin" in request.headers or body.kind == "page":
        check_origin(request)
    if body.ticket is not None:
        return await _log_in_by_ticket(request, response, body.ticket.get_secret_value(), body.kind)
    return await _log_in_by_password(request, response, body)


@router.post("/refresh", responses=list_responses(400, 401, 503))
async def refresh(request: Request, response: Response, body: RefreshBody) -> LoginReply:
    """Return the next tokens of a program. A refresh token that was used before ends its login."""
    token = body.refresh_token.get_secret_value()
    async with get_database(request).write() as connection:
        login = await hold_login(connection, token, "refresh")
        if login is not None and await use_once(connection, token, "refresh"):
            response.headers["cache-control"] = "no-store"
            return await _reply_tokens(connection, login.id, login.account)
        if login is not None:
            await end_login(connection, login.id)
            await record(connection, login.principal, "login.reuse", login.id)
    raise ProblemError(INVALID_LOGIN)


@router.post("/logout", status_code=204, responses=list_responses(400, 401, 403, 503))
async def log_out(request: Request, response: Response, principal: Anyone) -> None:
    """End the login of the access token or the cookie."""
    login_id = _get_login(principal)
    async with get_database(request).write() as connection:
        await end_login(connection, login_id)
    response.delete_cookie(COOKIE, path="/")


@router.post("/tickets", status_code=201, responses=list_responses(400, 401, 403, 503))
async def create_ticket(request: Request, response: Response, principal: Anyone) -> TicketReply:
    """Return a ticket, which logs in once within 60 seconds, for example to open a page from a program."""
    login_id = _get_login(principal)
    async with get_database(request).write() as connection:
        ticket = await issue_ticket(connection, login_id)
    response.headers["cache-control"] = "no-store"
    return TicketReply(ticket=ticket, expires_in=TICKET_SECONDS)


@router.post("/password", status_code=204, responses=list_responses(400, 401, 403, 429, 503))
async def change_password(request: Request, body: PasswordBody, principal: Anyone) -> None:
    """Change the own password. All logins of the account end."""
    _get_login(principal)
    _, current = await _verify(request, principal.name, body.current.get_secret_value())
    hashed = await hash_in_thread(body.new.get_secret_value())
    async with get_database(request).write() as connection:
        if await hold_account(connection, principal.id, current) is None:
            raise ProblemError(_WRONG_PASSWORD)
        await change_account(connection, principal, principal.id, password_hash=hashed)


@router.get("/me", responses=list_responses(400, 401, 403, 503))
async def get_principal(request: Request, principal: Anyone) -> PrincipalReply:
    """Return who sends the request."""
    cookie = request.cookies.get(COOKIE)
    is_page = cookie is not None and principal.login_id is not None and "authorization" not in request.headers
    return PrincipalReply(
        id=principal.id,
        name=principal.name,
        kind=principal.kind,
        scopes=sorted(principal.scopes),
        csrf_token=find_csrf_token(cookie) if is_page and cookie is not None else None,
    )


async def _log_in_by_ticket(request: Request, response: Response, ticket: str, kind: LoginKind) -> LoginReply:
    async with get_database(request).write() as connection:
        login = await hold_login(connection, ticket, "ticket")
        if login is None or not await use_once(connection, ticket, "ticket"):
            raise ProblemError(INVALID_LOGIN)
        return await _start(request, response, connection, login.account, kind)


async def _log_in_by_password(request: Request, response: Response, body: LoginBody) -> LoginReply:
    name, password = (body.name or "").lower(), body.password.get_secret_value() if body.password else ""
    found, verified = await _verify(request, name, password)
    async with get_database(request).write() as connection:
        account = await hold_account(connection, found.id, verified)
        if account is None:  # it was changed while the password was compared
            raise ProblemError(_WRONG_PASSWORD)
        return await _start(request, response, connection, account, body.kind)


async def _verify(request: Request, name: str, password: str) -> tuple[Account, str]:
    """Return the account and the hash of its password, if the password is its own and not too many were tried."""
    if "\0" in name:  # PostgreSQL does not accept it
        raise ProblemError(_WRONG_PASSWORD)
    database, address = get_database(request), _find_address(request)
    await count_attempt(database, name, address)
    async with database.read() as connection:
        found = await load_password(connection, name)
    if not await verify_password(password, None if found is None else found[1]) or found is None:
        raise ProblemError(_WRONG_PASSWORD)
    async with database.write() as connection:
        await forgive_attempt(connection, name, address)
    return found


def _find_address(request: Request) -> str:
    proxies = get_worker(request).configuration.server.trusted_proxies
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
    return find_client_address(request.client.host if request.client else "", forwarded, proxies)


async def _start(
    request: Request, response: Response, connection: AsyncConnection, account: Account, kind: LoginKind
) -> LoginReply:
    """Start a login in the transaction that holds the account, and end the login of the same page before it."""
    response.headers["cache-control"] = "no-store"
    previous = request.cookies.get(COOKIE)
    if previous is not None and (old := await find_login(connection, previous, "cookie")) is not None:
        await end_login(connection, old.id)
    login_id = await start_login(connection, account.id, kind)
    await record(connection, from_account(account, login_id), "login", login_id, {"kind": kind})
    if kind == "program":
        return await _reply_tokens(connection, login_id, account)
    cookie = await issue_cookie(connection, login_id)
    seconds = LOGIN_SECONDS["page"]
    is_secure = request.headers.get("origin", "").startswith("https://")  # as the browser sees it; a proxy ends TLS
    response.set_cookie(COOKIE, cookie, int(seconds), path="/", secure=is_secure, httponly=True, samesite="lax")
    return LoginReply(account=account, expires_in=seconds, csrf_token=find_csrf_token(cookie))


async def _reply_tokens(connection: AsyncConnection, login_id: str, account: Account) -> LoginReply:
    tokens = await issue_tokens(connection, login_id)
    return LoginReply(
        account=account, expires_in=ACCESS_SECONDS, access_token=tokens.access, refresh_token=tokens.refresh
    )


def _get_login(principal: Principal) -> str:
    """Return the login of an account; a key has none."""
    if principal.login_id is None:
        raise reject("A key has no login.", code="no_login", hint="Log in with an account: POST /api/auth/login.")
    return principal.login_id
