"""Find the key of a request, and check that it is for what the request wants."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final

from budwood_server.access.keys import ADMIN, INFER
from budwood_server.people.roles import list_key_scopes, list_roles
from budwood_server.web.problems import Problem, ProblemError

if TYPE_CHECKING:
    from budwood_server.access.keys import ApiKey
    from budwood_server.worker import Worker

OWN_PREFIX: Final = "bw_"
"""How keys of this server and access tokens of its accounts begin."""

INVALID_KEY: Final = Problem(
    status=401,
    message="The API key is missing or not valid.",
    type="authentication_error",
    code="invalid_api_key",
    hint="Send a key of this server as 'Authorization: Bearer bw_live_…' or in the header x-api-key.",
    headers={"www-authenticate": "Bearer"},
)

INVALID_LOGIN: Final = Problem(
    status=401,
    message="The login is not valid, or has ended.",
    type="authentication_error",
    code="invalid_login",
    hint="Log in again.",
    headers={"www-authenticate": "Bearer"},
)


async def authenticate(worker: Worker, find_header: Callable[[str], str | None], scope: str) -> ApiKey:
    """
    Return the key of a request.

    Args:
        worker: Knows the keys.
        find_header: Returns the value of a header by its name in lower case, or None.
        scope: What the key must be for.

    Raises:
        ProblemError: 401 without a valid key; 403 if it is not for that.
    """
    key = await find_key(worker, find_header)
    if scope not in key.scopes:
        raise forbid(key.scopes, scope)
    return key


async def find_key(worker: Worker, find_header: Callable[[str], str | None]) -> ApiKey:
    """
    Return the key of a request, whatever it is for.

    Raises:
        ProblemError: 401 without a valid key.
    """
    token = find_token(find_header)
    key = await worker.find_key(token) if token else None
    if key is None:
        raise ProblemError(INVALID_KEY)
    return key


def find_token(find_header: Callable[[str], str | None]) -> str | None:
    """
    Return the key in the header of OpenAI, Anthropic or Azure.

    Clients may send another token beside it, for a proxy before this server or by mistake.
    """
    scheme, _, token = (find_header("authorization") or "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else None
    if bearer is not None and bearer.startswith(OWN_PREFIX):
        return bearer
    return find_header("x-api-key") or find_header("api-key") or bearer


def forbid(scopes: Collection[str], scope: str, kind: str = "key") -> ProblemError:
    """
    Return the error for a request that its sender may not send.

    Args:
        scopes: What the sender may do.
        scope: What the request needs.
        kind: ``"key"`` or ``"account"``.
    """
    if kind == "account":
        hint = f"Ask an administrator for another role: {' or '.join(list_roles(scope))}."
    elif ADMIN in scopes and scope == INFER:
        hint = "An admin key cannot infer: create another key."
    else:
        sufficient = list_key_scopes(scope)
        command = f"`budwood server keys create NAME --scope {sufficient[0]}`"
        hint = f"Use a key with the scope {' or '.join(sufficient)}: {command}."
    return ProblemError(
        Problem(
            status=403,
            message=f"This {kind} is not for {scope!r}.",
            type="permission_error",
            code="missing_scope",
            hint=hint,
        )
    )
